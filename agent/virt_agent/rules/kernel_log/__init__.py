"""L: what the kernel log tells of. It is history: a line counts for a day, unless its device recovered or is gone."""
