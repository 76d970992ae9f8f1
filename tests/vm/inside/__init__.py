"""What runs inside the test machine, on its own python3 and nothing else."""
