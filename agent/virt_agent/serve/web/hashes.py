"""bcrypt hashes, $2a$ $2b$ $2y$, computed by libcrypt (libxcrypt has them since 4.0) or by the bcrypt module.

The three marks name the same computation; $2x$, that of a bug of 2011, is refused. A step of the cost doubles the
time: 10 takes some 60 ms, 14 a second.
"""

from __future__ import annotations

from ...option_table import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Hasher = Callable[[bytes, bytes], bytes]

LEAST_COST, MOST_COST = 4, 14
USED_BYTES = 72  # of a password; bcrypt passes over the rest
_MARKS = ("$2a$", "$2b$", "$2y$")
_LETTERS = frozenset("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_LENGTH = 60
_WORK_AREA = 32768  # bytes, sizeof(struct crypt_data) of libxcrypt
_KNOWN = (b"virt-agent", b"$2b$04$abcdefghijklmnopqrstuu")
HINT = "make one with: htpasswd -nBC 10 NAME"


def problem(text: str) -> str | None:
    """What is wrong with a hash, without telling it; None where it is fine."""
    if not text.startswith(_MARKS):
        return f"is no bcrypt hash ({' '.join(_MARKS)}); {HINT}"
    cost = text[4:6]
    if (
        len(text) != _LENGTH
        or not (cost.isascii() and cost.isdigit())
        or text[6] != "$"
        or not set(text[7:]) <= _LETTERS
    ):
        return f"is a bcrypt hash that is damaged: it has {_LENGTH} characters, $2y$COST$ and 53 more; {HINT}"
    if not LEAST_COST <= int(cost) <= MOST_COST:
        return (
            f"its cost {int(cost)} is not between {LEAST_COST} and {MOST_COST}: above, each login takes seconds; {HINT}"
        )
    return None


def hasher() -> Hasher:
    """The function that computes the hash of a password with another hash's salt and cost."""
    for make in (_by_libcrypt, _by_module):
        made = make()
        if made is not None and len(made(*_KNOWN)) == _LENGTH:
            return made
    raise UsageError("basic_auth_users needs bcrypt, which neither libcrypt.so.1 nor the module bcrypt offers here:"
                     " apt-get install libcrypt1 or python3-bcrypt")  # fmt: skip


def _by_libcrypt() -> Hasher | None:
    try:
        import ctypes

        function = ctypes.CDLL("libcrypt.so.1").crypt_rn
    except (ImportError, OSError, AttributeError, MemoryError):  # the latter where nothing may be made executable
        return None
    function.restype = ctypes.c_char_p
    function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int]

    def compute(password: bytes, salt: bytes) -> bytes:
        area = ctypes.create_string_buffer(_WORK_AREA)  # one for each call: threads compute side by side
        found: bytes | None = function(password[:USED_BYTES], salt, area, _WORK_AREA)
        return found or b""

    return compute


def _by_module() -> Hasher | None:
    try:
        import bcrypt
    except ImportError:
        return None

    def compute(password: bytes, salt: bytes) -> bytes:
        return bytes(bcrypt.hashpw(password[:USED_BYTES], salt))

    return compute
