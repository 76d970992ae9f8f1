"""What a metric is; docs/metrics.md is made of these, and a test holds them together.

Names are a promise: once released, a metric keeps its name and meaning.
"""

from __future__ import annotations

from virt_collectors.record import Record

Sample = tuple[str, tuple[str, ...], float]


SUM = "sum"  # in place of a bucket's end: the sum of what a histogram observed


class Definition(Record):
    """One metric family. A histogram's samples have the bucket's end, or SUM, as their last label."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


class Reload(Record):
    """Whether the configuration was taken when it was last read, and when one was, in seconds since 1970."""

    successful: bool
    time: float


class Watched(Record):
    """What only a daemon knows: seconds stalled by disk, its own process's figures by metric, resumes seen.

    `imds_requests` counts what it asked of the metadata service, by status; `readiness` has --readiness' answers by
    target; `reload` tells of its configuration; `ages` are seconds since each collector read.
    """

    stalled_seconds: dict[str, float] = {}
    process: dict[str, float] = {}
    resumes: int = 0
    imds_requests: dict[str, int] = {}
    readiness: dict[str, str] = {}
    reload: Reload | None = None
    ages: dict[str, float] = {}
