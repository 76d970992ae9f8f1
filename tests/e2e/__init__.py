"""The whole way of an alert, from a file in /sys of a guest to the person who is woken."""
