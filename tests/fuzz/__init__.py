"""Damage to every file of a guest: the agent reports it and goes on."""
