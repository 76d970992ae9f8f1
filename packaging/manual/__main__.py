"""Write the manual pages, made from the tables of this tree.

    python3 packaging/manual DIRECTORY

It needs Python 3.10 and nothing else.
"""

from __future__ import annotations

import os
import sys

import origin

PAGES = {
    "virt-agent.1": "command",
    "virt-agent.toml.5": "configuration",
    "virt-agent-metrics.7": "metrics",
    "virt-agent-rules.7": "rules",
}


def main(arguments: list[str]) -> int:
    """Write all pages into a directory, which is made where it is missing."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python3 packaging/manual DIRECTORY", file=sys.stderr)
        return 2
    origin.find_modules()
    os.makedirs(arguments[0], exist_ok=True)
    for name, module in PAGES.items():
        made: str = __import__(f"{module}_page").page().text()
        with open(os.path.join(arguments[0], name), "w", encoding="ascii") as file:
            file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
