"""The examples for other tools (packaging/examples, packaging/sos), each run by the tool itself, Debian's version."""
