"""Which start of the machine this is: what was not synced may be half there after another one."""

import subprocess
from functools import cache
from pathlib import Path


@cache
def boot() -> str:
    """A text that no other start of this machine has; `unknown` where that cannot be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        pass
    try:
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=5)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.stdout.strip() or "unknown"
