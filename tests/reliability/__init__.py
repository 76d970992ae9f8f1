"""What is promised of the daemon when things go wrong around it, tried on a real one; docs/reliability.md has the tables."""
