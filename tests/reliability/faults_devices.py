"""Devices that come and go, also in the middle of a read."""

from __future__ import annotations

import errno
import pathlib
import time

from .daemon import eventually
from .faults_fuse import READS, Illness
from .faults_guest import Patient, plug_in, unplug, watched
from .health import failing, recovered, unharmed, well
from .promise import Bench, Promise, hold
from .scrapes import Scrape, answered, scraping

_FRONTEND, _DISK = "vbd-832", "xvdb"
_READ = f"sys/devices/{_FRONTEND}/block/{_DISK}/stat"
_TIMES = 100
_MOST_SECONDS = 3.0


def _has_disk(scrape: Scrape) -> bool:
    return any(name.startswith(f'virt_block_device_info{{device="{_DISK}"') for name in scrape.samples)


def unplugged_in_a_read(bench: Bench) -> str:
    """A read is under way when the disk goes; the kernel ends it with ENODEV."""
    with watched(bench) as patient, scraping(patient.running) as scrapes:
        before = well(patient.running, scrapes)
        began = time.monotonic()
        away = _pull(patient)
        gone = scrapes.until(lambda one: not _has_disk(one) and failing(one) == before.failing, 5.0)
        hold(gone is not None, f"the disk is still told of; failing are {sorted(failing(scrapes.taken[-1]))}")
        said = f"disk {_DISK} vanished" in " ".join(patient.running.get("/check").body.decode().split())
        hold(said, "/check does not tell that the disk vanished")
        plug_in(patient.directory, _FRONTEND, away)
        seen = answered(scrapes.since(began), _MOST_SECONDS)
        after = recovered(patient.running, scrapes, before)
        unharmed(patient.running)
        return f"{seen}; gone without a failure after {gone or 0:.1f} s, told; {after}"


def _pull(patient: Patient) -> pathlib.Path:
    patient.files.sicken(_READ, Illness(READS))
    hold(eventually(lambda: patient.files.holding > 0, 5.0, 0.01), "no scrape reads the disk")
    away = unplug(patient.directory, _FRONTEND)
    patient.files.sicken(_READ, Illness(READS, errno.ENODEV))
    patient.files.release()
    return away


def comes_and_goes(bench: Bench) -> str:
    """Unplugged and plugged in again at any moment of a look."""
    with watched(bench) as patient, scraping(patient.running, every=0.1) as scrapes:
        before = well(patient.running, scrapes)
        began = time.monotonic()
        for turn in range(_TIMES):
            away = unplug(patient.directory, _FRONTEND)
            time.sleep(0.01 + 0.0007 * turn)
            plug_in(patient.directory, _FRONTEND, away)
            time.sleep(0.01)
        found = scrapes.since(began)
        failed = sum(failing(scrape) != before.failing for scrape in found)
        hold(not failed, f"in {failed} of {len(found)} scrapes a collector failed: {sorted(failing(found[-1]))}")
        seen = answered(found, _MOST_SECONDS)
        after = recovered(patient.running, scrapes, before)
        unharmed(patient.running)
        return f"{_TIMES} times, {seen}, {sum(map(_has_disk, found))} with the disk; {after}"


PROMISES = (
    Promise(
        "faults",
        "a disk is unplugged in the middle of a read",
        "each scrape within 3 s; the disk is told as vanished and no collector as failed; back when it is plugged in",
        unplugged_in_a_read,
    ),
    Promise(
        "faults",
        "a disk is unplugged and plugged in 100 times, at any moment of a look",
        "each scrape within 3 s, no collector fails; as before afterwards",
        comes_and_goes,
    ),
)
