"""Write the dashboards and the page on them, made from the data in this directory.

    python3 packaging/grafana [DIRECTORY]

Without a directory they are written where they are kept: here, and docs/dashboards.md. It needs Python 3.10 and nothing
else.
"""

from __future__ import annotations

import json
import os
import sys

import document
import fleet
import grafana
import guest

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, "..", "..", "docs")
DASHBOARDS = (fleet.DASHBOARD, guest.DASHBOARD)


def main(arguments: list[str]) -> int:
    """0, or 2 for arguments that are none."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print("usage: python3 packaging/grafana [DIRECTORY]", file=sys.stderr)
        return 2
    for name, content in made().items():
        kept = DOCS if name.endswith(".md") else HERE
        directory = arguments[0] if arguments else kept
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, name), "w", encoding="ascii") as file:
            file.write(content)
    return 0


def made() -> dict[str, str]:
    """The files' names and contents."""
    files = {f"{one.file}.json": json.dumps(grafana.dashboard(one), indent=2) + "\n" for one in DASHBOARDS}
    return files | {"dashboards.md": document.text(DASHBOARDS)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
