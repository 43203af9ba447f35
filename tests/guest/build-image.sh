#!/bin/sh
# Builds the Linux guest of the interop tests: Debian's kernel as it is shipped, and an initramfs of busybox, ethtool and
# the modules that the tests load. Nothing is installed: the kernel package is downloaded and unpacked.
#
#   build-image.sh [CACHE_FOLDER]       default: .cache/guest under the repository
#
# Leaves CACHE_FOLDER/vmlinuz and CACHE_FOLDER/initramfs.cpio.gz. A second run with the same inputs only compares a stamp.
# Needs: apt-get, dpkg-deb, busybox (static), ethtool, cpio, gzip, flock.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-$here/../../.cache/guest}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

fail() {
    echo "build-image.sh: $*" >&2
    exit 1
}

# Test runs may start side by side; the second waits and then finds the stamp.
exec 9>"$cache/lock"
flock 9

for tool in apt-get apt-cache dpkg-deb dpkg-query busybox ethtool cpio gzip ldd sha256sum; do
    command -v "$tool" >/dev/null || fail "$tool is missing (apt-get install busybox-static ethtool cpio)"
done
busybox=$(command -v busybox)
ethtool=$(command -v ethtool)
ldd "$busybox" >/dev/null 2>&1 && fail "$busybox needs shared libraries (apt-get install busybox-static)"

# The modules that tests load, by their names; what they depend on comes along. The network ones are loaded at boot.
modules="virtio_pci virtio_net vhost_net tun tap cuse fuse af_packet 8021q veth bridge 9p 9pnet_virtio"

# linux-image-amd64 is an empty package that depends on the versioned one.
find_kernel() {
    apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*-amd64\)$/\1/p' | head -n 1
}
package=$(find_kernel)
if [ -z "$package" ]; then
    apt-get -qq update || true
    package=$(find_kernel)
fi
[ -n "$package" ] || fail "apt-cache knows no linux-image-amd64: run apt-get update, and look at /etc/apt/sources.list"
version=$(apt-cache policy "$package" | sed -n 's/^ *Candidate: //p')
release=${package#linux-image-}

# Whatever shapes the image is in the stamp: this script, the guest's own scripts, the kernel and the programs copied in.
stamp=$({
    cat "$here/build-image.sh" "$here/init" "$here/host-root"
    echo "$package $version"
    sha256sum "$busybox" "$ethtool"
} | sha256sum | cut -d ' ' -f 1)

if [ "$(cat "$cache/stamp" 2>/dev/null)" = "$stamp" ] && [ -s "$cache/vmlinuz" ] && [ -s "$cache/initramfs.cpio.gz" ]; then
    echo "guest image $release is up to date"
    exit 0
fi
rm -f "$cache/stamp"

# What an interrupted build left; the lock says that nobody builds now.
rm -rf "$cache"/build.*
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The package stays in the cache: a change of init must not download 70 MB again.
deb=$cache/${package}_$(echo "$version" | sed 's/:/%3a/')_amd64.deb
if ! dpkg-deb --info "$deb" >/dev/null 2>&1; then
    # The download runs as root inside our own folder, where apt's sandbox user may not write.
    (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$package=$version") || fail "cannot download $package $version (apt-get update?)"
    rm -f "$cache"/linux-image-*.deb
    mv "$work"/*.deb "$deb"
fi

mkdir "$work/kernel" "$work/root"
dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/kernel" --wildcards \
    './boot/vmlinuz-*' './lib/modules/*/modules.*' './lib/modules/*/kernel/drivers/net/*.ko' './lib/modules/*/kernel/drivers/v*/*.ko' \
    './lib/modules/*/kernel/fs/*.ko' './lib/modules/*/kernel/net/*.ko'
"$busybox" depmod -b "$work/kernel" "$release"

cd "$work/root"
mkdir -p bin sbin etc proc sys dev tmp run root lib64 "lib/modules/$release"
tree=$work/kernel/lib/modules/$release
for module in $modules; do
    # modules.dep: "path/x.ko: path/of/a/dependency.ko ...". Dashes and underscores in module names mean the same.
    line=$(sed -n "s|^\(\(.*/\)\{0,1\}$module\.ko\):|\1|p" "$tree/modules.dep" | head -n 1)
    if [ -z "$line" ]; then
        grep -q "/$module\.ko\$" "$tree/modules.builtin" || fail "$package has no module $module"
        continue
    fi
    for file in $line; do
        mkdir -p "lib/modules/$release/$(dirname "$file")"
        cp "$tree/$file" "lib/modules/$release/$file"
    done
done
cp "$tree/modules.order" "$tree/modules.builtin" "lib/modules/$release/"
"$busybox" depmod -b "$work/root" "$release"

cp "$busybox" bin/busybox
cp "$ethtool" sbin/ethtool
# ldd names the loader by its path and the libraries after "=>"; the guest has them at the same places.
ldd "$ethtool" | sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*$/\1/p' | while read -r library; do
    mkdir -p ".$(dirname "$library")"
    cp -L "$library" ".$library"
done
cp "$here/init" init
cp "$here/host-root" sbin/host-root
chmod 755 init sbin/host-root

# The same input gives the same file: sorted names, no times, no owners.
find . -print0 | xargs -0 touch -h -d @0
find . -print0 | LC_ALL=C sort -z | cpio --quiet --null --create --format=newc --owner=+0:+0 --reproducible | gzip -n -6 >"$cache/initramfs.cpio.gz.new"
cp "$work/kernel/boot/vmlinuz-$release" "$cache/vmlinuz.new"
mv "$cache/initramfs.cpio.gz.new" "$cache/initramfs.cpio.gz"
mv "$cache/vmlinuz.new" "$cache/vmlinuz"
echo "$stamp" >"$cache/stamp"
echo "guest image $release built in $cache"
