"""Who sees what names this guest: nobody from elsewhere, but over TLS with a password or a client certificate."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests import corpus
from tests.test_goldens import timeless
from tests.web_server import CLIENTS, TLS, USERS, basic, configured, connect, get, rest, serving, trusting
from virt_agent.render import public, text
from virt_agent.report import Report
from virt_agent.rules.form import Finding
from virt_agent.serve import page
from virt_agent.serve.web.access import Access
from virt_agent.serve.web.connections import Connection
from virt_collectors.mounts import Mount
from virt_collectors.record import plain, replace
from virt_collectors.redact.pseudonyms import COMMON

RIGHT = basic("alice", "secret")
# By what a field is called, and by what a text looks like: written down apart from the code that hides them.
NAMING = re.compile(
    r"hostname|.*uuid|.*serial|.*asset_tag|(instance|image|kernel|ramdisk|volume|interface|event)_id|manifest_path"
    r"|availability_zone(_id)?|macs?|address"
)
FORMS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b(?:i|vol|ami|eni|aki|ari)-?[0-9a-f]{8,17}\b"
    r"|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b",
    re.IGNORECASE,
)
PCI = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def named(value: object, field: str = "") -> set[str]:
    """Everything in plain facts that identifies."""
    if isinstance(value, dict):
        return {found for key, below in value.items() for found in named(below, str(key))}
    if isinstance(value, list):
        return {found for below in value for found in named(below, field)}
    if not isinstance(value, str):
        return set()
    whole = {value} if NAMING.fullmatch(field) and not PCI.fullmatch(value) else set()
    return whole | set(FORMS.findall(value))


def identifiers(report: Report) -> set[str]:
    found = {value.strip().lower() for value in named(plain(replace(report.reading.facts, unreadable={})))}
    return {value for value in found if len(value) > 3 and value not in COMMON | {"(none)", "amazon ec2", "none"}}


def loud(report: Report) -> Report:
    """A finding that tells all it can in each of its words, one for each identifier."""
    findings = [
        Finding("B99", "loud", "fault", "critical", value, f"disk {value} is ill", (f"saw {value}",), f"It is {value}.",
                (f"aws ec2 reboot-instances --instance-ids {value}",), f"since {value}", None, "x")
        for value in identifiers(report)
    ]  # fmt: skip
    return replace(report, findings=tuple(findings), status="critical")


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_nothing_public_names_the_guest(name: str) -> None:
    report = timeless(name)
    for told in (report, loud(report)):
        shown = text.render(told, text.Style(verbosity=1, public=True)) + page.render(told, public=True)
        flat = " ".join(shown.split()).lower()
        assert not [value for value in identifiers(report) if value in flat]
        assert "saw" not in re.findall(r"\w+", flat)
        assert "/sys/class/dmi" not in flat


def test_the_property_has_something_to_find() -> None:
    found = set().union(*(identifiers(timeless(name)) for name in corpus.MACHINES))
    assert len(found) > 40
    assert "i-0123456789abcdef0" in found
    assert any(re.fullmatch(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", value) for value in found)
    whole = text.render(timeless("D20-ec2-c5large"), text.Style(verbosity=1))
    assert "vol-0427a785fc485bcc2" in whole
    assert "i-04f9b1c56b3c301b5" in whole


@pytest.mark.parametrize("name", corpus.GUESTS)
def test_the_verdict_and_what_to_do_stay(name: str) -> None:
    report = timeless(name)
    shown = text.render(report, text.Style(public=True))
    assert shown.splitlines()[0] == text.headline(report)
    for finding in text.told(report, text.Style()):
        assert f"{finding.severity.upper():<9} {finding.code} {finding.name}   {finding.subject}" in shown
    assert "  Left out " in shown
    assert shown.isascii()
    assert "|" not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("card enx78e7d1ea46da is down", "card enx*** is down"),
        ("10.1.2.3 and fd00::1 and 169.254.10.9", "*** and *** and ***"),
        ("ask 169.254.169.254 or 127.0.0.1", "ask 169.254.169.254 or 127.0.0.1"),
        ("0000:00:02.0 at 13:31:58", "0000:00:02.0 at 13:31:58"),
        ("aws ec2 detach-volume --volume-id vol-0427a785fc485bcc2", "aws ec2 detach-volume --volume-id ***"),
        ("root=UUID=AF12CECD-C1C8-7A71-0EA8-AEF580C9F845", "root=UUID=***"),
        ("nvme serial vol0427a785fc485bcc2", "nvme serial ***"),
    ],
)
def test_what_is_hidden_by_its_form(words: str, shown: str) -> None:
    assert public.Hiding(timeless("pvhvm").reading.facts).text(words) == shown


def tells_all(server: object, **asked: object) -> bool:
    status, _, body = get(server, "/check", **asked)  # type: ignore[arg-type]
    assert status == 200
    assert (b"Left out" in body) is (b"domain " not in body)
    return b"Left out" not in body


@pytest.mark.parametrize(
    ("headers", "whole"),
    [
        ({}, True),
        ({"Host": "localhost:1"}, True),
        ({"Host": "127.0.0.1"}, True),
        ({"Host": "[::1]:80"}, True),
        ({"Host": "evil.example.org"}, False),
        ({"Host": ""}, False),
        ({"X_Forwarded_For": "10.0.0.1"}, False),
        ({"Forwarded": "for=10.0.0.1"}, False),
        ({"Via": "1.1 proxy"}, False),
    ],
)
def test_loopback_sees_all_but_not_through_a_proxy_or_another_name(headers: dict[str, str], whole: bool) -> None:
    with serving(Access(None)) as server:
        assert tells_all(server, **headers) is whole


@pytest.mark.parametrize(
    ("configuration", "own", "password", "whole"),
    [
        ("", None, False, False),
        (USERS, None, True, False),
        (TLS, None, False, False),
        (TLS + USERS, None, True, True),
        (CLIENTS, "client", False, True),
        (CLIENTS + USERS, "client", True, True),
        (CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"), None, False, False),
        (CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"), "client", False, True),
    ],
)
def test_from_elsewhere_it_takes_tls_and_being_let_in(
    tmp_path: pathlib.Path, configuration: str, own: str | None, password: bool, whole: bool
) -> None:
    with serving(configured(tmp_path, configuration)) as server:
        headers = {"Authorization": RIGHT} if password else {}
        asked = dict(headers, Host="guest.example.org")  # as from elsewhere: not this machine's name for itself
        tls = trusting(own=own) if "tls_server" in configuration else None
        assert tells_all(server, tls=tls, **asked) is whole
        body = get(server, "/", tls=tls, **asked)[2]
        assert (b"Left out" not in body) is whole


def test_an_address_of_elsewhere_is_not_local() -> None:
    with serving(Access(None)) as server:
        admit = server.connections.admit

        def from_elsewhere(stream: object, address: str) -> Connection | None:
            return admit(stream, "192.0.2.7")  # type: ignore[arg-type]

        server.connections.admit = from_elsewhere  # type: ignore[method-assign]
        assert tells_all(server, Host="localhost") is False


def test_who_asks_as_nginx_does_is_not_local() -> None:
    """Its proxy_pass speaks HTTP/1.0, with the name that stands there, and says nothing of the client."""
    with serving(Access(None)) as server, connect(server) as client:
        client.sendall(b"GET /check HTTP/1.0\r\nHost: localhost:10480\r\nConnection: close\r\n\r\n")
        assert b"Left out" in rest(client)


def test_places_that_people_name_are_hidden_and_those_of_every_machine_are_not() -> None:
    facts = replace(
        timeless("pvhvm").reading.facts,
        mounts=(
            Mount("/srv/acme-payroll", "/dev/mapper/vg_acme-lv_pay", "ext4", False, "dm-0", ("xvdb",)),
            Mount("/home/joe", "/dev/disk/by-label/ACME", "ext4", False, "xvdc1", ("xvdc",)),
            Mount("/boot/efi", "/dev/xvda15", "vfat", False, "xvda15", ("xvda",)),
            Mount("/", "/dev/xvda1", "ext4", False, "xvda1", ("xvda",)),
        ),
    )
    words = (
        "/srv/acme-payroll (/dev/mapper/vg_acme-lv_pay) is read-only; mount -o remount,rw /home/joe by-label/ACME;"
        " /boot/efi and / on /dev/xvda1 are fine"
    )
    shown = public.Hiding(facts).text(words)
    assert not re.search("acme|payroll|lv_pay|joe", shown, re.IGNORECASE)
    assert shown.endswith("/boot/efi and / on /dev/xvda1 are fine")
