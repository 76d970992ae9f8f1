"""What people write: the guest's files that name its devices, and the agent's own settings."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from typing import Any

import yaml

from tests import web_server
from virt_agent import config
from virt_agent.option_table import UsageError
from virt_agent.serve.web import document, hashes, settings, tls
from virt_agent.serve.web.address import is_loopback, neighbourhood, parse_place
from virt_agent.serve.web.handler import accepts_gzip
from virt_agent.serve.web.passwords import credentials
from virt_collectors.device_names import decoded, joined, read_device_names
from virt_collectors.errors import Malformed
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.named_devices.block_yaml import Node, parse
from virt_collectors.source import Source

from .. import form
from ..form import Target, parts, refused, text

_PATH = "/etc/virt-agent/config.toml"
_FILES = (
    "etc/netplan/50-cloud-init.yaml", "etc/network/interfaces", "etc/crypttab", "etc/mdadm/mdadm.conf", "etc/lvm/lvm.conf",
    "etc/default/grub", "etc/udev/rules.d/70-x.rules", "etc/systemd/network/10-x.network", "etc/cloud/cloud.cfg",
    "etc/initramfs-tools/conf.d/resume", "etc/smartd.conf", "etc/lvm/devices/system.devices",
)  # fmt: skip


def block_yaml(data: bytes) -> None:
    """What it reads is what PyYAML reads; it may read less, and never something else."""
    given = text(data)
    lines = given.split("\n")
    ask = partial(parse, "etc/netplan/x.yaml", lines)
    if refused(ask, Malformed) is not None:
        return
    found = ask()
    assert 1 <= found.line <= len(lines)
    try:
        other = yaml.load(given, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return  # it refuses what we take: an unusual character, a tab
    _compare(found, other)


def _compare(ours: Node, theirs: Any) -> None:
    if ours.why is not None:
        return
    if isinstance(ours.value, dict):
        for key, node in ours.value.items():
            if isinstance(theirs, dict) and key in theirs and node.why is None:
                _compare(node, theirs[key])
    elif isinstance(ours.value, tuple):
        assert isinstance(theirs, list) or theirs is None, (ours, theirs)
        if theirs is not None:
            assert len(theirs) == len(ours.value), (ours, theirs)
            for node, other in zip(ours.value, theirs, strict=True):
                _compare(node, other)
    elif isinstance(theirs, str):
        assert ours.value == theirs, (ours, theirs)


def device_names(data: bytes) -> None:
    """Files in the order of _FILES: bounded uses, each of a line that is there."""
    made, given = MemoryTree(), dict(zip(_FILES, parts(data, len(_FILES)), strict=True))
    for path, content in given.items():
        if content:
            made.add(path, content)
    source = Source(SnapshotHost(made))
    found = read_device_names(source)
    assert source.problems == []
    for use in (*found.disks, *found.interfaces):
        assert 1 <= use.line <= given[use.path].count(b"\n") + 1
        assert len(use.text) <= 120
        assert "\n" not in use.text
    assert len(found.disks) <= 64 * len(_FILES)
    assert len(found.problems) <= 64
    for each in found.netplan:
        assert each.name or each.mac or each.matches_any or each.drivers, each
    for problem in found.problems:
        assert "\n" not in problem
    lines = text(data).split("\n")
    assert sum(len(line) for _, line in joined(lines)) <= len(text(data)) + len(lines)
    decoded(text(data))


def toml(data: bytes) -> None:
    """The agent's configuration: a Config, or one line that names the file."""
    given = text(data)
    error = refused(lambda: config.Reader(_PATH).config(config._parsed(_PATH, given)), UsageError)
    assert error is None or str(error).startswith(_PATH)


def web_configuration(data: bytes) -> None:
    """The web configuration: a Web, or one line that names the file; hashes in it have their form."""
    given, path = text(data), "/etc/virt-agent/web.yml"
    error = refused(lambda: settings.Reader(path).web(document.parse(path, given)), UsageError)
    if error is not None:
        assert str(error).startswith(path)
        return
    found = settings.Reader(path).web(document.parse(path, given))
    for name, value in found.users.items():
        assert hashes.problem(value) is None
        assert ":" not in name
    for name, value in found.headers.items():
        assert f"{name}: {value}".isprintable()
        assert f"{name}: {value}".isascii()


