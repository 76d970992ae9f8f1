"""Clients that others wrote against our metadata service, and our client against a service that others wrote.

`python3 -m tests.foreign` prints what each of them said; exit 1 where one said something else than it documents. It needs
botocore, ec2-metadata and moto: `pip install -e '.[foreign]'`. cloud-init is no PyPI package: its documented steps are
taken always, and the program itself where it is installed.
"""

from __future__ import annotations
