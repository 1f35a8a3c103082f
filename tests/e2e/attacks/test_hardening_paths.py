"""hardening = strict opens the directories of log files, and nothing that their names resemble."""

from __future__ import annotations

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure

# A root worker that says what it may write, and then waits for its end.
WORKER = """\
#!/bin/sh
for path in /etc /srv /; do
    if touch "$path/owned" 2>/dev/null; then echo "may write $path"; fi
done
echo finished
exec sleep 1000
"""


@pytest.mark.core
@pytest.mark.parametrize(
    "directory", ["/srv/my logs", "/etc x", "/etc / x", "/srv/it's", '/srv/a "b" c', "/srv/a\\b c"]
)
def test_strict_opens_the_log_directory_alone(machine: Machine, directory: str) -> None:
    """A blank in a log directory does not open /etc or /; the log file is written."""
    machine.run(["mkdir", "-p", directory])
    machine.write("/usr/local/bin/writer", WORKER, mode=0o755)
    configure(
        machine,
        "[program:writer]\ncommand=/usr/local/bin/writer\nhardening=strict\n"
        f"stdout_logfile={directory}/writer.log\n",
    )
    machine.run(["wctl", "update"])
    log = f"{directory}/writer.log"
    wait_for(lambda: "finished" in machine.read(log), 10, f"the worker's lines in {log}")
    assert machine.read(log) == "finished\n"
