#!/bin/sh
# In place of Xen's own block script, whose locks and checks for a shared disk
# take six seconds a disk here: tell blkback the device's number, no more.
[ "$1" = add ] || exit 0
device=$(xenstore-read "$XENBUS_PATH/params")
exec xenstore-write "$XENBUS_PATH/physical-device" "$(stat -L -c %t:%T "$device")" \
    "$XENBUS_PATH/physical-device-path" "$device" "$XENBUS_PATH/hotplug-status" connected
