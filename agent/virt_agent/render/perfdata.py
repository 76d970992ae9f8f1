"""Performance data behind the "|" of --format nagios: 'label'=value, plain decimals, base units."""

from __future__ import annotations

from ..report import EXIT_CODES, Report


def render(report: Report) -> str:
    """Counts of rule states, and what of the guest is a number."""
    states, memory = list(report.states.values()), report.reading.facts.memory
    pairs = [(f"rules_{state}", str(states.count(state)), "") for state in ("ok", "warning", "critical", "unknown")]
    pairs.append(("status", str(EXIT_CODES[report.status]), ""))
    if memory and memory.steal_seconds is not None:
        pairs.append(("steal", f"{memory.steal_seconds:.2f}", "c"))
    in_flight = [disk.in_flight for disk in report.reading.facts.block_devices or () if disk.in_flight is not None]
    pairs.append(("requests_in_flight", str(sum(in_flight)), ""))
    return " ".join(f"{label}={value}{unit};;;0" for label, value, unit in pairs)
