"""Two libraries from PyPI: botocore, which all of AWS's Python tools use, and ec2_metadata by Adam Johnson.

botocore (utils.IMDSFetcher) asks version 1 where it gets no token: 403, 404, 405 or silence on the PUT. Any error
while it looks for a role's credentials or the region ends in none. ec2_metadata raises what it got, but takes a 404 of
an optional category for None. Both are imported by name: neither is there in every development environment.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

Said = dict[str, Any]

_SECONDS = 0.5
# What ec2_metadata tells, by the names of its properties.
_PROPERTIES = (
    *("account_id", "ami_id", "ami_launch_index", "ami_manifest_path", "availability_zone", "availability_zone_id"),
    *("autoscaling_target_lifecycle_state", "domain", "instance_action", "instance_id", "instance_life_cycle"),
    *("instance_profile_name", "instance_type", "kernel_id", "mac", "partition", "private_ipv4", "public_ipv4"),
    *("region", "reservation_id", "security_groups"),
)


def botocore(endpoint: str) -> Said:
    """Role and region, as boto3 looks for them at its start."""
    utils = importlib.import_module("botocore.utils")
    options = {"timeout": _SECONDS, "num_attempts": 1, "base_url": f"{endpoint}/", "env": {}}
    region = utils.InstanceMetadataRegionFetcher(**options)
    credentials = utils.InstanceMetadataFetcher(**options).retrieve_iam_role_credentials()
    return {"role": credentials.get("role_name"), "region": _or_error(region.retrieve_region)}


def botocore_disabled(endpoint: str) -> Said:
    """The same where AWS_EC2_METADATA_DISABLED keeps it from asking."""
    utils = importlib.import_module("botocore.utils")
    fetcher = utils.InstanceMetadataFetcher(
        timeout=_SECONDS, base_url=f"{endpoint}/", env={"AWS_EC2_METADATA_DISABLED": "true"}
    )
    return {"role": fetcher.retrieve_iam_role_credentials().get("role_name")}


def ec2_metadata(endpoint: str) -> Said:
    """All that it has a name for; the error where the first question brings one."""
    said: Said = {}
    metadata = importlib.import_module("ec2_metadata").EC2Metadata()
    metadata.service_url = f"{endpoint}/latest/"
    metadata.dynamic_url, metadata.metadata_url = (f"{endpoint}/latest/{name}/" for name in ("dynamic", "meta-data"))
    metadata.userdata_url = f"{endpoint}/latest/user-data/"
    for name in _PROPERTIES:
        said[name] = _or_error(partial(getattr, metadata, name))
        if isinstance(said[name], str) and said[name].startswith("HTTPError"):
            return {"error": said[name]}
    said["device_numbers"] = {mac: card.device_number for mac, card in metadata.network_interfaces.items()}
    said["public_keys"] = sorted(metadata.public_keys)
    spot = metadata.spot_instance_action
    said["spot"] = spot and (spot.action, spot.time.isoformat())
    said["tags"] = _or_error(lambda: dict(metadata.tags))
    return said


def _or_error(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:  # noqa: BLE001 - what it raises is its answer
        return f"{type(error).__name__}: {error}".partition(": http://")[0]
