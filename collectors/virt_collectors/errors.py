"""Why something could not be read.

SourceError        path, why, and the errno's name
├── Absent         not offered on this machine (ENOENT, ENOTDIR, ENODEV, ENXIO)
├── Denied         needs a privilege we lack (EACCES, EPERM)
├── Unreadable     any other refusal: EIO, EAGAIN, EINVAL, EISDIR, ELOOP, a FIFO, too large
├── Malformed      was read, but does not have the form it must have
└── NoService      the metadata service gives no answers; `state` says why
"""

from __future__ import annotations

import errno


class SourceError(Exception):
    """Reading one path failed; never leaves the collectors."""

    def __init__(self, path: str, why: str, code: str = "") -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why
        self.code = code


class Absent(SourceError):
    """The path is not offered on this machine."""


class Denied(SourceError):
    """The path needs a privilege we lack."""


class Unreadable(SourceError):
    """The path exists and refuses to be read."""


class Malformed(SourceError):
    """The content was read and does not have its form."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why, "MALFORMED")


class NoService(SourceError):
    """The metadata service gives no answers.

    `state`: disabled (switched off by policy), unreachable, hop_limit_suspected (it takes connections and its answers
    do not come back), slow, broken, throttled, refused (it takes no token), not_ec2 (something else answers), bad_request.
    """

    def __init__(self, path: str, state: str, why: str) -> None:
        super().__init__(path, why, state)
        self.state = state


class DamagedSnapshot(Exception):
    """A snapshot cannot be opened at all; says which file and what to do."""


_ABSENT = frozenset({"ENOENT", "ENOTDIR", "ENODEV", "ENXIO"})
_DENIED = frozenset({"EACCES", "EPERM"})
_WORDS = {
    "EACCES": "permission denied",
    "EPERM": "operation not permitted",
    "ENOENT": "does not exist",
    "EISDIR": "is a directory where a file belongs",
    "ELOOP": "its symbolic links form a loop",
    "EFBIG": "is far larger than such a file can be",
    "EFTYPE": "is not a regular file (a FIFO, socket or device stands in its place)",
    "EIO": "input/output error",
    "EAGAIN": "would block",
    "EINVAL": "invalid argument",
    "EBUSY": "busy",
    "ENODATA": "was listed but not recorded in this snapshot",
}


def refusal(path: str, code: str) -> SourceError:
    """The error for an errno's name, as the kernel or a snapshot's errors.json gives it."""
    kind = Absent if code in _ABSENT else Denied if code in _DENIED else Unreadable
    return kind(path, f"{_WORDS.get(code, 'could not be read')} ({code})", code)


def from_os(path: str, error: OSError) -> SourceError:
    """The error for what the operating system said."""
    return refusal(path, errno.errorcode.get(error.errno or 0, "EIO"))
