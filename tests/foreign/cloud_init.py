"""What cloud-init does on EC2 (doc/rtd, "Amazon EC2"; DataSourceEc2 in version 22.4), taken step by step.

A token for six hours first: where that is refused it gives up at once, without version 1. Then the newest dated version
that it knows, then everything below user-data, meta-data and the identity document, by listings: names that end in "/"
are directories, a key is listed as "0=name". A 401 costs the token, and it goes on with a new one.
"""

from __future__ import annotations

import json
from typing import Any

from tests.imds.asking import Asking, Got
from tests.imds.service import LONGEST_TTL, TOKEN_HEADER, TOKEN_PATH, TTL_HEADER

from .libraries import Said

_VERSIONS = ("2021-03-23", "2018-09-24", "2016-09-02")
_LAST_RESORT = "2009-04-04"
_SECONDS = 2.0


class Refused(Exception):
    """No token, or no value after a new one."""


class Crawl:
    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._token: str | None = None

    def all(self) -> Said:
        """Version, user data, metadata as a tree, and the identity document."""
        version = next((each for each in _VERSIONS if self._get(f"/{each}/meta-data/instance-id").status == 200), None)
        top = f"/{version or _LAST_RESORT}"
        return {
            "version": top[1:],
            "user-data": bool(self._get(f"{top}/user-data").body),
            "meta-data": self._tree(f"{top}/meta-data/"),
            "document": json.loads(self._value(f"{top}/dynamic/instance-identity/document")),
        }

    def _tree(self, path: str) -> Any:
        found: dict[str, Any] = {}
        for name in self._value(path).split("\n"):
            number, keyed, key = name.partition("=")
            if keyed:
                found[key] = self._value(f"{path}{number}/openssh-key")
            elif name.endswith("/"):
                found[name[:-1]] = self._tree(path + name)
            else:
                found[name] = self._value(path + name)
        return found

    def _value(self, path: str) -> str:
        got = self._get(path)
        if got.status != 200:
            raise Refused(f"{got.status} at {path}")
        return got.body.decode()

    def _get(self, path: str) -> Got:
        for _ in range(2):
            self._token = self._token or self._new_token()
            got = self._asking("GET", path, {TOKEN_HEADER: self._token})
            if got.status != 401:
                break
            self._token = None
        return got

    def _new_token(self) -> str:
        got = self._asking("PUT", TOKEN_PATH, {TTL_HEADER: str(LONGEST_TTL)})
        if got.status != 200:
            raise Refused(f"{got.status} on PUT")
        return got.body.decode()


def documented(endpoint: str) -> Said:
    """What a crawl brings; nothing where it is refused or hears nothing."""
    with Asking(endpoint, _SECONDS) as asking:
        try:
            return told(Crawl(asking).all())
        except (Refused, TimeoutError):
            return {}


def told(crawled: Said) -> Said:
    """The part that the table compares."""
    meta = crawled["meta-data"]
    return {
        "version": crawled["version"],
        "user-data": crawled["user-data"],
        "instance": meta["instance-id"],
        "disks": meta["block-device-mapping"],
        "cards": sorted(meta["network"]["interfaces"]["macs"]),
        "keys": sorted(meta["public-keys"]),
        "type": crawled["document"]["instanceType"],
    }
