"""A $ in a path or a command is a $ for every verb, though a unit doubles it."""

from __future__ import annotations

from machine.driver import Machine, wait_for
from machine.units import configure


def test_a_dollar_in_a_log_path(machine: Machine) -> None:
    """tail reads the log file, clear empties it, and explain shows the command as configured."""
    machine.run("install -d -o www-data '/srv/lo$g'")
    configure(
        machine,
        "[program:t]\ncommand=sh -c 'echo hello $$; exec sleep 1000'\nuser=www-data\n"
        "log=file\nstdout_logfile=/srv/lo$g/t.log\n",
    )
    machine.run(["wctl", "update"])
    log = "/srv/lo$g/t.log"
    wait_for(lambda: "hello" in machine.read(log), 10, "the worker's line")
    assert machine.run(["wctl", "tail", "t"]).out == machine.read(log)
    assert "'echo hello $$; exec sleep 1000'" in machine.run(["wctl", "explain", "t"]).out
    assert machine.run(["wctl", "clear", "t"]).out == "t@00: cleared\n"
    assert machine.read(log) == ""
