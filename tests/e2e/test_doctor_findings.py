"""wctl doctor: each thing broken for real, found, and healed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from machine.driver import Machine, wait_for
from machine.units import configure, pids, show, states

CONSOLE = "php /srv/app/bin/console"
TABLE = "messenger_messages"
EXAMPLE = "/etc/wctl/conf.d/messenger-worker.conf"


def examine(machine: Machine, *arguments: str, wait: int = 2) -> list[dict[str, Any]]:
    """Returns what doctor finds; its exit code agrees."""
    command = ["wctl", "doctor", "--json", f"--wait={wait}", *arguments]
    result = machine.run(command, check=False)
    assert result.err == ""
    findings: list[dict[str, Any]] = json.loads(result.out)
    assert result.code == (1 if findings else 0)
    return findings


def codes(machine: Machine, *arguments: str, wait: int = 2) -> dict[str, set[str]]:
    """Returns the codes of what doctor finds, by program."""
    found: dict[str, set[str]] = {}
    for each in examine(machine, *arguments, wait=wait):
        found.setdefault(each["program"], set()).add(each["code"])
    return found


def only(findings: list[dict[str, Any]], code: str) -> dict[str, Any]:
    """Returns the one finding, which must have this code."""
    assert [each["code"] for each in findings] == [code]
    return findings[0]


def paste(machine: Machine, finding: dict[str, Any]) -> None:
    """Does what a finding says mends it."""
    machine.run(["bash", "-c", finding["remedy"]])


def console(machine: Machine, arguments: str, **environment: str) -> str:
    """Runs a command of the application, as its user."""
    return machine.run(
        f"{CONSOLE} {arguments}", user="www-data", cwd="/srv/app", env=environment
    ).out


def sql(machine: Machine, statement: str) -> str:
    """Runs a statement on the application's database."""
    return console(machine, f'dbal:run-sql "{statement}"')


def restarted(machine: Machine, unit: str, times: int) -> None:
    """Waits until systemd has restarted a unit so many times."""
    wait_for(lambda: int(show(machine, unit, "NRestarts")["NRestarts"]) >= times, 20, "restarts")


@pytest.fixture
def worker(machine: Machine, example: str) -> str:
    """The example, with one worker that runs: a healthy machine."""
    text = machine.read(EXAMPLE)
    text = re.sub("autostart = false", "autostart = true", text)
    machine.write(EXAMPLE, re.sub("startsecs = 5", "startsecs = 1", text))
    machine.run(["wctl", "update"])
    return example


# ---- healthy -----------------------------------------------------------------------------------


def test_healthy_machine_has_no_finding(machine: Machine, worker: str) -> None:
    """A Messenger worker with an empty queue, and one that is busy, are both healthy."""
    text = machine.run(["wctl", "doctor"])
    assert (text.code, text.out, text.err) == (0, "no findings\n", "")
    console(machine, "app:dispatch slow=100:40")
    assert examine(machine, wait=10) == []


def test_names_what_it_is_asked_about(machine: Machine, worker: str) -> None:
    """A program may be named; one that is not there is an error of its own, with exit code 4."""
    configure(machine, "[program:other]\ncommand=sleep 1000\n")
    assert codes(machine) == {"other": {"not-installed"}}
    assert codes(machine, worker) == {}
    wrong = machine.run(["wctl", "doctor", "messenger-wroker"], check=False)
    assert (wrong.code, wrong.out) == (4, "")
    assert "did you mean messenger-worker?" in wrong.err


# ---- workers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A program that is broken, and what heals it."""

    broken: str
    healed: str
    codes: set[str]
    evidence: str  # in one of the lines


# Once the notifier, a task too, is gone.
GIVE_BIRTH = "sleep 1.5; for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; wait"
OPEN_FILES = "$f=[];for($i=0;$i<62;$i++)$f[]=fopen('/dev/null','r');sleep(1000);"
GROW = "sleep(1);usleep(200000);$a=str_repeat('x',128<<20);sleep(1000);"

