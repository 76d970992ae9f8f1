"""What the table of options cannot say of the command, in our own words: `typed`, {stands for something}."""

from __future__ import annotations

DESCRIPTION = """
`virt-agent` looks at a Linux guest from inside and answers three questions, with proof. What does it run on, and how:
Xen PV, HVM, PVHVM, PVH or dom0; EC2 on Xen, Xen-on-Nitro, Nitro or metal; KVM, another hypervisor, or bare metal. Are
the drivers under it healthy: xen-blkfront, xen-netfront, ENA, NVMe, virtio, emulated ones, the clock, the kernel log.
And what is to be done.

It reads and changes nothing. It needs no privilege: what only root may read is told as not checked, with the command
that would check it. On strong signs of EC2 it asks the metadata service; no other packet leaves.

Each run has one mode. Options may stand before or behind it, values behind the option or after an equals sign.
"""

MODES = {
    "check": (
        "The report has the findings, each with what was seen, what it means and what to do, then the verdict and the "
        "devices. Where a suspicion needs time to be confirmed, a second reading is taken two seconds later.",
    ),
    "detect": ("It reads only what the verdict needs and judges no rule.",),
    "json": ("The document is described by a JSON schema, {render/schema.json} among the modules.",),
    "serve": (
        "The machine is read anew when a scrape asks; what cannot change, once at the start. It listens on port 10480 "
        "of all addresses unless told otherwise. Without TLS and passwords, {/} and {/check} show what names this guest, "
        "and raw evidence, to clients on the loopback interface only. systemd starts it as `virt-agent.service`.",
    ),
    "snapshot": (
        "The archive holds exactly what the agent looked at, with mode 0600, so that `--root` {FILE} gives the same "
        "report elsewhere. Unless `--full`, names, addresses, serial numbers and the like are replaced.",
    ),
    "list": ("Read it before you send a snapshot to anybody.",),
    "diff": ("All that the report tells of them is compared, but what moves by itself, as counters do.",),
    "readiness": (
        "Every installed kernel is judged, and the one that boots next decides: its image and initramfs, the drivers "
        "of this machine's root disk and network card, `root=` and {/etc/fstab}. {TARGET} is `reboot`, `hvm` or "
        "`nitro`. As root it sees everything.",
    ),
    "instance-type": ("The list is part of the package: no packet is sent.",),
    "bench": (
        "About six seconds, without any privilege. It refuses on a busy machine, for the figures would be of other "
        "work. No other mode measures by itself.",
    ),
    "rules": ("See also `virt-agent-rules`(7).",),
    "explain": ("{CODE} is a rule's code or name: `X02`, `xen-frontend-closed`.",),
    "collect-privileged": (
        "`static` are the firmware's serial numbers and tables and CPUID, `nvme` the statistics of Amazon's NVMe "
        "disks. A daemon or a check without privileges reads the files when they are of the same boot.",
    ),
}

OPTIONS = {
    "root": ("A tree, a mounted disk or a support archive will do as well. The command never leaves that root.",),
    "only": ("{CODES} are separated by commas, and may be names. The report says what was left out.",),
    "ignore": ("As with `--only`; the report says so.",),
    "expect": ("{KEY} is one of these: %s. A null value is written `null`, a flag `true` or `false`.",),
    "collector.NAME": ("The collectors are listed below.",),
    "imds": (
        "`auto` asks where the firmware's vendor is `Amazon EC2`, or the BIOS version or Xen's version holds "
        "`.amazon`. Version 2 of the service alone is used; user data and credentials are never asked for.",
    ),
    "color": ("The environment may say otherwise, see below.",),
    "config.file": (
        "Described in `virt-agent.toml`(5). A replay is judged by a configuration only where this names it.",
    ),
    "web.config.file": ("`virt-agent.toml`(5) has its keys. Changes are taken without a restart.",),
    "web.listen-address": (
        "{ADDRESS} is {HOST}:{PORT}, [{IPV6}]:{PORT}, :{PORT} for all addresses, or `unix:`{PATH}.",
    ),
    "check-config": ("An error names the file, the key and what was meant.",),
}

