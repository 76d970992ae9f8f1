"""Configuration files that call disks and network cards by name."""
