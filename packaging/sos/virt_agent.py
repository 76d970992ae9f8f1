"""virt-agent in a sos report: what this guest runs on, what was found, and a snapshot to replay it elsewhere.

Not taken: web.yml and keys (password hashes), and /run/virt-agent (serial numbers in the clear).
"""

from sos.report.plugins import DebianPlugin, IndependentPlugin, Plugin, UbuntuPlugin

# --check ends by itself after 8 s and --snapshot after 30 s, also where a disk hangs; the rest is for a busy machine.
SECONDS = 45


# Debian 12's sos 4.0 takes no plugin there that is for all distributions alone.
class VirtAgent(Plugin, IndependentPlugin, DebianPlugin, UbuntuPlugin):
    short_desc = "what this guest runs on, and whether its drivers are healthy"
    plugin_name = "virt_agent"
    profiles = ("virt", "hardware", "system")
    packages = ("virt-agent",)
    commands = ("virt-agent",)
    services = ("virt-agent",)
    plugin_timeout = 180

    def setup(self) -> None:
        self.add_copy_spec("/etc/virt-agent/config.toml")
        self.add_forbidden_path(["/etc/virt-agent/web.yml", "/etc/virt-agent/*.key", "/etc/virt-agent/*.pem"])
        self.add_cmd_output(
            [
                "virt-agent --version",
                "virt-agent --check -v",
                "virt-agent --check --json",
                "virt-agent --readiness reboot",
                "virt-agent --metrics",
                "virt-agent --check-config",
            ],
            timeout=SECONDS,
        )
        # Redacted: it can be passed on where the rest of the report must not.
        directory = self.get_cmd_output_path(name="snapshot")
        self.add_cmd_output(f"virt-agent --snapshot {directory}/guest.tar.gz", timeout=SECONDS)
        self.add_journal(units="virt-agent")
