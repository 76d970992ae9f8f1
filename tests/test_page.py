"""The page: what stands on it, that nothing from outside can break it, and that it can be read in both schemes."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import struct
import zlib
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus, documents
from tests.browser import pictures, png
from tests.test_goldens import timeless
from tests.test_hostile_texts import HOSTILE
from tests.test_hostile_texts import report as hostile
from tests.web_server import get, serving
from virt_agent.render import text
from virt_agent.report import Change, Report
from virt_agent.rules.form import INFO, Finding
from virt_agent.serve import page
from virt_agent.serve.ages import Ages
from virt_agent.serve.page import badges, findings, markup, picture, style
from virt_agent.serve.web.access import Access
from virt_collectors.collect import COLLECTORS, OK, STUCK, Outcome
from virt_collectors.record import replace

# Every element that the page is made of.
OURS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "link",
        "style",
        "body",
        "header",
        "nav",
        "main",
        "section",
        "article",
        "footer",
    ),
    *("h1", "h2", "h3", "p", "a", "ul", "ol", "li", "dl", "dt", "dd", "div", "span", "strong", "code", "bdi", "time"),
    *("details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
}
VOID = {"meta", "link"}
MOST_BYTES = 30_000
BIDI = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Reader(HTMLParser):
    """Reads a page as strictly as it was written: each element is closed by its own end."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[tuple[tuple[str, ...], str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append((tuple(self.open), data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def texts(self, tag: str) -> list[str]:
        return [data for path, data in self.words if tag in path]

    @property
    def text(self) -> str:
        return " ".join(data for path, data in self.words if "style" not in path)


@functools.cache
def read(name: str, public: bool = False) -> Reader:
    return Reader(page.render(timeless(name), public))


ILLNESS = Finding("X02", "xen-frontend-closed", "fault", "critical", "xvdb", "disk xvdb is dead", ("state = Closed",),
                  "The host took it.", ("Keep off that disk.",), None, None, "x")  # fmt: skip


