"""docs/dashboards.md, made from the same data as the dashboards."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from model import Dashboard, Panel

_BEGIN = """# Dashboards

Two dashboards for Grafana 9 to 12, in `packaging/grafana` (of the package, `/usr/share/doc/virt-agent/examples/grafana`):
*Fleet* for all guests, *Guest* for one. They ask a Prometheus that scrapes the agents ([prometheus.md](prometheus.md)), or Mimir, Thanos or VictoriaMetrics in its place. No recording
rule is needed.

## Plugging them in

By hand: *Dashboards, New, Import*, and give it `fleet.json` and `guest.json`. Or as files:

    # /etc/grafana/provisioning/dashboards/virt-agent.yaml
    apiVersion: 1
    providers:
      - name: virt-agent
        options: {path: /var/lib/grafana/dashboards/virt-agent}

Their uid is `virt-agent-fleet` and `virt-agent-guest`, and stays: a link may lead to
`/d/virt-agent-guest?var-job=JOB&var-instance=INSTANCE`. At the top one chooses the data source (*Prometheus*), the job, and
in *Guest* the guest. A guest's name in a table of *Fleet* leads to its *Guest*.

**node_exporter.** The kernel's release, steal and the clocksource are node_exporter's, and the agent does not export
them again. Panels that show them take a node_exporter of any job with the same `instance`, whatever its port: where the
agent is `db-17:10480`, it is `db-17:9100`; where `instance` is the instance id, it has to be so for both jobs. Without
node_exporter these panels say so, and all others work.

**Empty** panels tell in words why: *no guest on PV* is an answer, *no agent scraped* a fault.

**Rates** reach over four minutes at least, so that a scrape every 60 seconds is enough. A rate has nothing to tell
in the first minutes of an agent.

**To change them**, change the modules beside them and run `python3 packaging/grafana`, which writes both and this page. In
Grafana one saves a copy under another uid, so that the next version does not overwrite it.

`python -m tests.grafana` asks a real Prometheus, which has scraped real agents, every query of every panel.
"""


def text(dashboards: tuple[Dashboard, ...]) -> str:
    """The whole page."""
    return _BEGIN + "".join(line + "\n" for each in dashboards for line in _dashboard(each))


def _dashboard(dashboard: Dashboard) -> Iterator[str]:
    yield from ("", f"## {dashboard.title.rpartition(' ')[2]}", "", dashboard.answers)
    for row in dashboard.rows:
        yield from (
            "",
            f"### {row.title}",
            "",
            "| panel | wide | answers | then | where it is empty |",
            "|---|---|---|---|---|",
        )
        yield from map(_line, row.panels)


def _line(panel: Panel) -> str:
    answers = f"{panel.answers} Needs {panel.needs}." if panel.needs else panel.answers
    cells = (panel.title, f"{panel.width}/24", answers, panel.act, panel.empty or "-")
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _plain(cell: str) -> str:
    """No sign in it means anything to Markdown."""
    return cell.replace("*", "\\*").replace("_", "\\_").replace("|", "\\|")
