#!/bin/sh
# layer.sh DIRECTORY LUGGAGE WORD...: run a command in this machine's root with an empty layer above it (overlayfs).
# Called in a mount and process namespace of its own; what is written lies in memory and goes with the namespace.
set -eu
base=$1 luggage=$2
shift 2

# The upper layer must not lie below the lower one.
mount -t tmpfs -o size=2g,mode=755 layer "$base"
mkdir "$base/upper" "$base/work" "$base/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
# A link into /run, where systemd-resolved is used; /run is a new one, lest maintainer scripts reach the real systemd.
if [ -L /etc/resolv.conf ]; then
    rm "$base/root/etc/resolv.conf"
    cat /etc/resolv.conf >"$base/root/etc/resolv.conf"
fi
mkdir "$base/root/luggage" "$base/root/machine" "$base/root/written"
mount --bind / "$base/root/machine"
mount --bind "$base/upper" "$base/root/written"
cp -R "$luggage/." "$base/root/luggage"
mount -t proc proc "$base/root/proc"
mount --rbind /sys "$base/root/sys"
mount --rbind /dev "$base/root/dev"
mount -t tmpfs -o mode=755 run "$base/root/run"
exec chroot "$base/root" "$@"
