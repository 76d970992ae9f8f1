"""`virt-agent`: parse, run the mode, exit with its code."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Options

# Mode → module of `modes` and function there; a mode's module is imported when it is asked for.
_MODES = {
    "check": ("check", "check"),
    "json": ("check", "json_document"),
    "detect": ("check", "detect"),
    "metrics": ("metrics", "metrics"),
    "serve": ("serve", "serve"),
    "snapshot": ("snapshot", "snapshot"),
    "list": ("snapshot", "list_contents"),
    "diff": ("diff", "diff"),
    "readiness": ("readiness", "readiness"),
    "instance-type": ("instance_type", "instance_type"),
    "bench": ("bench", "bench"),
    "rules": ("rules", "list_rules"),
    "explain": ("rules", "explain"),
    "collect-privileged": ("privileged", "collect_privileged"),
    "check-config": ("check_config", "check_config"),
}
BAD_ARGUMENTS = 3
CANNOT_TELL = 3


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code."""
    from .options import UsageError, parse

    try:
        options = parse(sys.argv[1:] if arguments is None else arguments, os.environ)
        return _run(options)
    except UsageError as error:
        _complain(str(error))
        return BAD_ARGUMENTS
    except BrokenPipeError:
        # The reader went away (`virt-agent --check | head -1`); Python must not complain of it at exit.
        _discard_output()
        return 0
    except OSError as error:
        print(f"virt-agent: cannot write: {error.strerror or error}", file=sys.stderr)
        _discard_output()
        return CANNOT_TELL
    except KeyboardInterrupt:
        print("virt-agent: interrupted", file=sys.stderr)
        return CANNOT_TELL
    except Exception as error:
        if os.environ.get("VIRT_AGENT_TRACEBACK"):
            raise
        print(
            f"virt-agent: internal error: {error!r:.200}; please report it, with VIRT_AGENT_TRACEBACK=1",
            file=sys.stderr,
        )
        return CANNOT_TELL


def _complain(message: str) -> None:
    priority = ""
    if "JOURNAL_STREAM" in os.environ:
        from .serve.logs import in_journal

        priority = "<3>" if in_journal(os.environ) else ""
    print(f"{priority}virt-agent: {message}", file=sys.stderr)


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(options: Options) -> int:
    if options.mode == "help":
        from .render.usage import help_text

        sys.stdout.write(help_text())
        return 0
    if options.mode == "version":
        from . import __version__

        print(f"virt-agent {__version__}")
        return 0
    from virt_collectors.errors import DamagedSnapshot

    from .option_table import CONFIGURED

    module, function = _MODES[options.mode]
    try:
        if options.mode in CONFIGURED and options.mode != "check-config":
            from .modes.chosen import settle

            settle(options)
        mode = getattr(__import__(f"{__package__}.modes.{module}", fromlist=[function]), function)
        code: int = mode(options)
    except DamagedSnapshot as error:
        print(f"virt-agent: {error}", file=sys.stderr)
        return BAD_ARGUMENTS
    sys.stdout.flush()
    return code


def run() -> None:
    """The console script: exits at once, for a thread that hangs in a read must not hold the process."""
    gc.disable()  # one look makes little to collect and ends at once; the daemon switches it on
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0  # the reader had enough
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
