"""The agent's own process by psutil, the only module that knows it."""

from __future__ import annotations

import psutil


class OwnProcess:
    """Held from scrape to scrape: to find a process anew, psutil reads when the machine was booted each time."""

    def __init__(self) -> None:
        me = psutil.Process()
        self._asked = (
            ("virt_agent_process_cpu_seconds_total", lambda: sum(me.cpu_times()[:2])),
            ("virt_agent_process_resident_memory_bytes", lambda: me.memory_info().rss),
            ("virt_agent_process_open_fds", me.num_fds),
            ("virt_agent_process_threads", me.num_threads),
            ("virt_agent_process_start_time_seconds", me.create_time),
        )

    def figures(self) -> dict[str, float]:
        """Values by metric name; what the sandbox hides is left out."""
        found = {}
        for name, ask in self._asked:
            try:
                found[name] = float(ask())
            except (psutil.Error, OSError):
                continue
        return found
