# Installs the real counterparts and reserves huge pages. Sourced by test.sh and bench.sh.

# The real counterparts: DPDK's testpmd is in dpdk-dev; gcc and the kernel's headers check structure layouts.
# bsdutils has script, which gives a program a terminal. libxdp1 is what net_af_xdp itself needs, and libxdp-dev has its structures; ping is a counterpart for it.
# virt-xml-validate needs both of the last.
packages=(dpdk dpdk-dev openvswitch-switch openvswitch-switch-dpdk qemu-system-x86 busybox-static cpio iproute2 ethtool procps tcpdump iperf3 iputils-ping bsdutils libxdp1 libxdp-dev gcc libc6-dev libvirt-clients libxml2-utils)

install_packages() {
    local missing=()
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing: ${missing[*]}"
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo -n)
    # Daemons that packages start by themselves are not wanted: tests run their own in private folders.
    local policy=/usr/sbin/policy-rc.d made=
    if [ "$(id -u)" -eq 0 ] && [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=1; fi
    "${sudo[@]}" apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
    local result=$?
    [ -n "$made" ] && rm -f $policy
    [ $result -eq 0 ] || { echo "test.sh: cannot install ${missing[*]}; install them by hand (Debian's names) and start again" >&2; exit 1; }
}

# Reserves so many huge pages of 2 MiB at least, where that is allowed; without them DPDK's processes use normal pages.
reserve_huge_pages() {
    local wanted=$1 pages=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
    [ -w $pages ] || return 0
    [ "$(cat $pages)" -ge "$wanted" ] || echo "$wanted" >$pages || true
    mkdir -p /mnt/huge 2>/dev/null || return 0
    mountpoint -q /mnt/huge || mount -t hugetlbfs nodev /mnt/huge -o pagesize=2M || true
}

# Reserves one huge page of 1 GiB where the kernel can still find one.
reserve_gigantic_page() {
    local pages=/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
    [ -w $pages ] || return 0
    [ "$(cat $pages)" -ge 1 ] || echo 1 >$pages || true
}
