"""What a program inside the service's sandbox can do: each attempt in a child of its own, the outcomes as JSON.

An outcome is "done" with what came of it, the errno's name, or the signal that ended the child.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

PORT = 10490  # where the course listens, on addresses allowed and denied
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNS, MS_BIND, PTRACE_SEIZE = 0x10000000, 0x00020000, 4096, 0x4206
LIMIT_SECONDS = 20


def touch(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.close(descriptor)
    os.unlink(path)


def append(path: str) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))


def read(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return f"{len(file.read(64))} bytes"


def names(path: str) -> str:
    return " ".join(sorted(os.listdir(path))[:20])


def processes() -> int:
    """How many of other users."""
    return sum(name.isdecimal() and os.stat(f"/proc/{name}").st_uid != os.getuid() for name in os.listdir("/proc"))


def connect(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.settimeout(3)  # the filter drops what it denies
        sock.connect((address, PORT))
        return sock.recv(16).decode()


def family(number: int) -> None:
    socket.socket(number, socket.SOCK_RAW if number == socket.AF_PACKET else socket.SOCK_DGRAM).close()


def call(name: str, *arguments: Any) -> None:
    if getattr(LIBC, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def writable_code() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def set_user_id_file() -> None:
    path = "/tmp/probe-suid"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    try:
        os.chmod(path, 0o4755)
    finally:
        os.unlink(path)


WRITES = [
    "/etc/probe",
    "/usr/bin/probe",
    "/boot/probe",
    "/opt/probe",
    "/srv/probe",
    "/var/probe",
    "/var/log/probe",
    "/var/lib/probe",
    "/run/probe",
    "/run/lock/probe",
    "/dev/shm/probe",
    "/home/probe",
    "/root/probe",
]
CHANGES = [
    "/etc/virt-agent/config.toml",
    "/usr/share/virt-agent/virt_agent/__init__.py",
    "/etc/passwd",
    "/proc/sys/kernel/panic",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/run/virt-agent/static.json",
]
SECRETS = ["/etc/shadow", "/home/admin/secret", "/root/parcel", "/dev/vda", "/dev/mem", "/dev/kmsg", "/proc/1/environ"]

ATTEMPTS: dict[str, tuple[Any, ...]] = {
    **{f"make {path}": (touch, path) for path in WRITES},
    **{f"change {path}": (append, path) for path in CHANGES},
    **{f"read {path}": (read, path) for path in SECRETS},
    "list /home": (names, "/home"),
    "list /root": (names, "/root"),
    "list /dev": (names, "/dev"),
    "others' processes": (processes,),
    "connect loopback": (connect, "127.0.0.1"),
    "connect own network": (connect, "10.0.2.15"),
    "connect metadata": (connect, "169.254.169.254"),
    "connect metadata IPv6": (connect, "fd00:ec2::254"),
    "connect elsewhere": (connect, "192.0.2.10"),
    "connect elsewhere IPv6": (connect, "2001:db8::10"),
    "packet socket": (family, getattr(socket, "AF_PACKET", 17)),
    "netlink socket": (family, getattr(socket, "AF_NETLINK", 16)),
    "become root": (os.setuid, 0),
    "new user namespace": (call, "unshare", CLONE_NEWUSER),
    "new mount namespace": (call, "unshare", CLONE_NEWNS),
    "mount": (call, "mount", b"/etc", b"/tmp", None, MS_BIND, None),
    "set host name": (call, "sethostname", b"test-machine", 12),
    "set-user-id file": (set_user_id_file,),
    "writable code": (writable_code,),
    "set the clock": (call, "settimeofday", ctypes.create_string_buffer(16), None),
    "other personality": (call, "personality", 8),
    # Seized, not attached to: that would stop it.
    "trace process 1": (call, "ptrace", PTRACE_SEIZE, 1, None, None),
}


def outcome(function: Callable[..., Any], *arguments: Any) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(LIMIT_SECONDS)
        try:
            told = f"done {function(*arguments) or ''}".strip()
        except OSError as error:
            told = errno.errorcode.get(error.errno or 0, str(error))
        except BaseException as error:  # noqa: BLE001 - the parent must learn of it, whatever it is
            told = repr(error)
        os.write(writing, told.encode()[:2000])
        os._exit(0)
    os.close(writing)
    told = os.read(reading, 2048).decode()
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return f"killed by {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else told


if __name__ == "__main__":
    told = {name: outcome(*attempt) for name, attempt in ATTEMPTS.items()}
    sys.stdout.write("probe " + json.dumps(told) + "\n")
