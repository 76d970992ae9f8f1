"""`python3 -m tests.fuzz.child TARGET LIBFUZZER-ARGUMENTS`: one target under atheris, in a process of its own.

libFuzzer takes the process over and ends it: a crash is its exit code, and a file at the place of -artifact_prefix.
"""

from __future__ import annotations

import importlib
import sys

import atheris  # type: ignore[import-not-found,unused-ignore]

_INSTRUMENTED = ("virt_agent", "virt_collectors", "tarfile")


def main() -> None:
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=_INSTRUMENTED, enable_loader_override=False):
        target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
        for content in target.seeds():
            target.run(content)  # modules that are imported late would stay without instruments
    atheris.Setup([sys.argv[0], f"-max_len={target.most}", *arguments], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
