"""The lab: real guests of real hypervisors, booted under QEMU's emulation.

No virtualization hardware is used. `python3 -m tests.lab` boots each guest,
runs the agent of the working tree inside it and compares what it says with
what the lab itself configured.
"""
