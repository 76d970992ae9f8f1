"""--metrics: the exposition once, to standard output or atomically into a file for node_exporter."""

from __future__ import annotations

import os
import sys

from .. import metrics as exposition
from ..options import Options, UsageError
from .check import look


def metrics(options: Options) -> int:
    """Writes the exposition; 0 where it could be written."""
    text = exposition.render(look(options))
    path = options.get("textfile")
    if path is None:
        sys.stdout.write(text.decode())
    else:
        write_atomically(path, text)
    return 0


def write_atomically(path: str, content: bytes) -> None:
    """Replace a file whole, mode 0644: its reader sees the old content or the new, never a part."""
    if not path.endswith(".prom"):
        raise UsageError(f"--textfile {path}: node_exporter reads only files whose names end in .prom")
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            os.rename(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UsageError(f"--textfile {path}: {error.strerror}; check that its directory exists and has room") from None
