"""The test machine: Debian with systemd as process 1, under QEMU's emulation, and the package installed in it.

`python3 -m tests.vm` builds two packages of the tree, boots the machine, installs, upgrades, tries and removes the
package in there, and tells of each promise whether it is kept.
"""