CASES = {
    "fatal": Case(
        "command=sh -c 'echo no such host; exit 3'\nstartretries=0",
        "command=sleep 1000",
        {"fatal"},
        "wrote: no such host",
    ),
    "backoff": Case(
        "command=sh -c 'exit 4'\nstartretries=1000",
        "command=sleep 1000",
        {"backoff"},
        "last exit: exit status 4",
    ),
    "crashing": Case(
        "command=sh -c 'sleep 1.1; echo broken pipe; exit 5'\nautorestart=true",
        "command=sleep 1000",
        {"crashing"},
        "exit status 5",
    ),
    "hungry": Case(
        f'command=php -r "{GROW}"\nautorestart=true\nmemory_max=64M',
        f'command=php -r "{GROW}"\nautorestart=true\nmemory_max=512M',
        {"out-of-memory", "crashing"},
        "MemoryMax=64M",
    ),
    "timely": Case(
        "command=sh -c 'sleep 1.1' --time-limit=1\nautorestart=unexpected",
        "command=sh -c 'sleep 1000' --time-limit=1\nautorestart=true\nstopwaitsecs=20",
        {"planned-end-is-final", "exited"},
        "autorestart=unexpected",
    ),
    "family": Case(
        f"command=sh -c '{GIVE_BIRTH}'\ntasks_max=10",
        f"command=sh -c '{GIVE_BIRTH}'\ntasks_max=100",
        {"tasks-limit"},
        "10 tasks of 10",
    ),
    "opener": Case(
        f'command=php -r "{OPEN_FILES}"\nsystemd.Service.LimitNOFILE=70',
        f'command=php -r "{OPEN_FILES}"\nsystemd.Service.LimitNOFILE=1000',
        {"files-limit"},
        "open files of 70",
    ),
    "talker": Case(
        "command=sh -c 'seq 1000; sleep 2; echo later; sleep 1000'\n"
        "systemd.Service.LogRateLimitIntervalSec=1s\n"
        "systemd.Service.LogRateLimitBurst=10",
        "command=sh -c 'seq 1000; sleep 1000'",
        {"log-lines-dropped"},
        "Suppressed",
    ),
    "closed": Case(
        "command=sleep 1000\nuser=www-data\nstdout_logfile=/srv/closed/out.log",
        "command=sleep 1000\nuser=www-data\nstdout_logfile=/srv/open/out.log",
        {"log-directory-closed"},
        "/srv/closed: mode 0700, owner root",
    ),
    "healthless": Case(
        "command=sleep 1000\nhealth_command=sh -c 'echo connection refused >&2; exit 1'",
        "command=sleep 1000\nhealth_command=true",
        {"health"},
        "connection refused",
    ),
    "hanging": Case(
        "command=sleep 1000\nhealth_command=sleep 100",
        "command=sleep 1000\nuser=www-data\nhealth_command=sh -c 'test \"$USER\" = www-data'",
        {"health"},
        "did not end within 2 s",
    ),
    "countless": Case(
        "command=sleep 1000\nqueue_command=echo many",
        "command=sleep 1000\nqueue_command=echo 0",
        {"queue-unknown"},
        "many",
    ),
    "foreign": Case(
        "command=sleep 1000\nuser=nobody-of-this-name\nstartretries=0",
        "command=sleep 1000",
        {"user-missing", "fatal"},
        "its user is missing",
    ),
}


def sections(*, healed: bool) -> str:
    """Returns the configuration of all cases."""
    texts = {name: case.healed if healed else case.broken for name, case in CASES.items()}
    return "".join(f"[program:{name}]\n{text}\n" for name, text in texts.items())


def test_broken_workers_are_found_and_healed(machine: Machine) -> None:
    """Every way to be broken gives its findings with the evidence; mended, there are none."""
    machine.run("mkdir -m 700 -p /srv/closed; install -d -o www-data /srv/open")
    configure(machine, sections(healed=False))
    machine.run(["wctl", "update"], check=False)
    for name in ("crashing", "hungry"):
        restarted(machine, f"{name}@00", 3)
    wait_for(lambda: states(machine)["timely@00"] == "EXITED", 20, "its end")
    lines = ["journalctl", "--output=cat", "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"]
    wait_for(lambda: machine.run(lines).out, 20, "journald to tell what it dropped")
    tasks = ("family@00", "TasksCurrent")
    wait_for(lambda: show(machine, *tasks)["TasksCurrent"] == "10", 20, "ten tasks")
    wait_for(lambda: states(machine)["foreign@00"] == "FATAL", 30, "systemd to give up")
    findings = examine(machine, "--timeout=2")
    found = {name: {e["code"] for e in findings if e["program"] == name} for name in CASES}
    assert found == {name: case.codes for name, case in CASES.items()}
    for name, case in CASES.items():
        lines = "\n".join("\n".join(e["evidence"]) for e in findings if e["program"] == name)
        assert case.evidence in lines, name
    configure(machine, sections(healed=True))
    machine.run(["wctl", "update"])
    down = [name for name, state in states(machine).items() if state != "RUNNING"]
    machine.run(["wctl", "start", *down])
    assert codes(machine) == {}