@pytest.mark.parametrize("public", [False, True], ids=["whole", "public"])
@pytest.mark.parametrize("name", corpus.MACHINES)
def test_it_is_whole_small_and_says_the_verdict(name: str, public: bool) -> None:
    html, made = page.render(timeless(name), public), read(name, public)
    assert html.startswith("<!doctype html>")
    assert len(html.encode()) <= MOST_BYTES
    status, _, reason = text.headline(timeless(name)).partition(": ")
    assert "".join(made.texts("h1")) == reason
    assert status.rpartition(" ")[2] in "".join(made.texts("title"))
    ids = [attributes["id"] for _, attributes in made.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {"#" + one for one in ids} >= {a["href"] for a in made.all("a") if a["href"].startswith("#")}
    named = {attributes["aria-labelledby"] for _, attributes in made.tags if "aria-labelledby" in attributes}
    assert named <= set(ids)
    assert len(made.all("main")) == len(made.all("header")) == len(made.all("footer")) == 1
    levels = [int(tag[1]) for tag, _ in made.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", corpus.GUESTS)
def test_nothing_is_asked_for_elsewhere_and_nothing_runs(name: str) -> None:
    made = read(name)
    assert {tag for tag, _ in made.tags} & {"script", "img", "iframe", "object", "form", "base", "svg"} == set()
    leads = [attributes["href"] for _, attributes in made.tags if "href" in attributes]
    assert {lead for lead in leads if not lead.startswith(("#", "data:image/svg+xml,"))} == {
        "/metrics", "/check", "/-/healthy", "/-/ready",
    }  # fmt: skip
    assert not [name for _, attributes in made.tags for name in attributes if name == "style" or name.startswith("on")]
    assert not re.search(r"url\(|@import|http", style.SHEET)
    assert "refresh" not in {attributes.get("http-equiv") for attributes in made.all("meta")}


@pytest.mark.parametrize("name", corpus.GUESTS)
def test_each_finding_with_its_remedy(name: str) -> None:
    made, report = read(name), timeless(name)
    headings = {heading["id"] for heading in made.all("h3") if "id" in heading}
    assert len(headings) == len([finding for finding in report.findings if finding.severity != INFO])
    for finding in report.findings:
        assert f"{finding.code} {finding.name}" in made.text
        assert finding.same_cause_as or all(" ".join(step.split()) in made.text for step in finding.remedy)


@pytest.mark.parametrize("name", corpus.GUESTS)
def test_each_device_of_the_text_is_in_the_picture(name: str) -> None:
    reading, made = timeless(name).reading, read(name)
    nics = reading.facts.network.devices if reading.facts.network else ()
    disks = reading.facts.block_devices or ()
    devices = [*((one.name, one.driver) for one in disks), *((one.name, one.driver) for one in nics)]
    assert {word for device in devices for word in device} <= set(made.texts("li"))


def leaves(box: picture.Box) -> list[picture.Box]:
    return [leaf for below in box.below for leaf in leaves(below)] if box.below else [box]


def test_who_is_ill_and_where_that_is_told() -> None:
    report = timeless("pvhvm-nonet")
    drawn = picture.draw(report)
    ill = {leaf.title: leaf.illness for leaf in leaves(drawn) if leaf.illness}
    assert ill == {"vif-0": picture.Illness("warning", "X04", 1)}
    assert (drawn.title, drawn.count, drawn.ill, drawn.severity) == ("Xen", 5, 1, "warning")
    bus, clock = drawn.below
    assert (bus.title, bus.count, bus.ill, clock.title, clock.ill) == ("xenbus", 4, 1, "Clock", 0)
    made = read("pvhvm-nonet")
    assert "#finding-1" in {link["href"] for link in made.all("a")}
    assert "1 of 4 ill" in made.text
    assert "warning: X04" in made.texts("a")


def test_a_hint_makes_nobody_ill_and_the_worst_counts() -> None:
    report = timeless("pvhvm")
    found = [replace(ILLNESS, severity=severity) for severity in ("info", "warning", "critical", "warning")]
    assert picture.illnesses(replace(report, findings=tuple(found[:1]))) == {}
    (worst,) = picture.illnesses(replace(report, findings=tuple(found))).values()
    assert (worst.severity, worst.number) == ("critical", 2)


def test_a_frontend_and_an_nvme_controller_stand_for_what_is_above_them() -> None:
    report = timeless("pvhvm")
    frontend = next(each for each in report.reading.frontends if each.device == "eth0")
    assert "eth0" in picture.illnesses(replace(report, findings=(replace(ILLNESS, subject=frontend.name),)))
    nitro = timeless("nitro-like")
    assert "nvme1n1" in picture.illnesses(replace(nitro, findings=(replace(ILLNESS, subject="nvme1"),)))


def with_disks(count: int) -> Report:
    report = timeless("pvhvm")
    facts = report.reading.facts
    assert facts.block_devices
    disks = tuple(replace(facts.block_devices[0], name=f"xvd{number}") for number in range(count))
    return replace(report, reading=replace(report.reading, facts=replace(facts, block_devices=disks)))


def test_a_thousand_disks_are_counted_and_the_ill_ones_shown() -> None:
    report = with_disks(1000)
    ill = replace(report, findings=(replace(ILLNESS, subject="xvd777"),), status="critical")
    made = Reader(page.render(ill))
    assert "1 of 1000 ill" in made.text
    assert "xvd777" in made.texts("li")
    assert f"and {1000 - picture.SHOWN} more, none of them with a finding" in made.text
    assert len(page.render(ill).encode()) < 2 * MOST_BYTES


def test_a_thousand_findings_are_bounded_and_lead_to_all() -> None:
    report = with_disks(1000)
    ill = tuple(replace(ILLNESS, subject=f"xvd{number}") for number in reversed(range(1000)))  # drawn first, told last
    html = page.render(replace(report, findings=ill, status="critical"))
    assert html.count("<article") == findings.SHOWN
    assert f"and {1000 - picture.SHOWN} more, {1000 - picture.SHOWN} of them ill" in html
    assert len(html.encode()) < 3 * MOST_BYTES
    assert f"and {1000 - findings.SHOWN} more" in html
    ids = {attributes.get("id") for _, attributes in Reader(html).tags}
    assert {link["href"][1:] for link in Reader(html).all("a") if link["href"].startswith("#")} <= ids


def test_what_could_not_be_read_is_no_health() -> None:
    report = timeless("pvhvm")
    outcomes = tuple(
        Outcome(each.name, STUCK, "a read has not returned", 2.0) if each.name == "block_devices" else each
        for each in report.outcomes
    )
    html = page.render(replace(report, outcomes=outcomes, status="unknown"))
    assert "block_devices could not be read" in Reader(html).text
    assert '<details open="open">' in html
    assert "1 of them brought nothing" in html


def test_the_collectors_with_their_age() -> None:
    made = Reader(page.render(timeless("pvhvm"), ages={"dmi": 7300.0, "clock": 0.2}))
    cells = "\n".join(made.texts("tr"))
    assert "\ndmi\nok\n0.0 ms\n2 hours ago\n" in cells
    assert "\nclock\nok\n0.0 ms\nnow\n" in cells
    assert "\nsystem\nok\n0.0 ms\nat the start\n" in cells
    assert len(made.all("tr")) == 1 + len(timeless("pvhvm").outcomes)
    assert len(COLLECTORS) > len(timeless("pvhvm").outcomes) > 20


def test_changes_newest_first() -> None:
    changed = (
        Change("2026-11-21 17:02:11 UTC", "disk <xvdb>: Connected, then Closed", "critical", detail="state = Closed"),
        Change("2026-11-21 16:00:00 UTC", "X04 came", "warning", 12, last="2026-11-21 16:59:00 UTC"),
    )
    told = Reader(page.render(replace(timeless("pvhvm"), changes=changed))).text
    assert told.index("disk <xvdb>: Connected, then Closed") < told.index("X04 came")
    assert "X04 came, 12 times since, last 16:59:00 UTC" in told
    assert "state = Closed" in told
    assert "Nothing since this daemon began" not in told
    assert "Nothing since this daemon began" in read("pvhvm").text


def test_public_changes_name_nobody() -> None:
    report = timeless("pvhvm-cdrom-iso")
    assert report.reading.facts.hypervisor
    uuid = str(report.reading.facts.hypervisor.uuid)
    change = Change("2026-11-21 17:02:11 UTC", f"disk {uuid} went", "critical", detail=f"evidence {uuid}")
    shown = page.render(replace(report, changes=(change,)), public=True)
    assert "disk *** went" in shown
    assert uuid not in shown
    assert "evidence ***" not in shown


def test_the_time_is_that_of_the_guest() -> None:
    assert {"datetime": "2026-11-20T12:55:44Z"} in read("pvhvm-cdrom-iso").all("time")
    assert read("pvhvm").all("time") == []
    assert "recording without a time" in read("pvhvm").text


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_names_stay_names(evil: str) -> None:
    made = Reader(page.render(hostile(evil)))
    assert {tag for tag, _ in made.tags} <= OURS
    assert not BIDI.search(page.render(hostile(evil)).rstrip("\n"))
    assert max(map(len, made.texts("bdi"))) <= 800


@given(st.text(st.characters(), max_size=60))
def test_any_text_is_neutral(evil: str) -> None:
    made = markup.tag("p", markup.foreign(evil), evil, title=evil)
    assert made.isprintable()
    read_back = Reader(made)
    assert [name for name, _ in read_back.tags] == ["p", "bdi"]
    shown = "".join(character if character.isprintable() else "\ufffd" for character in evil)
    assert read_back.all("p") == [{"title": shown}]
    assert "".join(read_back.texts("p")) == shown * 2


@given(st.text(), st.integers(4, 300))
def test_a_text_from_outside_is_bounded(words: str, limit: int) -> None:
    (inside,) = Reader(markup.foreign(words, limit)).texts("bdi") or [""]
    assert len(inside) <= limit


def test_markup_is_escaped_once() -> None:
    inner = markup.tag("b", "a & b")
    assert markup.tag("p", inner, "<i>", class_='"x"') == '<p class="&quot;x&quot;"><b>a &amp; b</b>&lt;i&gt;</p>'
    assert markup.facts([("A", ""), ("B", "")]) == ""
    assert markup.tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_of_contrast() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_contrast_in_both_schemes(scheme: dict[str, str]) -> None:
    assert not [(a, b) for a, b in style.PAIRS if contrast(scheme[a], scheme[b]) < 4.5]
    assert not [(a, b) for a, b in style.DRAWN if contrast(scheme[a], scheme[b]) < 3]
    assert set(scheme) == set(style.LIGHT)
    assert set(re.findall(r"var\(--([a-z-]+)\)", style.SHEET)) <= set(scheme) | {"on", "back"}
    assert re.findall(r"#[0-9a-f]{3,8}\b", style.SHEET.replace("#h-", "")) == [
        *style.LIGHT.values(),
        *style.DARK.values(),
    ]


def test_each_state_has_a_shape_of_its_own_beside_its_word() -> None:
    for state in style.SEVERITIES:
        assert badges.badge(state).endswith(f'aria-hidden="true"></span>{state.upper()}</span>')
    shapes = {badges._SHAPES[state] for state in ("ok", "warning", "critical", "unknown")}
    assert len(shapes) == 4


def test_the_policy_allows_this_sheet_and_nothing_else() -> None:
    (sheet,) = read("pvhvm").texts("style")
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page.POLICY
    policy = dict(part.strip().split(" ", 1) for part in page.POLICY.split(";"))
    for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[name] == "'none'"
    assert "unsafe" not in page.POLICY
    with serving(Access(None)) as server:
        status, headers, body = get(server, "/")
    assert (status, headers["Content-Security-Policy"], headers["Referrer-Policy"]) == (200, page.POLICY, "no-referrer")
    assert Reader(body.decode()).texts("style") == [sheet]


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.mark.parametrize("filtered", range(5))
def test_a_picture_made_smaller_is_the_same(filtered: int) -> None:
    """Two lines of two pixels; each line's filter written down by hand from what it does."""
    lines = {
        0: (b"\x0a\x14\x1e\x28\x32\x3c", b"\x0a\x14\x1e\x28\x32\x3c"),
        1: (b"\x0a\x14\x1e\x1e\x1e\x1e", b"\x0a\x14\x1e\x1e\x1e\x1e"),
        2: (b"\x0a\x14\x1e\x28\x32\x3c", bytes(6)),
        3: (b"\x0a\x14\x1e\x23\x28\x2d", b"\x05\x0a\x0f\x0f\x0f\x0f"),
        4: (b"\x0a\x14\x1e\x1e\x1e\x1e", bytes(6)),
    }[filtered]
    kind = bytes([filtered])
    header = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    packed = zlib.compress(kind + lines[0] + kind + lines[1])
    original = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    made = dict(png._chunks(png.smaller(original)))
    palette, rows = made[b"PLTE"], zlib.decompress(made[b"IDAT"])
    pixels = [palette[3 * index : 3 * index + 3] for index in (*rows[1:3], *rows[4:6])]
    assert pixels == [b"\x0a\x14\x1e", b"\x28\x32\x3c"] * 2


def test_the_pictures_of_the_documents_are_there_and_small() -> None:
    told = (documents.TOP / "docs/page.md").read_text()
    assert {f"images/{each.name}" for each in pictures.PICTURES} == set(re.findall(r"images/[\w.-]+\.png", told))
    sizes = [(pictures.PLACE / each.name).stat().st_size for each in pictures.PICTURES]
    assert max(sizes) <= pictures.MOST_BYTES
    assert {path.name for path in pictures.PLACE.glob("page-*")} == {each.name for each in pictures.PICTURES}


def test_how_old_a_reading_is() -> None:
    ages = Ages()
    once, first = Outcome("dmi", OK, None, 0.1), Outcome("clock", OK, None, 0.1)
    assert ages.note((once, first), 10.0) == {"dmi": 0.0, "clock": 0.0}
    assert ages.note((once, replace(first)), 25.0) == {"dmi": 15.0, "clock": 0.0}
    assert ages.note((once,), 30.0) == {"dmi": 20.0}
    assert ages.note((once, first), 31.0) == {"dmi": 21.0, "clock": 0.0}


def test_what_hangs_was_not_read_now() -> None:
    ages = Ages()
    ages.note((Outcome("block_devices", OK, None, 0.1),), 0.0)
    hanging = [Outcome(name, STUCK, "a read has not returned", 60.0) for name in ("block_devices", "nvme")]
    assert ages.note(hanging, 60.0) == {"block_devices": 60.0}
    assert ages.note(map(replace, hanging), 7300.0) == {"block_devices": 7300.0}
    html = page.render(replace(timeless("pvhvm"), outcomes=tuple(hanging)), ages={"block_devices": 7300.0})
    cells = Reader(html).texts("tr")
    assert cells[cells.index("nvme") - 1] == "2 hours ago"
    assert cells[-1] == "not yet"


def test_an_illness_of_no_device_is_named_at_the_picture() -> None:
    html = page.render(timeless("pvhvm-detached"))
    assert 'Not in the picture: </strong><a href="#finding-1">B13 <bdi>xvdc</bdi></a>' in html
    assert "Not in the picture" not in page.render(timeless("pvh-closed"))


def test_hints_that_are_left_out_are_not_promised_in_a_text_without_hints() -> None:
    hint = replace(ILLNESS, severity=INFO)
    html = page.render(replace(timeless("pvhvm"), findings=(hint,) * (findings.SHOWN + 1)))
    assert "and 1 more, by <code>virt-agent --check -v</code>" in html
