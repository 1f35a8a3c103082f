"""wctl status on a real systemd: tables on terminals of several widths, --watch, -l and --json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from machine import provision
from machine.driver import Machine, wait_for
from machine.screen import screen
from machine.units import configure, show, states

SCHEMA = "/usr/share/doc/wctl/status.schema.json"
PROGRAMS = """\
[program:mailer]
command=sleep 1000
process_name=%(program_name)s_%(process_num)02d
numprocs=2
memory_max=256M
[program:broken]
command=sh -c 'echo no database; exit 3'
startretries=1
[program:recycled]
command=sh -c 'read line <>/run/recycled; exit 5'
[program:cart]
command=sleep 1000
autostart=false
[program:\u00e9t\u00e9]
command=sleep 1000
[group:shop]
programs=cart,\u00e9t\u00e9
"""
ROWS = {
    "broken@00": "FATAL",
    "mailer@00": "RUNNING",
    "mailer@01": "RUNNING",
    "recycled@00": "RUNNING",
    "cart@00": "STOPPED",
    "\u00e9t\u00e9@00": "RUNNING",
}

pytestmark = pytest.mark.kept


@pytest.fixture(scope="module")
def shop(machine: Machine) -> Iterator[Machine]:
    """A worker of each kind; recycled@00 has been restarted once."""
    provision.reset(machine)
    configure(machine, PROGRAMS)
    machine.run("mkfifo /run/recycled; wctl update", check=False)
    machine.run("echo >/run/recycled")
    wait_for(lambda: show(machine, "recycled@00", "NRestarts")["NRestarts"] == "1", 30, "restart")
    wait_for(lambda: states(machine) == ROWS, 30, "the states")
    yield machine
    provision.reset(machine)
    machine.run("rm /run/recycled")


def cells(header: str, line: str) -> dict[str, str]:
    """Returns the cells of a row by their titles: the numbers end where their titles end."""
    ends = {title.group(): title.end() for title in re.finditer(r"\S+", header)}
    found = {}
    for title in list(ends)[2:]:
        text = line[: ends[title]].rpartition(" ")[2]
        assert text and not line[ends[title] : ends[title] + 1].strip(), (title, line)
        found[title] = text
    return found


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_it_fits_the_terminal(shop: Machine, width: int) -> None:
    """One aligned line an instance, groups under their names, and a reason where one is due."""
    with screen(shop, width) as terminal:
        found = terminal.after("wctl status")
    header, *lines = found
    assert header.split()[:5] == ["NAME", "STATE", "PID", "UPTIME", "RESTARTS"]
    assert ("MEMORY" in header) or width < 80
    rows = {line.split()[0]: line for line in lines if line.split()[0] in ROWS}
    assert {name: line.split()[1] for name, line in rows.items()} == ROWS, found
    assert [line for line in lines if line.endswith(":")] == ["shop:"]
    assert all(line.startswith("  ") for name, line in rows.items() if name[0] in "c\u00e9")
    for name, line in rows.items():
        if ROWS[name] == "RUNNING":
            has = cells(header, line)
            assert has["PID"] == show(shop, _unit(name), "MainPID")["MainPID"]
            assert re.fullmatch(r"0:\d\d:\d\d", has["UPTIME"])
            assert has["RESTARTS"] == ("1" if name == "recycled@00" else "0")
    reason = " ".join(found).partition("FATAL")[2]
    assert re.match(" +Exited too quickly: gave up after 2 failed starts in a row ", _plain(reason))
    assert len(lines) == len(ROWS) + 1 + (width < 80), found  # its reason takes two lines


def _unit(name: str) -> str:
    return name.replace("\u00e9", "\\xc3\\xa9")


def _plain(text: str) -> str:
    """Returns text without the indentation of lines that follow."""
    return " " + re.sub(" +", " ", text)


@pytest.mark.parametrize(
    ("environment", "coloured"), [("", True), ("NO_COLOR=1", False), ("TERM=dumb", False)]
)
def test_colours_can_be_switched_off(shop: Machine, environment: str, coloured: bool) -> None:
    """See no-color.org; a dumb terminal shows no colours, and doctor and logs follow, too."""
    with screen(shop, 120, 50) as terminal:
        for command in ("status", "doctor broken", "logs --lines=5 broken mailer"):
            terminal.type(f"clear; {environment} wctl {command} 2>&1; echo 'e''nd'")
            terminal.wait("^end$")
            shown = "\n".join(terminal.lines(colours=True))
            assert ("\x1b[" in shown) == coloured, (command, shown)


def test_long_is_a_table_for_scripts(shop: Machine) -> None:
    """On a pipe: one line each, all columns, and how the worker ended."""
    header, *lines = shop.run("wctl status -l", check=False).out.splitlines()
    titles = ["NAME", "STATE", "PID", "UPTIME", "RESTARTS", "MEMORY", "CPU", "TASKS", "WHY"]
    assert header.split() == titles
    found = {line.split()[0]: line.split(maxsplit=8)[1:] for line in lines}
    assert {name: cells[0] for name, cells in found.items()} == ROWS
    assert found["recycled@00"][7] == "last exit: exit status 5"
    assert found["broken@00"][7].endswith("in a row; last exit: exit status 3")
    assert found["cart@00"][1:] == ["-", "-", "0", "-", "-", "-", "Not started"]
    assert len(found["mailer@00"]) == 7  # it has never ended


def test_long_asks_the_journal_once(shop: Machine) -> None:
    """However many instances there are, they cost no process each.

    One question is about how they ended, one about those that systemd has forgotten.
    """
    shop.run("strace -f -e trace=execve -o /run/calls wctl status -l", check=False)
    asked = re.findall(r'execve\("[^"]*/journalctl".* = 0$', shop.read("/run/calls"), re.MULTILINE)
    assert len(asked) == 2 < len(ROWS)


def test_json_is_as_described(shop: Machine) -> None:
    """The JSON schema in the package describes what is printed, and numbers are numbers."""
    check = (
        "import json, sys, jsonschema;"
        f"schema = json.load(open({SCHEMA!r}));"
        "jsonschema.Draft202012Validator.check_schema(schema);"
        "jsonschema.validate(json.load(sys.stdin), schema)"
    )
    for options in ("", "-l"):
        shop.run(f'wctl status --json {options} | python3 -c "{check}"')
    found = {one["name"]: one for one in json.loads(shop.run("wctl status --json -l || :").out)}
    assert found.keys() == ROWS.keys()
    recycled, broken = found["recycled@00"], found["broken@00"]
    now = float(shop.run("date +%s").out)
    assert recycled["uptime"] <= now - recycled["since"] + 2
    assert recycled["exit_time"] <= recycled["since"] <= now
    assert (recycled["exit_status"], recycled["exit_signal"], recycled["restarts"]) == (5, None, 1)
    assert (broken["exit_status"], broken["pid"], broken["uptime"]) == (3, None, None)
    assert found["mailer@00"]["memory_max"] == 256 << 20
    assert found["cart@00"]["since"] is None


def test_watch_keeps_the_screen(shop: Machine) -> None:
    """--watch shows changes on the alternate screen, follows its size, and gives it back."""
    with screen(shop, 100) as terminal:
        terminal.type("echo 'be''fore'; wctl status --watch --interval 0.2; echo \"code $?\"")
        terminal.wait("^wctl status, every 0.2 s")
        terminal.wait("mailer@00 +RUNNING")
        assert terminal.alternate()
        shop.run("wctl stop mailer@01")
        terminal.wait("mailer@01 +STOPPED")
        terminal.resize(60, 6)
        terminal.wait(r"and \d more lines$")
        shown = terminal.lines()
        assert len(shown) == 6 and shown[1].startswith("NAME")
        assert max(map(len, shown)) <= 60
        terminal.resize(100, 24)
        terminal.press("C-c")
        terminal.wait("^code 0$")
        assert not terminal.alternate()
        assert "before" in terminal.lines()
    shop.run("wctl start mailer@01")


def test_watch_on_a_pipe(shop: Machine) -> None:
    """A reader gets the states again and again, and ends it by going away."""
    shown = shop.run("wctl status --watch --interval 0.1 mailer | head -5").out
    assert re.fullmatch(r"(mailer@0\d +RUNNING .*\n){2}\n(mailer@0\d +RUNNING .*\n){2}", shown)