def test_stopped_and_not_at_boot(machine: Machine, worker: str) -> None:
    """What is down but starts at boot is found, and so is what would not; the remedies heal."""
    machine.run(["wctl", "stop", f"{worker}@00"])
    machine.run(["systemctl", "disable", f"{worker}.target"])
    findings = examine(machine)
    assert {each["code"] for each in findings} == {"stopped", "not-at-boot"}
    for each in findings:
        paste(machine, each)
    assert examine(machine) == []


# ---- units -------------------------------------------------------------------------------------


def test_unit_edited_by_hand(machine: Machine, worker: str) -> None:
    """An edit of the unit is found, with the line, until the remedy undoes it."""
    unit = f"/etc/systemd/system/{worker}@.service"
    machine.run(["sed", "-i", "s/TimeoutStopSec=60s/TimeoutStopSec=1s/", unit])
    finding = only(examine(machine), "unit-edited")
    assert "-TimeoutStopSec=1s" in finding["evidence"]
    paste(machine, finding)
    assert examine(machine) == []


def test_configuration_newer_than_units(machine: Machine, worker: str) -> None:
    """A configuration that was changed and not applied is found; the remedy applies it."""
    machine.run(["sed", "-i", "s/stopwaitsecs = 60/stopwaitsecs = 90/", EXAMPLE])
    finding = only(examine(machine), "units-outdated")
    assert "+TimeoutStopSec=90s" in finding["evidence"]
    paste(machine, finding)
    assert examine(machine) == []
    assert show(machine, f"{worker}@00", "TimeoutStopUSec") == {"TimeoutStopUSec": "1min 30s"}


def test_drop_in_that_systemd_has_not_read(machine: Machine, worker: str) -> None:
    """A drop-in is the admin's right; one that is not loaded yet is a finding."""
    drop_in = f"/etc/systemd/system/{worker}@.service.d/more.conf"
    machine.write(drop_in, "[Service]\nNice=5\n")
    paste(machine, only(examine(machine), "reload-needed"))
    assert examine(machine) == []


def test_configured_by_half(machine: Machine, worker: str) -> None:
    """A program that is not installed, one that is left over, and an error in the configuration."""
    configure(machine, "[program:new]\ncommand=sleep 1000\n")
    paste(machine, only(examine(machine), "not-installed"))
    assert codes(machine) == {}
    configure(machine, "")
    paste(machine, only(examine(machine), "left-over"))
    configure(machine, "[program:new]\nnumprocs=many\n")
    assert codes(machine) == {"new": {"missing", "bad-value"}}


# ---- Symfony Messenger -------------------------------------------------------------------------


def test_database_down(machine: Machine, worker: str) -> None:
    """A database that cannot be opened is found beside what it does to the worker."""
    database = "/srv/app/var/queue.db"
    machine.run(f"chmod 000 {database}*; wctl stop {worker}@00")
    machine.run(["wctl", "start", f"{worker}@00"], check=False)
    findings = {each["code"]: each for each in examine(machine)}
    assert "health" in findings
    assert "unable to open database file" in " ".join(findings["health"]["evidence"])
    machine.run(f"chmod 644 {database}*; wctl restart {worker}@00")
    assert examine(machine) == []


def test_messages_in_a_queue_that_nobody_reads(machine: Machine, worker: str) -> None:
    """Messages in the queue "default", workers on "async": found, and moved by the remedy."""
    other = "doctrine://default?queue_name=default"
    console(machine, "app:dispatch ok:3", MESSENGER_TRANSPORT_DSN=other)
    finding = only(examine(machine), "wrong-queue")
    assert finding["evidence"] == [
        "queue default: 3 messages",
        "this worker consumes async: 0",
    ]
    paste(machine, finding)
    assert examine(machine, wait=10) == []


