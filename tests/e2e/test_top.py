"""wctl top in real terminals: what it shows, what its keys do, and how it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from machine import provision
from machine.driver import Machine, wait_for
from machine.screen import Screen, screen
from machine.units import configure, show, states

PROGRAMS = """\
[program:mailer]
command=sleep 1000
numprocs=2
[program:fragile]
command=sh -c '[ -e /run/broken ] && printf "no data\\033[2Jbase\\n" && exit 3; exec sleep 1000'
startretries=0
autorestart=true
[program:cart]
command=sleep 1000
autostart=false
[program:\u00e9t\u00e9]
command=sleep 1000
[group:shop]
programs=cart,\u00e9t\u00e9
"""

pytestmark = pytest.mark.kept


@pytest.fixture(scope="module")
def shop(machine: Machine) -> Iterator[Machine]:
    """Workers that run, one that can be made to fail, and one that is stopped."""
    provision.reset(machine)
    configure(machine, PROGRAMS)
    machine.run("wctl update")
    yield machine
    provision.reset(machine)
    machine.run("rm -f /run/broken")


@contextmanager
def top(machine: Machine, width: int = 100, height: int = 24, words: str = "") -> Iterator[Screen]:
    """wctl top in a terminal; when it is left, the terminal is as before."""
    with screen(machine, width, height) as terminal:
        terminal.type(f"echo 'be''fore'; wctl top {words}; echo \"code $?\"")
        terminal.wait("^wctl top  ")
        yield terminal
        terminal.press("q")
        terminal.wait("^code 0$")
        assert not terminal.alternate()
        assert "before" in terminal.lines()


def select(terminal: Screen, text: str, line: int = 1) -> None:
    """Shows only what has this text, and selects a line of that."""
    terminal.press("Escape", "/")
    terminal.wait("^/$")
    terminal.keys(text)
    terminal.wait(f"^/{text}$")
    terminal.press("Enter", "Home", *["Down"] * (line - 1))


def pid(machine: Machine, name: str) -> str:
    return show(machine, name, "MainPID")["MainPID"]


def test_it_shows_all_instances(shop: Machine) -> None:
    """Groups, programs with several instances, and instances, with what they use."""
    with top(shop) as terminal:
        terminal.wait(r"^wctl top  5 instances: 1 STOPPED, 4 RUNNING +\d\d:\d\d:\d\d$")
        terminal.wait("^NAME +STATE +PID +UPTIME +RESTARTS")
        terminal.wait("^shop: +1 STOPPED, 1 RUNNING$")
        terminal.wait("^  \u00e9t\u00e9@00 +RUNNING")
        terminal.wait("^mailer +2 RUNNING$")
        terminal.wait(rf"^  mailer@01 +RUNNING +{pid(shop, 'mailer@01')} +0:")
        terminal.press("f", "f", "f")
        terminal.wait(r"\(shown: not running\)")
        rows = [line.split()[0] for line in terminal.lines()[2:] if "STOPPED" in line]
        assert rows == ["shop:", "cart@00"]


def test_keys_change_what_runs(shop: Machine) -> None:
    """Each asks first; what the command says stands below, and the list follows."""
    before = pid(shop, "mailer@00")
    with top(shop) as terminal:
        select(terminal, "mailer@00", 2)
        terminal.press("r")
        terminal.wait(r"^restart mailer@00\? \[y/n\]$")
        terminal.press("n", "r", "y")
        terminal.wait("^mailer@00: restarted$")
        after = pid(shop, "mailer@00")
        assert after not in (before, "0")
        terminal.wait(rf"^ *mailer@00 +RUNNING +{after} ")
        terminal.press("S", "y")
        terminal.wait("^mailer@00: stopped$")
        terminal.wait("^ *mailer@00 +STOPPED")
        terminal.press("s", "y")
        terminal.wait("^mailer@00: started$")
        terminal.press("+")
        terminal.wait(r"^scale mailer 3\? \[y/n\]$")
        terminal.press("y")
        terminal.wait("^mailer: scaled to 3$")
        terminal.press("-", "y")
        terminal.wait("^mailer: scaled to 2$")
        terminal.press("Escape")
        terminal.wait("^  mailer@01 +RUNNING")
    assert set(states(shop)) == {
        "mailer@00",
        "mailer@01",
        "fragile@00",
        "cart@00",
        "\u00e9t\u00e9@00",
    }


def test_a_worker_fails_while_it_is_selected(shop: Machine) -> None:
    """It stays selected, moves to the top, and its reason and last lines stand below the list."""
    with top(shop, 80) as terminal:
        select(terminal, "fragile@00")
        terminal.press("Escape")
        terminal.wait("^shop:")
        shop.run("touch /run/broken; systemctl kill -s KILL fragile@00")
        terminal.wait("^fragile@00: Exited too quickly: gave up after 1 failed start$")
        terminal.wait("^  last exit: exit status 3$")
        shown = terminal.wait("^  no database$").splitlines()
        assert shown[2].split()[:2] == ["fragile@00", "FATAL"]
        assert "\x1b[7m" in terminal.lines(colours=True)[2]
        shop.run("rm /run/broken")
        terminal.press("s", "y")
        terminal.wait("^fragile@00: started$")
        terminal.wait("^wctl top  5 instances: 1 STOPPED, 4 RUNNING")


def test_what_fails_is_said(shop: Machine) -> None:
    """An error of a command stands below the list, as the command prints it."""
    with top(shop) as terminal:
        select(terminal, "mailer@00", 2)
        terminal.press("s", "y")
        terminal.wait(r"^mailer@00: ERROR \(already started\)$")


def test_reading_leaves_the_screen_for_a_while(shop: Machine) -> None:
    """l follows on the terminal, whose history and search are there; e explains."""
    with top(shop) as terminal:
        select(terminal, "mailer@00", 2)
        terminal.press("l")
        terminal.wait("^logs --follow mailer@00; Ctrl-C goes back to wctl top$")
        assert not terminal.alternate()
        terminal.press("C-c")
        terminal.wait("^wctl top  ")
        terminal.press("e")
        terminal.wait("^wctl explain mailer$")
        terminal.wait("^mailer, from /etc/wctl/")
        terminal.press("q")
        terminal.wait("^wctl top  ")
        terminal.press("?")
        terminal.wait("^The keys of wctl top$")
        terminal.press("q")
        terminal.wait("^NAME ")


def test_it_follows_the_size_of_the_terminal(shop: Machine) -> None:
    """Columns and lines go where there is no room, and come back."""
    with top(shop, 120) as terminal:
        terminal.wait(" RESTARTS ")
        terminal.resize(40, 7)
        terminal.wait("^.{0,40}q?$")
        shown = wait_for(lambda: _small(terminal), 30, "a small screen")
        assert shown[0].startswith("wctl top") and shown[1].startswith("NAME")
        terminal.press("End")
        terminal.wait("^  cart@00 ")
        terminal.resize(120, 24)
        terminal.wait(" RESTARTS ")


def _small(terminal: Screen) -> list[str] | None:
    shown = terminal.lines()
    fits = len(shown) <= 7 and max(map(len, shown)) <= 40 and "RESTARTS" not in shown[1]
    return shown if fits else None


@pytest.mark.parametrize("leave", ["q", "C-c"])
def test_what_was_begun_goes_on(shop: Machine, leave: str) -> None:
    """Who leaves is told what still runs, and it runs to its end."""
    shop.write("/etc/systemd/system/mailer@.service.d/slow.conf", "[Service]\nExecStop=sleep 3\n")
    shop.run("systemctl daemon-reload")
    before = {name: pid(shop, name) for name in ("mailer@00", "mailer@01")}
    with top(shop) as terminal:
        terminal.press("/")
        terminal.keys("mailer")
        terminal.press("Enter", "Home", "R", "y")
        terminal.wait("^restart --rolling mailer \u2026$")
        terminal.press(leave)
        terminal.wait("^wctl: 'restart --rolling mailer' goes on$")
        terminal.press("q")

    def restarted() -> bool:
        now = {name: pid(shop, name) for name in before}
        return all(now[name] not in ("0", before[name]) for name in now)

    wait_for(restarted, 60, "the end of the rolling restart")
    shop.run("rm -r /etc/systemd/system/mailer@.service.d; systemctl daemon-reload")


@pytest.mark.parametrize(
    ("command", "code", "problem"),
    [
        ("wctl top </dev/null", 2, "wctl: top needs a terminal\n      use 'wctl status', or"),
        ("wctl top nonesuch", 4, "wctl: nonesuch: no such process\n"),
    ],
)
def test_where_it_cannot_be_shown(shop: Machine, command: str, code: int, problem: str) -> None:
    """The reason is one line, and the terminal is left alone."""
    with screen(shop, 100) as terminal:
        shown = terminal.after(f'{command}; echo "code $?"')
    assert "\n".join(shown).startswith(problem)
    assert shown[-1] == f"code {code}"


@pytest.mark.full
def test_a_thousand_instances(shop: Machine) -> None:
    """The end of the list is a key away, and what changes there is seen."""
    shop.run("wctl scale mailer 1000", timeout=600)
    try:
        with top(shop) as terminal:
            terminal.wait("^wctl top  100[0-9] instances: ")
            terminal.press("End")
            terminal.wait("^  mailer@999 +RUNNING")
            before = pid(shop, "mailer@999")
            shop.run("systemctl kill -s KILL mailer@999")
            wait_for(lambda: pid(shop, "mailer@999") not in ("0", before), 60, "a restart")
            terminal.wait(rf"^  mailer@999 +RUNNING +{pid(shop, 'mailer@999')} ")
            terminal.press("Home")
            terminal.wait("^shop:")
    finally:
        shop.run("wctl scale mailer 2", timeout=600)
