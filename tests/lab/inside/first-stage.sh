#!/bin/busybox sh
# The ramdisk's init: load the drivers in their order, mount root, lay the
# courier over it and go there. The lab_* words are the kernel's arguments.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev

# A module that this processor cannot use (crc32c-intel) may refuse.
for module in /modules/*; do insmod "$module" 2>/dev/null; done

# Disks are probed side by side: their names tell nothing.
find_courier() {
    for disk in /courier.tar /dev/sd? /dev/vd? /dev/xvd? /dev/nvme?n1; do
        [ -e "$disk" ] && [ "$(head -c 11 "$disk")" = lab-courier ] && echo "$disk" && return
    done
}

for _ in $(seq 600); do
    lab_courier=$(find_courier)
    root=$(findfs "UUID=$lab_root" 2>/dev/null)
    [ -e /root.tar ] && root=/root.tar
    [ "$lab_courier" ] && [ "$root" ] && break
    sleep 0.1
done

case $root in
/dev/*) mount -t ext4 "$root" /root ;;
/root.tar) mount -t tmpfs tmpfs /root && tar -C /root -xf "$root" && rm "$root" ;;
*) echo "lab: broken no root or no courier in the first stage" && poweroff -f ;;
esac
tar -C /root -xf "$lab_courier"
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
export LAB_COURIER="$lab_courier" PYTHONPATH=/lab PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec switch_root /root /usr/bin/python3 -m "$lab_stage"
