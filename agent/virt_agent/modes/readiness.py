"""--readiness reboot, hvm or nitro: one look at the machine and at what its next boot would take."""

from __future__ import annotations

import json
import sys

from .. import observe
from ..options import Options, UsageError
from ..readiness import COLLECTORS, answer
from ..readiness.form import EXIT_CODES, REBOOT
from ..render.progress import progress
from .check import colour
from .chosen import chosen, host
from .walk import ToldRunner

RUN_SECONDS = 30.0  # initramfs images are unpacked, and nobody waits for a page


def readiness(options: Options) -> int:
    """The answer, as text or JSON; the exit code is 0 ready, 1 not ready, 2 would not boot, 3 unknown."""
    from ..render import readiness as render

    target, without = str(options.get("readiness")), tuple(options.get("without", ()))
    if without and target != REBOOT:
        raise UsageError(f"--without goes with --readiness {REBOOT}, not with {target}")
    seconds = options.get("timeout", RUN_SECONDS)
    wanted = chosen(options)
    with progress(options) as line:
        reading, collection = observe.read(
            ToldRunner(host(options), line, max(seconds / 2, 1.0)),
            wanted.without_collectors,
            (*COLLECTORS, *wanted.with_collectors),
            seconds,
        )
        line.tell("judging")
        found = answer(reading, target, without)
    if options.get("json"):
        document = render.document(found, reading, collection.outcomes)
        sys.stdout.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
    else:
        style = render.Style(options.verbosity, bool(options.get("quiet")), colour(options.get("color", "auto")))
        sys.stdout.write(render.text(found, reading, collection.outcomes, style))
    return EXIT_CODES[found.answer]
