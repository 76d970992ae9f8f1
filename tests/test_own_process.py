"""The daemon's figures of its own process."""

from __future__ import annotations

import os
import threading

from virt_agent.serve.process import OwnProcess


def test_they_are_of_now_each_time() -> None:
    own = OwnProcess()
    before = own.figures()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    after = own.figures()
    waiting.set()
    thread.join()
    os.close(descriptor)
    assert before.keys() == after.keys()
    assert after["virt_agent_process_open_fds"] == before["virt_agent_process_open_fds"] + 1
    assert after["virt_agent_process_threads"] == before["virt_agent_process_threads"] + 1
    assert after["virt_agent_process_cpu_seconds_total"] >= before["virt_agent_process_cpu_seconds_total"]
    assert after["virt_agent_process_start_time_seconds"] == before["virt_agent_process_start_time_seconds"]
    assert after["virt_agent_process_resident_memory_bytes"] > 1 << 20
