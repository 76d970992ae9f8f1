"""What runs inside the machines of the lab, on their own python3 and nothing else."""