def test_failed_messages(machine: Machine, worker: str) -> None:
    """Messages in the failure transport are found, until somebody has dealt with them."""
    console(machine, "app:dispatch reject:2")
    stats = "app:stats --format=json"
    wait_for(lambda: '"failed":2' in console(machine, stats), 10, "both to fail")
    finding = only(examine(machine), "messages-failed")
    assert finding["evidence"] == ["transport failed: 2 messages"]
    shown = machine.run(["bash", "-c", finding["remedy"]])
    assert "2 messages pending" in shown.out + shown.err
    sql(machine, f"DELETE FROM {TABLE}")
    assert examine(machine) == []


def test_message_stuck_by_a_crash(machine: Machine, worker: str) -> None:
    """A message that a dead worker had taken is found though no count shows it, and released."""
    console(machine, "app:dispatch slow=1500")
    taken = f"SELECT COUNT(*) AS taken FROM {TABLE} WHERE delivered_at IS NOT NULL"
    wait_for(lambda: re.search(r"^ *1 *$", sql(machine, taken), re.MULTILINE), 10, "it to be taken")
    machine.run(["systemctl", "kill", "--signal=SEGV", f"{worker}@00"])
    assert examine(machine) == []  # for all that one can know, it is in hand
    # As if ten minutes had passed; after an hour, Messenger itself releases it.
    sql(machine, f"UPDATE {TABLE} SET delivered_at = datetime('now', '-600 seconds')")
    finding = only(examine(machine), "messages-stuck")
    assert finding["evidence"][0].startswith("queue async: 1 taken")
    paste(machine, finding)
    assert examine(machine, wait=10) == []
    wait_for(lambda: not console(machine, "messenger:stats").count(" 1 "), 10, "it to be done")


def test_running_but_the_queue_stands(machine: Machine, worker: str) -> None:
    """A worker that is RUNNING and takes nothing from a queue that grows is found."""
    machine.run(["systemctl", "kill", "--signal=STOP", f"{worker}@00"])
    console(machine, "app:dispatch ok:3")
    assert states(machine) == {f"{worker}@00": "RUNNING"}
    finding = only(examine(machine), "queue-standing")
    assert finding["evidence"][0] == "queue async: 3 messages, 3 after 2 s"
    machine.run(["systemctl", "kill", "--signal=CONT", f"{worker}@00"])
    assert examine(machine, wait=10) == []


def test_pcntl_missing(machine: Machine, worker: str) -> None:
    """PHP without pcntl_signal(), as hosting configurations have it, is found."""
    directory = machine.run("ls -d /etc/php/*/cli/conf.d").out.strip()
    machine.write(f"{directory}/99-test.ini", "disable_functions=pcntl_signal\n")
    try:
        assert only(examine(machine), "pcntl-missing")["program"] == worker
    finally:
        machine.run(["rm", f"{directory}/99-test.ini"])
    assert examine(machine) == []


# ---- any other queue ---------------------------------------------------------------------------

TAKER = """[program:taker]
command = sh -c 'while :; do rm -f $(ls -d /srv/queue/* 2>/dev/null | head -1); sleep 0.2; done'
queue_command = sh -c 'echo {"files": $(ls /srv/queue | wc -l)}'
"""


def test_queue_command(machine: Machine) -> None:
    """queue_command's numbers tell a queue that moves from one that does not."""
    configure(machine, TAKER.replace('"files"', '\\"files\\"').replace("'echo", "'echo"))
    machine.run("mkdir -p /srv/queue; touch /srv/queue/a /srv/queue/b; wctl update")
    assert examine(machine, wait=10) == []
    (pid,) = pids(machine).values()
    machine.run(f"kill -STOP {pid}; touch /srv/queue/c /srv/queue/d")
    finding = only(examine(machine), "queue-standing")
    assert finding["evidence"][0] == "queue files: 2 messages, 2 after 2 s"
    machine.run(f"kill -CONT {pid}")
    assert examine(machine, wait=10) == []
