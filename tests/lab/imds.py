"""A metadata service for one connection, on its standard input.

QEMU's user network starts it anew for each connection to 169.254.169.254:80.
It speaks IMDSv2 only: a request without the token is refused.
"""

from __future__ import annotations

import json
import socket
from http.server import BaseHTTPRequestHandler

TOKEN = "a-token-of-the-lab=="
INSTANCE = "i-0123456789abcdef0"
DOCUMENT = {
    "accountId": "123456789012",
    "architecture": "x86_64",
    "availabilityZone": "us-east-1a",
    "imageId": "ami-0123456789abcdef0",
    "instanceId": INSTANCE,
    "instanceType": "m5.large",
    "pendingTime": "2026-11-20T00:00:00Z",
    "privateIp": "172.31.1.2",
    "region": "us-east-1",
    "version": "2017-09-30",
}
META = {
    "instance-id": INSTANCE,
    "instance-type": "m5.large",
    "ami-id": "ami-0123456789abcdef0",
    "system": "nitro",
    "services/domain": "amazonaws.com",
    "services/partition": "aws",
    "placement/availability-zone": "us-east-1a",
    "placement/availability-zone-id": "use1-az4",
    "placement/region": "us-east-1",
    "instance-life-cycle": "on-demand",
    "events/maintenance/scheduled": "[]",
}
ANSWERS = {
    "/latest/dynamic/instance-identity/document": json.dumps(DOCUMENT, indent=2),
    **{f"/latest/meta-data/{path}": text for path, text in META.items()},
}


class Service(BaseHTTPRequestHandler):
    server_version = "EC2ws"
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other's acknowledgement

    def do_PUT(self) -> None:
        given = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        fit = self.path == "/latest/api/token" and given.isdigit()
        self._answer(200 if fit else 400, TOKEN if fit else "")

    def do_GET(self) -> None:
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            self._answer(401, "")
        else:
            self._answer(200 if self.path in ANSWERS else 404, ANSWERS.get(self.path, ""))

    def _answer(self, status: int, body: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *arguments: object) -> None:
        """Standard output is the guest's connection: nothing else may go there."""


if __name__ == "__main__":
    Service(socket.socket(fileno=0), ("guest", 0), None)  # type: ignore[arg-type]
