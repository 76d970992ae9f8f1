"""`python -m tests.supply audit|sbom|costs`: one of these three.

audit           asks for known vulnerabilities in the pinned versions; 1 where there are some, 2 where nobody could be asked
sbom            holds the bills of materials of both packages against CycloneDX's schema
costs [--write] measures what each library costs, and writes it into docs/dependencies.md
"""

from __future__ import annotations

import sys

from . import audit, costs, sbom

PARTS = {"audit": audit.main, "sbom": sbom.main, "costs": costs.main}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in PARTS:
        print(__doc__, file=sys.stderr)
        return 2
    return PARTS[arguments[0]](arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
