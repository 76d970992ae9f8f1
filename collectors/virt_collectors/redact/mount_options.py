"""Mount options: those that say how a file system behaves stay, those with names or secrets go.

Credentials stand there in clear: username=, password=, credentials=, secret= (mount.cifs(8), mount.ceph(8)).
"""

from __future__ import annotations

import re

from . import names as called
from .identifiers import Scrubber
from .tables import words

# mount(8), ext4(5), xfs(5), btrfs(5), nfs(5), systemd.mount(5), crypttab(5); cgroup controllers.
_FLAGS = words(
    "defaults ro rw auto noauto user nouser users owner exec noexec suid nosuid dev nodev sync async dirsync"
    " atime noatime diratime nodiratime relatime norelatime strictatime lazytime nolazytime remount bind rbind"
    " nofail _netdev discard nodiscard acl noacl user_xattr nouser_xattr barrier nobarrier delalloc nodelalloc"
    " journal_checksum journal_async_commit noload norecovery quota noquota usrquota grpquota prjquota uquota"
    " gquota pquota attr2 inode64 inode32 largeio nouuid wsync swalloc ssd nossd autodefrag space_cache"
    " nospace_cache degraded compress compress-force flush quiet utf8 sw hard soft intr nointr bg fg tcp udp lock"
    " nolock seclabel shared private slave unbindable hidepid x-systemd.automount x-systemd.growfs"
    " x-initrd.mount x-initrd.attach resv_strict cpu cpuacct cpuset memory devices freezer blkio pids net_cls"
    " net_prio perf_event hugetlb rdma misc luks plain swap tmp tcrypt initramfs loud readonly"
    " no-read-workqueue no-write-workqueue same-cpu-crypt submit-from-crypt-cpus nsdelegate memory_recursiveprot"
    " none - direct indirect emergency_ro shutdown"
)
_VALUED = words(
    "size mode nr_inodes nr_blocks uid gid umask fmask dmask ptmxmode errors commit data stripe barrier discard"
    " compress compress-force space_cache subvolid thread_pool metadata_ratio max_inline logbufs logbsize sunit"
    " swidth allocsize iocharset codepage shortname pri hidepid jqfmt data_err journal_ioprio inode_readahead_blks"
    " max_batch_time min_batch_time resuid resgid vers nfsvers proto port rsize wsize timeo retrans sec huge mpol"
    " x-systemd.device-timeout x-systemd.mount-timeout x-systemd.idle-timeout pipe_ro timeout minproto maxproto"
    " pgrp fd pagesize cipher offset skip key-slot keyfile-size keyfile-offset tries"
    " token-timeout sector-size"
)


def options(scrubber: Scrubber, text: str, nothing_left: str = "") -> str:
    """The comma-separated options that stay; nothing_left where none do."""
    kept = [found for found in (_option(scrubber, option) for option in text.split(",")) if found]
    scrubber.names.drop("mount options", text.count(",") + 1 - len(kept))
    return ",".join(kept) or nothing_left


def _option(scrubber: Scrubber, option: str) -> str | None:
    key, equals, value = option.partition("=")
    if not equals:
        return option if option in _FLAGS else None
    if key == "subvol":
        return f"subvol={called.directory(scrubber.names, value)}"
    safe = re.fullmatch(r"[A-Za-z0-9_.:%-]{0,32}", value)
    return f"{key}={scrubber.forms(value)}" if key in _VALUED and safe else None
