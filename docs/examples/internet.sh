#!/usr/bin/env bash
# Two guests behind vhost-switch, and a network outside: an uplink by AF_XDP, VLAN tags 1000 and 1001 as VMDQ has them.
#
#   namespace "internet"                 namespace "host"
#   wire.1000 10.1.0.100 --+                                  +-- guest 0  10.1.0.1, 10.0.0.1
#                          wire ===== uplink -- vhost-switch -+
#   wire.1001 10.1.1.100 --+                                  +-- guest 1  10.1.1.1, 10.0.0.2
#
# As root, in the folder of the project; nothing is left behind. Debian packages: dotnet-sdk-10.0 (Microsoft's), qemu-system-x86 iproute2 ethtool
# iputils-ping busybox-static cpio libxdp1, and openvswitch-switch where the kernel has no VLAN interfaces.
# Exit code 0: the guests reached each other and the outside.
set -euo pipefail
cd "$(dirname "$0")/../.."

folder=$(mktemp -d) host=vs-host-$$ internet=vs-internet-$$ processes=()
cleanup() {
    for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
    wait
    ip netns delete $internet 2>/dev/null || true
    ip netns delete $host 2>/dev/null || true
    rm -rf "$folder"
}
trap cleanup EXIT
say() { printf '\n== %s\n' "$*"; }
wait_for() { # FILE
    for _ in $(seq 300); do [ -e "$1" ] && return; sleep 0.1; done
    echo "$1 has not appeared within 30 s" >&2
    exit 1
}

say "build the switch and a Linux guest"
dotnet build -c Release src/vhost-switch -nologo -v quiet
sh tests/guest/build-image.sh "$PWD/.cache/guest"

say "the network outside, on a pair of veth interfaces"
ip netns add $host
ip netns add $internet
ip link add uplink netns $host type veth peer name wire netns $internet
ip -n $host link set dev uplink up
ip -n $internet link set dev wire up
# Past the kernel's network stack nobody finishes checksums, or puts a tag into a frame that lies beside it.
ip netns exec $internet ethtool -K wire tx off txvlan off >/dev/null
if ip -n $internet link add link wire name wire.1000 type vlan id 1000 2>/dev/null; then
    ip -n $internet link add link wire name wire.1001 type vlan id 1001
else
    echo "this kernel has no VLAN interfaces: Open vSwitch has them in user space"
    export OVS_RUNDIR=$folder OVS_LOGDIR=$folder OVS_DBDIR=$folder OVS_SYSCONFDIR=$folder
    vsctl="ovs-vsctl --db=unix:$folder/db.sock --timeout=30"
    ovsdb-tool create "$folder/conf.db" /usr/share/openvswitch/vswitch.ovsschema
    ovsdb-server "$folder/conf.db" --remote=punix:"$folder/db.sock" -vconsole:off & processes+=($!)
    wait_for "$folder/db.sock"
    $vsctl --no-wait init
    ip netns exec $internet /usr/lib/openvswitch-switch/ovs-vswitchd "unix:$folder/db.sock" -vconsole:off & processes+=($!)
    $vsctl add-br br0 -- set Bridge br0 datapath_type=netdev fail-mode=standalone -- add-port br0 wire
    for tag in 1000 1001; do $vsctl add-port br0 wire.$tag tag=$tag -- set Interface wire.$tag type=internal; done
fi
for device in 0 1; do
    ip -n $internet addr add 10.1.$device.100/24 dev wire.100$device
    ip -n $internet link set dev wire.100$device up
done

say "the switch: -a attaches the interface, -p makes it the uplink, -P lets broadcasts with a device's tag in"
vhost_switch=artifacts/bin/vhost-switch/release/vhost-switch
ip netns exec $host $vhost_switch -l 0 -a uplink -- -p 0x1 -P --socket-file "$folder/vm0" --socket-file "$folder/vm1" \
    --ctl-socket "$folder/ctl" & processes+=($!)
wait_for "$folder/ctl"

say "two guests"
for guest in 0 1; do
    wait_for "$folder/vm$guest"
    mkfifo "$folder/shell$guest.in" "$folder/shell$guest.out"
    qemu-system-x86_64 -nodefaults -display none -accel tcg -cpu max -m 256M \
        -kernel .cache/guest/vmlinuz -initrd .cache/guest/initramfs.cpio.gz \
        -append "console=ttyS0 quiet panic=0 mitigations=off no_timer_check" \
        -serial file:"$folder/console$guest" -chardev pipe,id=shell,path="$folder/shell$guest" -serial chardev:shell \
        -object memory-backend-memfd,id=mem,size=256M,share=on -numa node,memdev=mem \
        -chardev socket,id=c0,path="$folder/vm$guest" -netdev type=vhost-user,id=n0,chardev=c0,vhostforce=on \
        -device virtio-net-pci,netdev=n0,mac=52:54:00:00:00:0$guest,romfile=,vectors=0 & processes+=($!)
    eval "exec {in$guest}<>$folder/shell$guest.in {out$guest}<>$folder/shell$guest.out"
    # Devices are numbered as they connect, and the number makes the tag.
    for _ in $(seq 300); do $vhost_switch ctl --socket "$folder/ctl" show | grep -q "^vhost$guest " && break; sleep 0.1; done
done

# The guests take commands at a serial port: tests/guest/init.
commands=0
run() { # GUEST COMMAND
    local to=in$1 from=out$1 line
    commands=$((commands + 1))
    printf 'RUN %d %s\n' $commands "$(printf %s "$2" | base64 -w0)" >&"${!to}"
    while read -r -t 180 line <&"${!from}"; do
        case $line in
            "#END $commands "*) return "${line##* }" ;;
            ''|'#'*) ;;
            *) echo "guest $1: $line" ;;
        esac
    done
    echo "guest $1 says nothing any more" >&2
    return 1
}
for guest in 0 1; do
    from=out$guest
    until read -r -t 180 line <&"${!from}" && [ "${line%% *}" = "#READY" ]; do :; done
    run $guest "ip link set eth0 up && ip addr add 10.0.0.$((guest + 1))/24 dev eth0 && ip addr add 10.1.$guest.1/24 dev eth0"
done
# The first frames of a link that just came up may be lost to nobody's fault.
reach="for i in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 2 \$to >/dev/null && break; done; ping -c 5 -i 0.2 -W 5 \$to"

say "guest 0 reaches guest 1"
run 0 "to=10.0.0.2; $reach"
say "the guests reach the outside, each by its VLAN"
run 0 "to=10.1.0.100; $reach"
run 1 "to=10.1.1.100; $reach"
say "the outside reaches a guest"
ip netns exec $internet ping -c 5 -i 0.2 -W 5 10.1.1.1

say "what the switch says"
$vhost_switch ctl --socket "$folder/ctl" show
