"""A strict instance metadata service (IMDSv2) on loopback, and the ways in which one can fail.

with Server(scenarios.on("GET", scenarios.silent)) as server:
    Client((server.endpoint,)).get(…)
assert [request.path for request in server.requests] == […]

`answers` holds what three instances' services say, `service` the rules, `scenarios` what goes wrong on the wire,
`server` the sockets, `asking` a plain client. Standard library alone: nothing of the client under test is in the judge.
"""

from __future__ import annotations
