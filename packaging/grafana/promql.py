"""Pieces of PromQL that several panels share."""

from __future__ import annotations

JOB = 'job=~"$job"'
GUEST = 'job="$job", instance="$instance"'
# node_exporter runs beside the agent: another port, else the same instance. Backticks take what ${host:regex} escapes.
NODE = "instance=~`${host:regex}(:[0-9]+)?`"

LINK = (
    "/d/virt-agent-guest/virt-agent-guest?var-datasource=${{datasource}}&var-job={job}&var-instance={instance}&{time}"
)
TIME = "${__url_time_range}"
ROW_LINK = LINK.format(job="${__data.fields.job}", instance="${__data.fields.instance}", time=TIME)
SERIES_LINK = LINK.format(job="${__field.labels.job}", instance="${__field.labels.instance}", time=TIME)

NODE_EXPORTER = "node_exporter on the guests, with the same instance but for the port"


def with_host(series: str) -> str:
    """The instance without its port, in a label of its own."""
    return f'label_replace({series}, "host", "$1", "instance", "(.*?)(:[0-9]+)?")'


HOSTS = with_host(f"group by (job, instance) (virt_guest_info{{{JOB}}})")


def of_hosts(series: str) -> str:
    """What node_exporter says of the guests that have an agent; it must be one series for each instance."""
    return f"{HOSTS} * on (host) group_left () max by (host) ({with_host(series)})"


def counted(condition: str) -> str:
    """How many series meet a condition that is written with bool: 0 where none does, nothing where none is there."""
    return f"sum({condition})"


def noted(series: str, label: str, text: str, source: str = "", pattern: str = "") -> str:
    """A series with one label more, whose text may use what a pattern found in another label."""
    return f'label_replace({series}, "{label}", "{text}", "{source}", "{pattern}")'
