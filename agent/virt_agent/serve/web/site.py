"""The paths, and what each answers."""

from __future__ import annotations

from virt_collectors.record import Record

from ...metrics import Page
from ...render import (
    public,  # noqa: F401 - text imports it late, and then its disk may hang
    text,
)
from .. import page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..watch import Watch

PLAIN = "text/plain; charset=utf-8"
_HTML = "text/html; charset=utf-8"


class Asked(Record):
    """What an answer depends on. `whole`: the client may see identifiers and raw evidence."""

    accept: str = ""
    whole: bool = False


class Answer(Record):
    """Status, content type and body, and headers of this answer alone."""

    code: int
    kind: str
    body: bytes
    headers: dict[str, str] = {}


class Site:
    """The pages on one machine under watch."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._exposition = Page()
        self.paths: dict[str, Callable[[Asked], Answer]] = {
            "/": self._page,
            "/metrics": self._metrics,
            "/check": self._check,
            "/-/healthy": _fine,
            "/-/ready": _fine,  # as soon as it listens: the first look was taken before
        }

    def answer(self, path: str, asked: Asked) -> Answer:
        """What a path answers; 404 elsewhere."""
        make = self.paths.get(path)
        if make is None:
            return Answer(404, PLAIN, b"not found; there are " + ", ".join(self.paths).encode() + b"\n")
        return make(asked)

    def _metrics(self, asked: Asked) -> Answer:
        content, kind = self._exposition.render(asked.accept, *self._watch.look())
        return Answer(200, kind, content)

    def _check(self, asked: Asked) -> Answer:
        found, _ = self._watch.look()
        return Answer(200, PLAIN, text.render(found, text.Style(public=not asked.whole)).encode())

    def _page(self, asked: Asked) -> Answer:
        found, watched = self._watch.look()
        return Answer(200, _HTML, page.render(found, not asked.whole, watched.ages).encode())


def _fine(asked: Asked) -> Answer:  # noqa: ARG001
    return Answer(200, PLAIN, b"OK\n")
