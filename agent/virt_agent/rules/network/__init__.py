"""Network cards, their drivers, and what was bought of the network."""
