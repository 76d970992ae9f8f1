"""The guest as a whole: what it is, its clock, its processors, its tools, what its cloud announces."""
