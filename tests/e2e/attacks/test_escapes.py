"""Escape sequences of workers and users, against root's terminal."""

from __future__ import annotations

import re
import shlex

from machine.driver import Machine, wait_for
from machine.units import configure, states

# A title, the clipboard, a cleared screen, an answer that the terminal types, and a colour.
WORSE = r"\033]0;pwned\007 \033]52;c;cm0=\033\\ \033[2J\033[6n\033[8m\033[31mred\033[0m \233A"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A terminal obeys nothing else of what it gets, but for the carriage return of the line discipline.
OWN = re.compile(r"(^|[\r\n])\x1b\[K")  # the line that shows the progress
OBEYED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def on_terminal(machine: Machine, *words: str) -> str:
    """Returns what a command writes to a terminal."""
    command = shlex.join(["wctl", *words])
    result = machine.run(["script", "-qec", command, "/dev/null"], check=False)
    return result.out


def safe(shown: str) -> None:
    """Asserts that a terminal obeys nothing of ``shown`` but colours and wctl's own line."""
    assert not OBEYED.search(COLOUR.sub("", OWN.sub("", shown))), shown
    assert "]0;" not in shown and "\x1b[8m" not in shown


def test_what_workers_write(machine: Machine) -> None:
    """Lines of workers reach a terminal with their colours, and with nothing else it obeys."""
    configure(machine, f"""[program:w]
command=sh -c "printf '{WORSE}\\n'; printf '{WORSE}\\n' >&2; exec sleep 1000"
startsecs=0
[program:f]
command=sh -c "printf '{WORSE}\\n'; exec sleep 1000"
log=file
startsecs=0
[program:bad]
command=sh -c "printf '{WORSE}\\n'; exit 3"
startretries=0
autostart=false
""".replace("%", "%%"))  # fmt: skip
    machine.run("wctl update")
    wait_for(lambda: "red" in machine.run("wctl tail w", check=False).out, 10, "lines")
    wait_for(lambda: "red" in machine.run("wctl tail f", check=False).out, 10, "lines in the file")
    for words in (("tail", "w"), ("tail", "f"), ("logs", "w")):
        safe(on_terminal(machine, *words))
    assert not OBEYED.search(on_terminal(machine, "logs", "-o", "json", "w"))
    assert "\x1b[31mred" in on_terminal(machine, "tail", "w")
    assert "\x1b[31mred" in on_terminal(machine, "tail", "f")
    # A pipe gets every byte.
    assert "\x1b]0;pwned\x07" in machine.run("wctl tail w").out
    shown = on_terminal(machine, "start", "bad")
    assert "red" in shown
    safe(shown)
    wait_for(lambda: states(machine)["bad@00"] == "FATAL", 20, "FATAL")
    shown = on_terminal(machine, "doctor", "bad")
    assert "[fatal]" in shown and "red" in shown
    safe(shown)


def test_status_of_a_worker(machine: Machine) -> None:
    """A status that a worker sends is one line of printable text, on a pipe, too."""
    status = WORSE.replace(r"\233", "")  # systemd takes UTF-8 alone
    machine.write("/srv/notify", f"""#!/bin/bash
systemd-notify --status="$(printf 'BACKOFF: {status}')"
exec sleep 1000
""", mode=0o755)  # fmt: skip
    configure(machine, "[program:w]\ncommand=/srv/notify\nready=notify\nready_timeout=600\n")
    machine.run("wctl update --no-wait", check=False)
    wait_for(lambda: states(machine).get("w@00") == "BACKOFF", 20, "the status")
    for shown in (on_terminal(machine, "status"), machine.run("wctl status", check=False).out):
        assert "red" in shown
        safe(shown)
    assert len(machine.run("wctl status", check=False).out.splitlines()) == 1


def test_text_of_a_configuration(machine: Machine) -> None:
    """What a diagnostic quotes from a configuration is safe to show."""
    text = f"[program:x]\ncommand=/bin/true\n{WORSE}=1\nautorestart={WORSE}\n"
    machine.run(["bash", "-c", f"printf '{text}' >/tmp/x.conf"])
    for verb in ("check", "reread", "render"):
        safe(on_terminal(machine, "-c", "/tmp/x.conf", verb))


def test_message_of_several_lines(machine: Machine) -> None:
    """A message with newlines has the instance's name on each line: it cannot forge another's."""
    machine.write("/srv/say", """#!/usr/bin/python3
import socket, struct, time
value = b"one\\nw@01: forged"
data = b"MESSAGE\\n" + struct.pack("<Q", len(value)) + value + b"\\n"
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(data, "/run/systemd/journal/socket")
time.sleep(1000)
""", mode=0o755)  # fmt: skip
    configure(machine, "[program:w]\ncommand=/srv/say\n")
    machine.run("wctl update")
    wait_for(lambda: "one" in machine.run("wctl logs w").out, 10, "the message")
    lines = machine.run("wctl logs w").out.splitlines()
    assert [line for line in lines if "forged" in line and "w@00: w@01: forged" not in line] == []
