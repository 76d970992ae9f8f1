"""What the services of three instances say, by path below /latest/ (EC2 user guide, "Instance metadata categories").

The guide's table lacks `profile` and `system`, which all instances of today have; the t2.micro is one that was captured
on a Xen type which runs on Nitro hardware. A path with "/" at its end is a listing that its children do not give.
What lends or proves an identity carries CANARY: who shows that asked for what was not to be asked.
"""

from __future__ import annotations

import json

Answers = dict[str, str]

CANARY = "canary-of-what-nobody-may-ask"
ROLE = "web-server"
ACCOUNT = "123456789012"
INSTANCE = "i-0123456789abcdef0"
IMAGE = "ami-0abcdef1234567890"
MAC = "0e:49:61:0f:c3:11"
SECOND_MAC = "0e:49:61:0f:c3:77"
_ADDRESS = "172.31.7.22"
_HOST = "ip-172-31-7-22.ec2.internal"

_CREDENTIALS = {
    "Code": "Success",
    "LastUpdated": "2026-11-20T03:00:00Z",
    "Type": "AWS-HMAC",
    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
    "SecretAccessKey": CANARY,
    "Token": CANARY,
    "Expiration": "2099-11-20T09:00:00Z",
}
_IDENTITY = {
    "dynamic/fws/instance-monitoring": "disabled",
    "dynamic/instance-identity/pkcs7": CANARY,
    "dynamic/instance-identity/rsa2048": CANARY,
    "dynamic/instance-identity/signature": CANARY,
    "meta-data/iam/info": json.dumps({"InstanceProfileArn": f"arn:aws:iam::{ACCOUNT}:instance-profile/{ROLE}"}),
    f"meta-data/iam/security-credentials/{ROLE}": json.dumps(_CREDENTIALS),
    "meta-data/identity-credentials/ec2/info": json.dumps({"Code": "Success", "AccountId": ACCOUNT}),
    "meta-data/identity-credentials/ec2/security-credentials/ec2-instance": json.dumps(_CREDENTIALS),
    "meta-data/managed-ssh-keys/signer-cert": CANARY,
    "meta-data/public-keys/": "0=admin",
    "meta-data/public-keys/0/openssh-key": f"ssh-rsa {CANARY} admin",
    "user-data": f"#!/bin/sh\n# {CANARY}\n",
    "": "dynamic\nmeta-data\nuser-data",
}
_EVERYWHERE = {
    "ami-launch-index": "0",
    "hostname": _HOST,
    "instance-action": "none",
    "instance-id": INSTANCE,
    "local-hostname": _HOST,
    "local-ipv4": _ADDRESS,
    "mac": MAC,
    "placement/availability-zone": "us-east-1a",
    "placement/availability-zone-id": "use1-az4",
    "placement/region": "us-east-1",
    "reservation-id": "r-0fedcba9876543210",
    "security-groups": "default\nweb",
    "services/domain": "amazonaws.com",
    "services/partition": "aws",
}


def _interface(mac: str, number: int) -> Answers:
    values = {
        "device-number": str(number),
        "interface-id": f"eni-0123456789abcdef{number}",
        "local-hostname": _HOST,
        "local-ipv4s": _ADDRESS,
        "mac": mac,
        "owner-id": ACCOUNT,
        "security-group-ids": "sg-0123456789abcdef0",
        "security-groups": "default",
        "subnet-id": "subnet-0123456789abcdef0",
        "subnet-ipv4-cidr-block": "172.31.0.0/20",
        "vpc-id": "vpc-0123456789abcdef0",
        "vpc-ipv4-cidr-block": "172.31.0.0/16",
        "vpc-ipv4-cidr-blocks": "172.31.0.0/16",
    }
    return {f"network/interfaces/macs/{mac}/{name}": value for name, value in values.items()}


def _document(meta: Answers) -> str:
    """The identity document, which says again what some of the categories say."""
    return json.dumps(
        {
            "accountId": ACCOUNT,
            "architecture": "x86_64",
            "availabilityZone": meta["placement/availability-zone"],
            "billingProducts": None,
            "devpayProductCodes": None,
            "imageId": meta["ami-id"],
            "instanceId": meta["instance-id"],
            "instanceType": meta["instance-type"],
            "kernelId": meta.get("kernel-id"),
            "marketplaceProductCodes": None,
            "pendingTime": "2026-11-19T16:32:11Z",
            "privateIp": meta["local-ipv4"],
            "ramdiskId": meta.get("ramdisk-id"),
            "region": meta["placement/region"],
            "version": "2017-09-30",
        },
        indent=2,
    )


