"""Xen: frontends on xenbus, what keeps their drivers out, the balloon, the host."""
