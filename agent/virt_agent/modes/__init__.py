"""One module for each group of modes; each function takes the options and gives the exit code."""
