"""One table of who was asked, in which scenario, and whether he said what he documents; exit 1 where not."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from tests.imds import answers, scenarios
from tests.imds.answers import C5_LARGE, INSTANCES, M1_SMALL, T2_MICRO, Answers
from tests.imds.server import Server
from tests.imds.service import TOKEN_HEADER

from . import cloud_init, installed_cloud_init, libraries, moto
from .libraries import Said

_NEEDED = ("botocore", "ec2_metadata", "moto")
_NO_ROLE: Said = {"role": None, "region": None}
_ROLE: Said = {"role": answers.ROLE, "region": "us-east-1"}
_KEYS = ["admin"]


class Row(NamedTuple):
    """`said` is None where nobody could be asked, which is no mismatch."""

    who: str
    scenario: str
    expected: object
    said: object
    requests: str = ""

    @property
    def outcome(self) -> str:
        return "left out" if self.said is None else "as documented" if self.said == self.expected else "MISMATCH"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tests.foreign", description=__doc__)
    parser.add_argument("--cloud-init", default=installed_cloud_init.DIRECTORY, help="where its package lies")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that can import it")
    options = parser.parse_args()
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}; pip install -e '.[foreign]'", file=sys.stderr)
        return 1
    wrong = 0
    for row in rows(partial(cloud_init_itself, directory=options.cloud_init, python=options.python)):
        print(f"{row.who:13} {row.scenario:20} {row.outcome:14} {row.requests}", flush=True)
        if row.outcome == "MISMATCH":
            wrong += 1
            print(f"    expected {row.expected}\n    said     {row.said}")
    print(f"\n{wrong} mismatches")
    return int(wrong > 0)


def rows(installed: Callable[[str], Said | None]) -> Iterator[Row]:
    for scenario, expected in _BOTOCORE.items():
        yield asked("botocore", scenario, expected, libraries.botocore)
    yield asked("botocore", "AWS_..._DISABLED", {"role": None}, libraries.botocore_disabled, scenario="ok")
    for kind, told in _EC2_METADATA.items():
        yield asked("ec2_metadata", kind, told, libraries.ec2_metadata, INSTANCES[kind], "ok")
    for scenario, error in _EC2_METADATA_ERRORS.items():
        yield asked("ec2_metadata", scenario, {"error": error}, libraries.ec2_metadata)
    for who, ask in (("its steps", cloud_init.documented), ("cloud-init", installed)):
        for kind in INSTANCES:
            yield asked(who, kind, _crawled(kind), ask, INSTANCES[kind], "ok")
        yield asked(who, "token revoked", _crawled("t2.micro"), ask)
        for scenario in ("switched off", "PUT: 400", "PUT: 404", "PUT: silent"):
            yield asked(who, scenario, {}, ask)
    yield Row("our client", "moto_server", _MOTO, moto.ours())


def asked(
    who: str,
    name: str,
    expected: Said,
    ask: Callable[[str], Said | None],
    instance: Answers = T2_MICRO,
    scenario: str | None = None,
) -> Row:
    """One client against our server, and how many requests it took it."""
    with Server(scenarios.SCENARIOS[scenario or name](), instance) as server:
        said = ask(server.endpoint)
        naked = sum(request.method == "GET" and not request.header(TOKEN_HEADER) for request in server.requests)
        count = f"{len(server.requests)} requests, {naked} without a token"
    return Row(who, name, expected, said, count if said is not None else "")


def cloud_init_itself(endpoint: str, directory: str, python: str) -> Said | None:
    """None where it is not installed."""
    try:
        crawled = installed_cloud_init.run(endpoint, directory, python)
    except LookupError:
        return None
    assert isinstance(crawled, dict)
    return cloud_init.told(crawled) if crawled else {}


_BOTOCORE: dict[str, Said] = {
    "ok": _ROLE,
    "hanging up": _ROLE,
    "switched off": _NO_ROLE,
    "no token is valid": _NO_ROLE,
    "values forbidden": _NO_ROLE,
    "PUT: 405": _NO_ROLE,
    "PUT: silent": _NO_ROLE,
    "busy: 503": _NO_ROLE,
}
_EC2_METADATA_ERRORS = {
    "switched off": "HTTPError: Failed to fetch token: 403",
    "PUT: 400": "HTTPError: Failed to fetch token: 400",
    "busy: 503": "HTTPError: Failed to fetch token: 503",
    "no token is valid": "HTTPError: HTTP 401",
    "values: 500": "HTTPError: HTTP 500",
}


_NAMED = {
    "ami_id": "ami-id",
    "ami_manifest_path": "ami-manifest-path",
    "autoscaling_target_lifecycle_state": "autoscaling/target-lifecycle-state",
    "availability_zone": "placement/availability-zone",
    "availability_zone_id": "placement/availability-zone-id",
    "domain": "services/domain",
    "instance_action": "instance-action",
    "instance_id": "instance-id",
    "instance_life_cycle": "instance-life-cycle",
    "instance_type": "instance-type",
    "kernel_id": "kernel-id",
    "mac": "mac",
    "partition": "services/partition",
    "private_ipv4": "local-ipv4",
    "public_ipv4": "public-ipv4",
    "region": "placement/region",
    "reservation_id": "reservation-id",
}


def _told(instance: Answers, **others: object) -> Said:
    """What ec2_metadata makes of an instance; None for what this one has not."""
    return {
        **{name: instance.get(f"meta-data/{path}") for name, path in _NAMED.items()},
        "account_id": answers.ACCOUNT,
        "ami_launch_index": 0,
        "instance_profile_name": answers.ROLE,
        "security_groups": ["default", "web"],
        "public_keys": _KEYS,
        "device_numbers": {answers.MAC: 0},
        "spot": None,
        **others,
    }


_EC2_METADATA: dict[str, Said] = {
    "t2.micro": _told(T2_MICRO, tags="HTTPError: HTTP 404"),
    "c5.large": _told(
        C5_LARGE,
        device_numbers={answers.MAC: 0, answers.SECOND_MAC: 1},
        spot=("terminate", "2026-11-20T03:14:00+00:00"),
        tags={"Name": "web-17"},
    ),
    "m1.small": _told(M1_SMALL, tags="HTTPError: HTTP 404"),
}


def _crawled(kind: str) -> Said:
    instance = INSTANCES[kind]
    disks = "meta-data/block-device-mapping/"
    return {
        "version": "2021-03-23",
        "user-data": True,
        "instance": answers.INSTANCE,
        "disks": {path.removeprefix(disks): name for path, name in instance.items() if path.startswith(disks)},
        "cards": [answers.MAC, answers.SECOND_MAC] if instance is C5_LARGE else [answers.MAC],
        "keys": _KEYS,
        "type": kind,
    }


_MOTO = {
    "answers": [(200, "moto.virtual"), (200, "default-hvm"), (500, ""), (200, "moto.virtual")],
    "requests": {"200": 4, "500": 1},
    "facts": {
        "state": "ok",
        "instance_type": "moto.virtual",
        "instance_id": "i-fake",
        "profile": "default-hvm",
        "region": "us-east-1",
        "availability_zone_id": "use1-az1",
        "system": None,
    },
    "without a token": [],
}

if __name__ == "__main__":
    sys.exit(main())
