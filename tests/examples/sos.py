"""sos: a report with the plugin alone; the archive has the report, the verdict and a snapshot that replays."""

from __future__ import annotations

import tarfile
from pathlib import Path

from .form import COMMAND, Said, Tool, Unproven, run, same_first_line

PLUGIN = "virt_agent"
COLLECTED = {
    "virt-agent_--version": "virt-agent ",
    "virt-agent_--check_-v": "VIRT-AGENT ",
    "virt-agent_--check_--json": '"schema": 1',
    "virt-agent_--readiness_reboot": "reboot",
    "virt-agent_--metrics": "virt_agent_build_info{",
    "virt-agent_--check-config": "",
}
SECRET = "/etc/virt-agent/web.yml"


def prove(directory: Path) -> list[str]:
    Path(SECRET).write_text("basic_auth_users:\n")
    words = ("--batch", "--only-plugins", PLUGIN, "--tmp-dir", str(directory), "--compression-type", "gzip")
    said = run("sos", "report", *words).expect(0)
    found = sorted(directory.glob("sosreport-*.tar.gz"))
    if len(found) != 1:
        raise Unproven(f"no archive:\n{said.all[-2000:]}")
    with tarfile.open(found[0]) as archive:
        names = {"/".join(member.name.split("/")[1:]): member for member in archive.getmembers()}
        texts = {name: _text(archive, names, name) for name in COLLECTED}
        snapshot = _extract(archive, names, f"sos_commands/{PLUGIN}/snapshot/guest.tar.gz", directory)
    for name, text in COLLECTED.items():
        if text not in texts[name]:
            raise Unproven(f"{name} holds {texts[name][:500]!r}")
    if SECRET[1:] in names or "etc/virt-agent/config.toml" not in names:
        raise Unproven(f"of /etc/virt-agent it takes {[name for name in names if 'etc/virt' in name]}")
    same_first_line(_replayed(snapshot), texts["virt-agent_--check_-v"], "the report")
    return [
        f"the archive has {len(COLLECTED)} commands' outputs and the configuration, and not web.yml",
        "its snapshot is redacted; replayed, it gives the report's first line",
    ]


def _text(archive: tarfile.TarFile, names: dict[str, tarfile.TarInfo], name: str) -> str:
    path = f"sos_commands/{PLUGIN}/{name}"
    if path not in names:
        raise Unproven(f"not in the archive: {path}; there are {sorted(name for name in names if PLUGIN in name)}")
    content = archive.extractfile(names[path])
    return content.read().decode() if content else ""


def _extract(archive: tarfile.TarFile, names: dict[str, tarfile.TarInfo], path: str, directory: Path) -> Path:
    content = archive.extractfile(names[path]) if path in names else None
    if not content:
        raise Unproven(f"not in the archive: {path}; there are {sorted(names)}")
    snapshot = directory / "guest.tar.gz"
    snapshot.write_bytes(content.read())
    return snapshot


def _replayed(snapshot: Path) -> Said:
    run(COMMAND, "--list", snapshot).expect(0, "Redacted.")
    return run(COMMAND, "--root", snapshot, "--check")


TOOL = Tool("sos", ("sosreport",), "sos", prove)
