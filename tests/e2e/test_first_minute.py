"""The first minute: init in an application's directory, edit, and the worker runs."""

from __future__ import annotations

import json
import re

import pytest

from machine.driver import Machine, wait_for
from machine.provision import APP_DIRECTORY
from machine.screen import screen
from machine.units import configure, pids, states

FILE = "/etc/wctl/conf.d/messenger-worker.conf"
COMPOSER = {"require": {"symfony/messenger": "^6.4", "doctrine/doctrine-bundle": "*"}}


@pytest.fixture
def application(machine: Machine) -> Machine:
    """The Symfony application, as a person has it: with a composer.json, behind a link."""
    machine.write(f"{APP_DIRECTORY}/composer.json", json.dumps(COMPOSER))
    machine.run(f"ln -sfn {APP_DIRECTORY} /srv/current")
    return machine


def test_from_nothing_to_a_worker(application: Machine) -> None:
    """init writes a right file for the application's user and queues; update runs its worker."""
    said = application.run("cd /srv/current && PWD=/srv/current wctl init").out
    assert said == (
        f"{FILE}: written, for Symfony's Messenger in /srv/current\n"
        "Next: look at it with 'wctl edit messenger-worker',"
        " and start its worker with 'wctl update messenger-worker'\n"
    )
    text = application.read(FILE)
    assert "\nuser = www-data\n" in text and "\ndirectory = /srv/current\n" in text
    assert application.run("wctl check").out == "1 program, 0 errors, 0 warnings\n"
    application.run("wctl update messenger-worker")
    assert states(application) == {"messenger-worker@00": "RUNNING"}
    assert application.run("wctl doctor").out == "no findings\n"


def test_init_overwrites_nothing(application: Machine) -> None:
    """A file that is there may have been edited; a directory without an application has no file."""
    configure(application, "[program:messenger-worker]\ncommand=sleep 1000\n", "mine")
    for directory, code, said in (
        (APP_DIRECTORY, 1, "wctl: messenger-worker: configured already\n"),
        ("/srv", 4, "wctl: /srv: no application that wctl knows; expected for Symfony"),
        ("/nonesuch", 2, "Usage: "),
    ):
        refused = application.run(f"wctl init -C {directory}", check=False)
        assert (refused.code, refused.out) == (code, "")
        assert refused.err.startswith(said), refused.err
    assert not application.exists(FILE)


def test_init_believes_nobody(application: Machine) -> None:
    """Who owns the application cannot make root wait, or write options that nobody sees."""
    place = "/srv/evil"
    application.run(f"mkdir -p {place}/bin {place}/config/packages; touch {place}/bin/console")
    application.write(f"{place}/composer.json", json.dumps(COMPOSER))
    transports = "transports:\n  'a\\nuser = root': x\n  \"b;c\": x\n  $(id): x\n"
    application.write(f"{place}/config/packages/messenger.yaml", transports)
    printed = application.run(f"wctl init --print -C {place}").out
    assert "messenger:consume async --time-limit" in printed
    assert [one for one in printed.splitlines() if one.startswith("user")] == ["user = www-data"]
    application.run(f"rm {place}/composer.json; mkfifo {place}/composer.json")
    refused = application.run(f"wctl init -C {place}", check=False, timeout=20)
    assert refused.code == 4


EDIT = """\
[program:a]
command=sleep 1000
startsecs=0
[program:b]
command=sleep 1000
startsecs=0
"""


def test_edit_updates_what_was_edited(machine: Machine) -> None:
    """The file's programs alone change, after a check, and only if somebody agrees."""
    configure(machine, EDIT)
    machine.run("wctl update")
    before = pids(machine)
    sed = "EDITOR='sed -i s/1000/2000/' wctl edit"
    said = machine.run("EDITOR=true wctl edit b").out
    assert said == "nothing has changed\n"
    asked = machine.run(f"{sed} a </dev/null")
    assert re.search(r"^\+ +.*sleep 2000$", asked.out, re.MULTILINE), asked.out
    assert asked.out.endswith("Next: run 'wctl update a b'\n")
    assert pids(machine) == before
    machine.run("sed -i s/2000/1000/ /etc/wctl/conf.d/test.conf")
    machine.run(f"{sed} --yes a")
    assert set(pids(machine).values()).isdisjoint(before.values())


def test_edit_keeps_what_runs_when_the_file_is_wrong(machine: Machine) -> None:
    """Errors are shown with their places; the workers run on, and the text is not lost."""
    configure(machine, EDIT)
    machine.run("wctl update")
    before = pids(machine)
    wrong = machine.run("EDITOR='sed -i s/startsecs=0/startsecs=x/' wctl edit a", check=False)
    assert wrong.code == 1
    assert "/etc/wctl/conf.d/test.conf:3: [program:a] startsecs: " in wrong.err
    assert "startsecs=x" in machine.read("/etc/wctl/conf.d/test.conf")
    again = machine.run("EDITOR='sed -i s/startsecs=x/startsecs=0/' wctl edit a </dev/null").out
    assert again == "the file is right, and no unit changes\n"
    assert pids(machine) == before
    failed = machine.run("EDITOR='exit 3;' wctl edit a", check=False)
    assert (failed.code, failed.out) == (1, "")
    assert "the editor ended with exit status 3" in failed.err


def test_edit_on_a_terminal(machine: Machine) -> None:
    """A person may edit once more, take the changes back, or see the diff and agree."""
    configure(machine, EDIT)
    machine.run("wctl update")
    machine.write("/root/editor", 'sed -i "$(cat /root/change)" "$1"\n')
    with screen(machine, 100) as terminal:
        machine.write("/root/change", "s/startsecs=0/startsecs=x/")
        terminal.type("clear; EDITOR='sh /root/editor' wctl edit a")
        terminal.wait(r"\[e/t/k\]")
        terminal.type("t")
        terminal.wait("the file is as it was")
        assert "startsecs=0" in machine.read("/etc/wctl/conf.d/test.conf")
        terminal.type("clear; EDITOR='sh /root/editor' wctl edit a")
        terminal.wait(r"\[e/t/k\]")
        machine.write("/root/change", "s/startsecs=x/startsecs=0/;s/1000/3000/")
        terminal.type("e")
        terminal.wait(r"update now\? \[y/n\]")
        terminal.type("y")
        terminal.wait("b@00: restarted")
    wait_for(lambda: set(states(machine).values()) == {"RUNNING"}, 20, "RUNNING")


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("wctl edit nosuch", 4, "wctl: nosuch: no such program in a file\n"),
        ("wctl edit", 2, "wctl: name one of the programs: a, b\n"),
        ("EDITOR= VISUAL= PATH=/nowhere /usr/bin/python3 -m wctl edit a", 1,
         "wctl: no editor is installed\n      set EDITOR to the command of one\n"),
    ],
)  # fmt: skip
def test_edit_says_what_is_missing(machine: Machine, command: str, code: int, said: str) -> None:
    """One clear line, and no editor of an empty file."""
    configure(machine, EDIT)
    refused = machine.run(command, check=False)
    assert (refused.code, refused.out, refused.err) == (code, "", said)