def certificates(data: bytes) -> None:
    """Certificate, key and clients' authorities: a context, or one line."""
    certificate, key, clients = parts(data, 3)
    given = {"cert": certificate, "key": key, "client_ca": clients}
    wanted = settings.Tls(
        certificate=settings.Material("tls_server_config.cert", text="cert"),
        key=settings.Material("tls_server_config.key", text="key"),
        client=settings.REQUIRE if clients else settings.NO_CLIENT,
        client_ca=settings.Material("tls_server_config.client_ca", text="client_ca") if clients else None,
    )
    refused(
        lambda: tls.make_context(wanted, lambda one: given[one.text or ""], settings.Reader("web.yml").wrong),
        UsageError,
    )


def headers(data: bytes) -> None:
    """Words of a request or of the command line: Authorization, Accept-Encoding, Host, an address to listen on."""
    given = data.decode("latin-1")
    found = credentials(given)
    assert found is None or (given.strip().lower().startswith("basic") and b":" not in found[0])
    assert accepts_gzip(given) in (True, False)
    assert is_loopback(given) in (True, False)
    assert len(neighbourhood(given)) <= max(len(given), 43)  # the longest network of IPv6
    if refused(lambda: parse_place(given), UsageError) is None:
        place = parse_place(given)
        assert 0 <= place.port <= 65535
        assert place.path is None or (
            place.path.startswith("/") and "\0" not in place.path and len(os.fsencode(place.path)) < 108
        )


def _yaml_seeds() -> Iterable[bytes]:
    yield b"network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n      match: {macaddress: '02:ab:cd:ef:00:01'}\n      set-name: eth0\n"
    yield b'a: [b, {c: d, e: [f]}]\nb:\n- x\n-   - y\n    - z: 1\n      w: "2"\n# c\n'


def _name_seeds() -> Iterable[bytes]:
    yield form.joined(
        next(iter(_yaml_seeds())),
        b"auto eth0\niface eth0 inet dhcp\n",
        b"swap /dev/xvdb1 /dev/urandom swap\n",
        b"DEVICE /dev/sd[bc]1 partitions\nARRAY /dev/md0 devices=/dev/xvdc,\\\n /dev/xvdd\n",
        b'devices {\n filter = [ "a|/dev/xvd.*|", "r|.*|" ]\n use_devicesfile = 1\n}\n',
        b'GRUB_CMDLINE_LINUX="root=/dev/xvda1 console=hvc0"\n',
        b'SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="02:00:00:00:00:01", NAME="eth0"\n',
        b"[Match]\nName=eth*\n[Network]\nDHCP=yes\n",
        b"network: {config: disabled}\n",
        b"RESUME=/dev/xvdb\n",
        b"/dev/sda -a\n",
        b"IDTYPE=devname IDNAME=/dev/xvdb DEVNAME=/dev/xvdb PVID=x\n",
    )


def _toml_seeds() -> Iterable[bytes]:
    yield b'[rules.P01]\nenabled = false\nreason = "x"\nuntil = 2027-03-31\n[rules.B02.subjects.sda]\nseverity = "info"\nreason = "y"\n'
    yield b'[rules.E07]\nsamples = 4\n[kernel_log]\nhours = 48\n[collectors]\nethtool = false\n[log]\nlevel = "debug"\n'


def _web_seeds() -> Iterable[bytes]:
    yield (
        web_server.CLIENTS
        + web_server.USERS
        + "http_server_config:\n  http2: false\n  headers: {X-Frame-Options: deny}\n"
    ).encode()
    yield b"tls_server_config: {cert: a, key: b, min_version: TLS13, cipher_suites: [TLS_AES_128_GCM_SHA256], curve_preferences: [X25519]}\n"


def _certificate_seeds() -> Iterable[bytes]:
    here = web_server.CERTIFICATES
    yield form.joined(*((here / name).read_bytes() for name in ("server.pem", "server.key", "client.pem")))
    yield form.joined((here / "server.pem").read_bytes(), (here / "passphrase.key").read_bytes())


def _header_seeds() -> Iterable[bytes]:
    yield web_server.basic("alice", "secret").encode()
    yield from (b"gzip;q=0, br", b"[::1]:10480", b"unix:/run/x.sock", b"localhost", b"::ffff:127.0.0.1", b"10.0.0.1")


TARGETS = (
    Target("block_yaml", "what PyYAML reads, or less", block_yaml, _yaml_seeds),
    Target("device_names", "bounded uses of lines that are there", device_names, _name_seeds),
    Target("toml", "a configuration, or one line with the file's name", toml, _toml_seeds),
    Target("web_configuration", "a configuration, or one line with the file's name", web_configuration, _web_seeds),
    Target("certificates", "a context, or one line", certificates, _certificate_seeds, 8192),
    Target("headers", "a value of the right kind, or none", headers, _header_seeds, 100),
)