# Which options stand together; those that no group names come last.
GROUPS = {
    "What is looked at": (
        "root",
        "imds",
        "imds.endpoint",
        "collector.NAME",
        "no-collector.NAME",
        "privileged.directory",
        "timeout",
        "sample",
        "without",
    ),
    "What is judged": ("config.file", "only", "ignore", "strict", "expect"),
    "What is printed": ("verbose", "quiet", "format", "color", "textfile", "full"),
    "Of the daemon": ("web.listen-address", "web.config.file", "web.max-requests", "log.level"),
    "Of --bench": ("compare", "directory", "force"),
}
OTHERS = "Others"

VARIABLES = """
Settings can be given in the environment too. The command line counts more, the configuration less. A switch is `true`
or `false`; what may be repeated stands in one variable, with commas between. An empty variable is as none.
"""
ENVIRONMENT = {
    "NO_COLOR": "Where it is not empty, no colours; `--color` counts more.",
    "FORCE_COLOR": "Where it is not empty and NO_COLOR is, colours also where no terminal reads.",
    "TERM": "`dumb` means no colours.",
    "AWS_EC2_METADATA_DISABLED": "`true` keeps the command from the metadata service, as it does AWS's own tools; "
    "`--imds` and `VIRT_AGENT_IMDS` count more.",
    "VIRT_AGENT_TRACEBACK": "Where it is not empty, an internal error is shown with its traceback.",
}
ENVIRONMENT_SYSTEMD = {
    "NOTIFY_SOCKET": "Where it is told that the daemon is ready, reloads or stops; see `sd_notify`(3).",
    "WATCHDOG_USEC": "How often it must be told that the daemon is alive.",
    "WATCHDOG_PID": "For which process that holds.",
    "JOURNAL_STREAM": "Tells that standard error is the journal's: lines begin with their priority then, else with time "
    "and level.",
    "LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID": "A descriptor named `kmsg` is the kernel log, opened for a daemon "
    "that may not open it; see `OpenFile=` in `systemd.service`(5).",
}

CONFIGURATION = "The configuration; it need not exist. See `virt-agent.toml`(5)."
FILES = {
    "/run/virt-agent/static.json, /run/virt-agent/nvme.json": "What `--collect-privileged` left, of this boot.",
    "/usr/share/virt-agent": "The modules of the package.",
    "/usr/share/doc/virt-agent/docs": "More on each topic.",
    "/usr/share/doc/virt-agent/examples": "Examples: drop-ins for systemd, monitoring, provisioning.",
}

UNITS = {
    "virt-agent.service": "The daemon. The package enables and starts it.",
    "virt-agent-static.service": "`--collect-privileged static`, before each start of the daemon.",
    "virt-agent-privileged.service": "`--collect-privileged nvme`.",
    "virt-agent-privileged.timer": "Starts that once a minute; off until it is enabled.",
}

SIGNALS = {
    "SIGHUP": "The daemon reads its configuration anew. Where that has an error, the old one stays and the log says why.",
    "SIGTERM, SIGINT": "The daemon ends, with exit status 0; at once where it comes twice.",
}

EXAMPLES = (
    ("What does this guest run on, and is it well?", "$ virt-agent --check"),
    ("One word for a script:", "$ virt-agent --detect\nxen pvhvm"),
    ("A machine to take away, and its report elsewhere:",
     "$ sudo virt-agent --snapshot guest.tar.gz\n$ virt-agent --root guest.tar.gz --check -v"),
    ("An image test, which exits with 2 where the guest is not PVHVM:",
     "$ virt-agent --check --expect guest_mode=pvhvm"),
    ("For a monitoring plugin, with performance data:", "$ virt-agent --check --format nagios -q"),
    ("Would it boot on Nitro?", "$ sudo virt-agent --readiness nitro"),
    ("Without a daemon, for node_exporter's textfile collector:",
     "$ virt-agent --textfile /var/lib/prometheus/node-exporter/virt.prom"),
    ("What the daemon says:", "$ curl -s http://localhost:10480/metrics\n$ curl -s http://localhost:10480/check"),
)  # fmt: skip

SEE_ALSO = (
    ("virt-agent.toml", 5),
    ("virt-agent-metrics", 7),
    ("virt-agent-rules", 7),
    ("systemd-detect-virt", 1),
    ("virt-what", 8),
    ("lscpu", 1),
    ("dmidecode", 8),
)
