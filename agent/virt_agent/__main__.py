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
        if exhausted(error):
            _complain("no memory or no thread to be had; look at what limits them: free memory, MemoryMax=, TasksMax=")
            return CANNOT_TELL
        print(
            f"virt-agent: internal error: {error!r:.200}; please report it, with VIRT_AGENT_TRACEBACK=1",
            file=sys.stderr,
        )
        return CANNOT_TELL


def exhausted(error: Exception) -> bool:
    """Whether it says that the machine, or a limit, gives nothing more; Python has no class of its own for threads."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "start new thread" in str(error))


def _complain(message: str) -> None:
    priority = ""
    if "JOURNAL_STREAM" in os.environ:
        from .serve.logs import in_journal

        priority = "<3>" if in_journal(os.environ) else ""
    # what a file says may be told in it: one line, and no escape sequence
    shown = "".join(letter if letter.isprintable() else "?" for letter in message)
    print(f"{priority}virt-agent: {shown}", file=sys.stderr)


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
        _complain(str(error))
        return BAD_ARGUMENTS
    sys.stdout.flush()
    return code


def _open_missing() -> None:
    """Started without some of the three (`2>&-`), what is opened next gets their numbers, and with them what is printed."""
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(spare)
    sys.stdout, sys.stderr = sys.__stdout__ or os.fdopen(1, "w"), sys.__stderr__ or os.fdopen(2, "w")


def run() -> None:
    """The console script: exits at once, and lets go of its output, for whoever reads that to its end.

    A thread that hangs in the kernel keeps the process, and with it what is open, until its read returns.
    """
    gc.disable()  # one look makes little to collect and ends at once; the daemon switches it on
    if None in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        _open_missing()
    code = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = 0  # the reader had enough
    sys.stderr.flush()
    os.closerange(1, 3)
    os._exit(code)


if __name__ == "__main__":
    run()
