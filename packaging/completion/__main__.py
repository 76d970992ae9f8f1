"""Write the completion for bash and zsh, made from the tables of this tree.

    python3 packaging/completion DIRECTORY

It needs Python 3.10 and nothing else.
"""

from __future__ import annotations

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SHELLS = {"virt-agent.bash": "bash", "_virt-agent": "zsh"}
_MARK = "@TABLES@\n"


def main(arguments: list[str]) -> int:
    """Write both into a directory, which is made where it is missing."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python3 packaging/completion DIRECTORY", file=sys.stderr)
        return 2
    sys.path[0:0] = [os.path.join(TOP, "agent"), os.path.join(TOP, "collectors")]
    os.makedirs(arguments[0], exist_ok=True)
    for name, shell in SHELLS.items():
        with open(os.path.join(HERE, f"{name}.in"), encoding="ascii") as file:
            before, _, after = file.read().partition(_MARK)
        tables = "\n".join(__import__(f"{shell}_tables").tables(TOP))
        with open(os.path.join(arguments[0], name), "w", encoding="ascii") as file:
            file.write(f"{before}{tables}\n{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