def _instance(*parts: Answers) -> Answers:
    meta: Answers = dict(_EVERYWHERE)
    for part in parts:
        meta |= part
    named = {f"meta-data/{path}": body for path, body in meta.items()}
    return {**_IDENTITY, **named, "dynamic/instance-identity/document": _document(meta)}


# Xen on Nitro hardware, from EBS.
T2_MICRO = _instance(
    _interface(MAC, 0),
    {
        "ami-id": IMAGE,
        "ami-manifest-path": "(unknown)",
        "block-device-mapping/ami": "xvda",
        "block-device-mapping/root": "/dev/xvda",
        "events/maintenance/history": "[]",
        "events/maintenance/scheduled": "[]",
        "instance-life-cycle": "on-demand",
        "instance-type": "t2.micro",
        "metrics/vhostmd": '<?xml version="1.0" encoding="UTF-8"?>',
        "profile": "default-hvm",
        "public-hostname": "ec2-198-51-100-7.compute-1.amazonaws.com",
        "public-ipv4": "198.51.100.7",
        "system": "xen-on-nitro",
    },
)

# Paravirtual, with PV-GRUB for a kernel, from the instance store, on a host too old to tell its `system`.
M1_SMALL = _instance(
    _interface(MAC, 0),
    {
        "ami-id": "ami-5fb8c835",
        "ami-manifest-path": "images/lucid.manifest.xml",
        "ancestor-ami-ids": "ami-0c0ffee0",
        "block-device-mapping/ami": "/dev/sda1",
        "block-device-mapping/ephemeral0": "/dev/sda2",
        "block-device-mapping/root": "/dev/sda1",
        "block-device-mapping/swap": "/dev/sda3",
        "instance-life-cycle": "on-demand",
        "instance-type": "m1.small",
        "kernel-id": "aki-5c21674b",
        "metrics/vhostmd": '<?xml version="1.0" encoding="UTF-8"?>',
        "profile": "default-paravirtual",
    },
)

_EVENT = {
    "NotBefore": "21 Jan 2027 09:00:43 GMT",
    "Code": "system-reboot",
    "Description": "scheduled reboot",
    "EventId": "instance-event-0d59937288b749b32",
    "NotAfter": "21 Jan 2027 09:17:23 GMT",
    "State": "active",
}
_PAST_EVENT = {
    **_EVENT,
    "NotBefore": "3 Feb 2026 10:00:00 GMT",
    "Description": "[Completed] scheduled reboot",
    "EventId": "instance-event-0d59937288b749b31",
    "NotAfter": "3 Feb 2026 10:20:00 GMT",
    "State": "completed",
}

# A spot instance of an Auto Scaling group that AWS is about to take, with everything announced that can be.
C5_LARGE = _instance(
    _interface(MAC, 0),
    _interface(SECOND_MAC, 1),
    {
        "ami-id": IMAGE,
        "ami-manifest-path": "(unknown)",
        "autoscaling/target-lifecycle-state": "InService",
        "block-device-mapping/ami": "/dev/sda1",
        "block-device-mapping/ebs1": "sdf",
        "block-device-mapping/root": "/dev/sda1",
        "events/maintenance/history": json.dumps([_PAST_EVENT]),
        "events/maintenance/scheduled": json.dumps([_EVENT]),
        "events/recommendations/rebalance": '{"noticeTime": "2026-11-20T03:10:00Z"}',
        "instance-life-cycle": "spot",
        "instance-type": "c5.large",
        "placement/group-name": "web",
        "profile": "default-hvm",
        "spot/instance-action": '{"action": "terminate", "time": "2026-11-20T03:14:00Z"}',
        "spot/termination-time": "2026-11-20T03:14:00Z",
        "system": "nitro",
        "tags/instance/Name": "web-17",
    },
)
INSTANCES = {"t2.micro": T2_MICRO, "m1.small": M1_SMALL, "c5.large": C5_LARGE}


def body(answers: Answers, path: str) -> str | None:
    """What is at a path below /latest/: a value, or the names in a directory, those of directories ending in "/".

    A "/" at the end may be left out or be too much, as with the real service; nothing else is folded.
    """
    if "//" in path or path == "/":
        return None
    name = path.removesuffix("/")
    for known in (name, f"{name}/"):
        if known in answers:
            return answers[known]
    below = [key.removeprefix(f"{name}/") for key in answers if key.startswith(f"{name}/")]
    names = {f"{first}/" if rest else first for first, rest, _ in (key.partition("/") for key in below)}
    return "\n".join(sorted(names)) or None
