"""Disks, and the controllers below them."""
