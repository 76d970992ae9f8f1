"""What the agent costs, against its peers on the same machine in the same minutes: `python3 -m tests.bench`."""
