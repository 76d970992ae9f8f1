"""`array`, without all of `collections`: that would be a twentieth of what --check takes.

`array` asks for collections.abc alone, which is another name of a module that every interpreter has loaded
(collections/__init__.py enters it so). Where nobody has loaded `collections` yet, something of that name holds it
out while `array` is loaded, and nothing stays behind.
"""

from __future__ import annotations

import _collections_abc
import sys

_NAMES = ("collections", "collections.abc")

if any(name in sys.modules for name in _NAMES):
    from array import array
else:
    sys.modules.update(zip(_NAMES, (type(sys)("collections"), _collections_abc), strict=True))
    try:
        from array import array
    finally:
        for _name in _NAMES:
            del sys.modules[_name]

__all__ = ("array",)
