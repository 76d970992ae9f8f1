"""What the facts mean, and how it is told: verdict, rules, report, renderers, daemon, command line.

Everything here but the daemon and the command line is pure: the same facts give the same answer.
"""

__version__ = "0.1.0"
