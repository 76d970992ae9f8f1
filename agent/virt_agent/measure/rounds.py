"""The probes in turn: each gives one value a round, until there are enough or the time is up."""

from __future__ import annotations

import threading
import time

from virt_collectors.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    T = TypeVar("T")

ROUNDS = 15


class NotMeasured(Exception):
    """A figure that cannot be had here; the message says why."""


class Probe:
    """Measures some figures again and again."""

    def batch(self, left: float) -> Mapping[str, float]:
        """One value for each of its figures, within fewer than `left` seconds. Raises NotMeasured, OSError."""
        raise NotImplementedError


class Planned(Record):
    """The figures of a probe, and what makes it; making it may take time and fail like a batch."""

    figures: tuple[str, ...]
    make: Callable[[float], Probe]


class Measured(Record):
    """The values of a figure, one a round, or the reason why there are none."""

    values: tuple[float, ...] = ()
    reason: str | None = None


def run(
    planned: Sequence[Planned], until: float, rounds: int = ROUNDS, clock: Callable[[], float] = time.monotonic
) -> dict[str, Measured]:
    """All probes in turn, so many rounds, or fewer where the next would end after `until` on the clock."""
    found: dict[str, list[float]] = {name: [] for each in planned for name in each.figures}
    reasons: dict[str, str] = {}
    alive: list[tuple[Planned, Probe]] = []
    for each in planned:
        probe = _attempt(lambda each=each: each.make(until - clock()), each, reasons)  # type: ignore[misc]
        if probe is not None:
            alive.append((each, probe))
    longest = 0.0
    for _ in range(rounds):
        began = clock()
        if not alive or began + longest > until:
            break
        alive = [pair for pair in alive if _batch(*pair, until - clock(), found, reasons)]
        longest = max(longest, clock() - began)
    return {name: _measured(values, reasons.get(name)) for name, values in found.items()}


def _batch(each: Planned, probe: Probe, left: float, found: dict[str, list[float]], reasons: dict[str, str]) -> bool:
    """Whether the probe is to go on."""
    values = _attempt(lambda: probe.batch(left), each, reasons)
    for name, value in (values or {}).items():
        found[name].append(value)
    return values is not None


def _attempt(what: Callable[[], T], each: Planned, reasons: dict[str, str]) -> T | None:
    try:
        return what()
    except NotMeasured as error:
        why = str(error)
    except OSError as error:
        why = error.strerror or str(error)
    except MemoryError:
        why = "not enough memory"
    reasons.update(dict.fromkeys(each.figures, why))
    return None


def _measured(values: list[float], reason: str | None) -> Measured:
    """Values that a probe gave before it failed are not kept: they are the ones before the trouble."""
    if reason is None and not values:
        reason = "the time for the run was up"
    return Measured((), reason) if reason else Measured(tuple(values))


def aside(what: Callable[[], T], seconds: float) -> T:
    """The answer of something that the kernel may hold for ever, from a thread that is then left behind."""
    answers: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            answers.append(what())
        except BaseException as error:  # noqa: BLE001  handed to whoever waits
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if errors:
        raise errors[0]
    if not answers:
        raise NotMeasured(f"it has not returned for {seconds:.1f} s and may hang")
    return answers[0]
