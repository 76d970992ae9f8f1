"""What this guest costs: calls, faults, disk reads, boot; for `--bench` alone.

    figures    what each figure does and does not mean
    samples    median, quartiles, the interval of the median
    rounds     the probes in turn, bounded in time
    calls      clock, system call, CPUID, a fixed piece of work
    faults     pages touched for the first time
    disk, aio  reads of a file that the agent makes and deletes
    boot       the phases that systemd noted
    busy       whether anything measured now would be worth it
    document   a run as JSON and back
    compare    two of them; text: both for a person

A probe gives one value per round, so that a slow minute falls on all of them alike. Nothing here is
imported by any other mode.
"""
