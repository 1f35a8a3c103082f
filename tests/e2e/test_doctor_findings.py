"""wctl doctor: the tests break things for real; doctor finds them, and its remedies heal them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from e2e.doctoring import codes, examine, only, paste
from machine.driver import Machine, wait_for
from machine.units import configure, pids, show, states
from wctl.check.doctor_codes import OWN

CONSOLE = "php /srv/app/bin/console"
TABLE = "messenger_messages"
EXAMPLE = "/etc/wctl/conf.d/messenger-worker.conf"


def console(machine: Machine, arguments: str, **environment: str) -> str:
    """Runs a command of the application, as its user."""
    return machine.run(
        f"{CONSOLE} {arguments}", user="www-data", cwd="/srv/app", env=environment
    ).out


def sql(machine: Machine, statement: str) -> str:
    """Runs a statement on the application's database."""
    return console(machine, f'dbal:run-sql "{statement}"')


def restarted(machine: Machine, unit: str, times: int) -> None:
    """Waits until systemd has restarted a unit `times` times."""
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
    """doctor examines only the named program; an unknown program is an error with exit code 4."""
    configure(machine, "[program:other]\ncommand=sleep 1000\n")
    assert codes(machine) == {"other": {"not-installed"}}
    assert codes(machine, worker) == {}
    wrong = machine.run(["wctl", "doctor", "messenger-wroker"], check=False)
    assert (wrong.code, wrong.out) == (4, "")
    assert "did you mean messenger-worker?" in wrong.err
    group = "[program:app+x]\ncommand=/nosuch/app\n[program:b]\ncommand=sleep 1000\n"
    configure(machine, f"{group}[group:g]\nprograms=b\n")
    machine.run(["wctl", "update", "--no-wait"], check=False)
    assert "command-not-found" in codes(machine, "app+x")[r"app\x2bx"]
    machine.run(["wctl", "stop", "g:*"])
    for name in ("g", "g:*", "b", "b@00"):
        assert codes(machine, name) == {"b": {"stopped"}}


# ---- workers -----------------------------------------------------------------------------------

# The user's editor: puts the corrected line in place of the line to which a remedy points.
EDITOR = """#!/bin/sh
set -e
test "$1" = --corrected
line=${2#+}
sed -i -e "${line}r /root/corrected" -e "${line}d" "$3"
"""
LOOK = ("${EDITOR", "wctl logs", "systemctl cat")  # remedies that need a user who reads


@dataclass(frozen=True)
class Case:
    """A program that is broken for real, and what heals it besides the remedies of its findings."""

    broken: str
    codes: set[str]
    evidence: str  # in one of the lines
    heal: str = "true"  # a command, before the remedies
    line: str = ""  # of the configuration, instead of the one that the remedy opens
    after: str = "true"  # a command, after the remedies


# Waits until the notifier, which is also a task, is gone.
GIVE_BIRTH = "sleep 1.5; for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; exec sleep 1000"
OPEN_FILES = "$f=[];for($i=0;$i<62;$i++)$f[]=fopen('/dev/null','r');sleep(1000);"
GROW = "sleep(1);usleep(200000);$a=str_repeat('x',128<<20);sleep(1000);"
DATABASE = "test -e /run/database"  # stands for whatever a worker, or a health_command, needs
SERVE = f"{DATABASE} || {{ echo no database; exit 3; }}; exec sleep 1000"
START = "touch /run/database"

CASES = {
    "fatal": Case(
        f"command=sh -c '{SERVE}'\nstartretries=0", {"fatal"}, "wrote: no database", START
    ),
    "absent": Case(
        "command=/opt/nonesuch\nstartretries=0",
        {"command-not-found", "fatal"},
        "wctl: cannot start: No such file or directory: /opt/nonesuch",
        line="command=sleep 1000",
    ),
    "unmoded": Case(
        'command=moded\nenvironment=PATH="/srv/tools:/usr/bin:/bin"\nstartretries=0',
        {"command-not-executable", "fatal"},
        "wctl: cannot start: Permission denied",
        "chmod +x /srv/tools/moded",
        line="command=moded",
    ),
    "foreign": Case(
        "command=sleep 1000\nuser=nobody-of-this-name\nstartretries=0",
        {"user-missing", "fatal"},
        "its user is missing",
        line="user=www-data",
    ),
    "backoff": Case(
        f"command=sh -c '{SERVE}'\nstartretries=1000",
        {"backoff"},
        "last exit: exit status 3",
        START,
    ),
    "crashing": Case(
        f"command=sh -c 'sleep 1.2; {SERVE}'\nautorestart=true",
        {"crashing"},
        "exit status 3",
        START,
        after="wctl restart crashing",
    ),
    "hungry": Case(
        f'command=php -r "{GROW}"\nautorestart=true\nmemory_max=64M',
        {"out-of-memory"},
        "MemoryMax=64M",
        line="memory_max=512M",
    ),
    "timely": Case(
        "command=tools/artisan queue:work --max-time=3\ndirectory=/srv\nautorestart=unexpected",
        {"planned-end-is-final"},
        "timely.conf:",
        line="autorestart=true",
        after="wctl start timely",
    ),
    "task": Case(
        "command=sh -c 'sleep 1.2; exit 7'\nautorestart=false\nexitcodes=0,7",
        set(),
        "",
    ),
    "quiet": Case(
        "command=sh -c 'sleep 1.2; exit 7'\nautorestart=false\nwctl_ignore=exited", set(), ""
    ),
    "parent": Case(
        "command=sh -c '[ -e /run/database ] || tail /dev/zero; exec sleep 1000'\n"
        "memory_max=64M\nsystemd.Service.OOMPolicy=continue",
        {"child-out-of-memory"},
        "once since its start",
        START,
        line="memory_max=65M",
        after="wctl restart parent",
    ),
    "job": Case(
        "command=once\nautorestart=false",
        {"exited"},
        "last exit: exit status 1",
        START,
    ),
    "family": Case(
        f"command=sh -c '{GIVE_BIRTH}'\ntasks_max=10",
        {"tasks-limit"},
        "10 tasks of 10",
        line="tasks_max=100",
    ),
    "opener": Case(
        f'command=php -r "{OPEN_FILES}"\nsystemd.Service.LimitNOFILE=70',
        {"files-limit"},
        "open files of 70",
        line="systemd.Service.LimitNOFILE=1000",
    ),
    "talker": Case(
        "command=sh -c 'while :; do seq 1000; sleep 2; done'\n"
        "systemd.Service.LogRateLimitIntervalSec=1s\n"
        "systemd.Service.LogRateLimitBurst=10",
        {"log-lines-dropped"},
        "Suppressed",
        after="sed -i /LogRateLimit/d /etc/wctl/conf.d/talker.conf; wctl update",
    ),
    "closed": Case(
        "command=sleep 1000\nuser=www-data\nstdout_logfile=/srv/closed/out.log",
        {"log-directory-closed"},
        "/srv/closed: mode 0700, owner root",
    ),
    "barred": Case(
        "command=sleep 1000\nuser=www-data\nstdout_logfile=/srv/barred/in/out.log",
        {"log-directory-closed"},
        "/srv/barred: mode 0700, owner root",
    ),
    "shut": Case(
        "command=sleep 1000\nuser=www-data\nstdout_logfile=/srv/shut/out.log",
        {"log-file-closed"},
        "/srv/shut/out.log: mode 0644, owner root",
    ),
    "lodger": Case(
        "command=sleep 1000\nuser=www-data\nstdout_logfile=/var/log/lodger.log",
        {"log-directory-closed"},
        "/var/log: mode 0755, owner root",
        line="stdout_logfile=/var/log/lodger/lodger.log",
    ),
}


def sections() -> str:
    """Returns the commands that write one file for each case."""
    return "".join(
        f"cat > /etc/wctl/conf.d/{name}.conf <<'END'\n[program:{name}]\n{case.broken}\nEND\n"
        for name, case in CASES.items()
    )


def heal(machine: Machine, name: str, case: Case, findings: list[dict[str, Any]]) -> None:
    """Heals a case: does what is outside of wctl, and runs the remedies of all its findings."""
    machine.run(case.heal)
    machine.write("/root/corrected", f"{case.line}\n")
    for finding in findings:
        if finding["remedy"].count("EDITOR"):
            assert case.line, finding
        environment = {"EDITOR": "/root/edit --corrected"}
        done = machine.run(["bash", "-c", finding["remedy"]], env=environment, check=False)
        assert done.code == 0, (name, finding, done)
        if not case.line and finding["remedy"].startswith(LOOK):
            assert done.out, finding
    machine.run(case.after)


def test_broken_workers_are_found_and_healed(machine: Machine) -> None:
    """doctor finds every broken program, with the evidence; the remedies heal it."""
    machine.write("/root/edit", EDITOR, mode=0o755)
    machine.run("rm -f /run/database; rm -rf /srv/closed /srv/barred /var/log/lodger")
    machine.run("mkdir -m 700 -p /srv/closed /srv/barred; install -d -o www-data /srv/barred/in")
    machine.run("install -d -o www-data /srv/shut; touch /srv/shut/out.log")  # as Supervisor did
    machine.write("/srv/tools/artisan", "#!/usr/bin/env sh\nsleep 3\n", mode=0o755)
    machine.write("/srv/tools/moded", "#!/bin/sh\nexec sleep 1000\n", mode=0o644)
    once = "#!/bin/sh\nsleep 1.2; test -e /run/database\n"
    machine.write("/usr/local/bin/once", once, mode=0o755)
    machine.run(sections())
    machine.run(["wctl", "update"], check=False)
    for name in ("crashing", "hungry"):
        restarted(machine, f"{name}@00", 8)  # the first seconds after an update do not count
    ended = dict.fromkeys(["timely@00", "job@00", "task@00", "quiet@00"], "EXITED")
    wait_for(lambda: states(machine).items() >= ended.items(), 20, "their ends")
    dropped = ["journalctl", "--output=cat", "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e"]
    wait_for(lambda: machine.run(dropped).out.count("Suppressed") > 3, 20, "journald to drop")
    tasks = ("family@00", "TasksCurrent")
    wait_for(lambda: show(machine, *tasks)["TasksCurrent"] == "10", 20, "ten tasks")
    wait_for(lambda: states(machine)["foreign@00"] == "FATAL", 30, "systemd to give up")
    findings = examine(machine)
    found = {name: {e["code"] for e in findings if e["program"] == name} for name in CASES}
    assert found == {name: case.codes for name, case in CASES.items()}
    for name, case in CASES.items():
        mine = [finding for finding in findings if finding["program"] == name]
        lines = "\n".join("\n".join(finding["evidence"]) for finding in mine)
        assert case.evidence in lines, name
        heal(machine, name, case, mine)
    # The instance in BACKOFF tries again when its wait is over.
    wait_for(lambda: states(machine)["backoff@00"] == "RUNNING", 60, "the next try")
    assert examine(machine) == []
    # Crashes before the start by hand do not count again when systemd restarts the worker once.
    machine.run("systemctl kill --signal=SEGV crashing@00")
    restarted(machine, "crashing@00", 1)
    wait_for(lambda: states(machine)["crashing@00"] == "RUNNING", 20, "RUNNING")
    assert examine(machine) == []


def test_an_operator_can_read_it(machine: Machine) -> None:
    """A finding shows instance, problem, code, evidence, and a command after a $; no colours.

    Control sequences that a worker writes do not reach the terminal.
    """
    machine.run("rm -f /run/database")
    bell = 'printf "\\033[2J\\007no \\033[31mdatabase\\n"'
    configure(machine, f"[program:w]\ncommand=sh -c '{bell}; exit 3'\nstartretries=1\n")
    machine.run(["wctl", "update"], check=False)
    wait_for(lambda: states(machine)["w@00"] == "FATAL", 20, "it to be given up")
    assert machine.run(["wctl", "doctor"], check=False).out == (
        "w@00: FATAL: wctl gave up starting it; fix the cause below, then start it [fatal]\n"
        "    Exited too quickly: gave up after 2 failed starts in a row\n"
        "    last exit: exit status 3\n"
        "    wrote:  no database\n"
        "    $ wctl start w@00\n"
        "1 error\n"
    )
    assert machine.run(["wctl", "doctor", "--quiet"], check=False).out.endswith("start w@00\n")


def test_stopped_and_not_at_boot(machine: Machine, worker: str) -> None:
    """doctor finds a program not started at boot, then its stopped instance; remedies heal both."""
    machine.run(["wctl", "stop", f"{worker}@00"])
    machine.run(["systemctl", "disable", f"{worker}.target"])
    for code in ("not-at-boot", "stopped"):
        findings = examine(machine)
        assert [finding["code"] for finding in findings] == [code]
        paste(machine, findings[0])
    assert examine(machine) == []


# ---- units -------------------------------------------------------------------------------------


def test_unit_edited_by_hand(machine: Machine, worker: str) -> None:
    """doctor finds an edited unit and shows the line, until the remedy undoes the edit."""
    unit = f"/etc/systemd/system/{worker}@.service"
    machine.run(["sed", "-i", "s/TimeoutStopSec=60s/TimeoutStopSec=1s/", unit])
    finding = only(examine(machine), "unit-edited")
    assert "-TimeoutStopSec=1s" in finding["evidence"]
    paste(machine, finding)
    assert examine(machine) == []


def test_configuration_newer_than_units(machine: Machine, worker: str) -> None:
    """doctor finds a changed configuration that was not applied; the remedy applies it."""
    machine.run(["sed", "-i", "s/stopwaitsecs = 60/stopwaitsecs = 90/", EXAMPLE])
    finding = only(examine(machine), "units-outdated")
    assert "+TimeoutStopSec=90s" in finding["evidence"]
    paste(machine, finding)
    assert examine(machine) == []
    assert show(machine, f"{worker}@00", "TimeoutStopUSec") == {"TimeoutStopUSec": "1min 30s"}


def test_drop_in_that_systemd_has_not_read(machine: Machine, worker: str) -> None:
    """A drop-in is a finding until systemd has loaded it; administrators may have drop-ins."""
    drop_in = f"/etc/systemd/system/{worker}@.service.d/more.conf"
    machine.write(drop_in, "[Service]\nNice=5\n")
    paste(machine, only(examine(machine), "reload-needed"))
    assert examine(machine) == []


@pytest.mark.parametrize("damage", ["rm", "truncate --size=0"])
def test_lost_variables(machine: Machine, damage: str) -> None:
    """doctor finds a lost or damaged file of variables; the remedy writes it again."""
    configure(machine, "[program:x]\ncommand=sleep 1000\nenvironment=A=b\n")
    machine.run(["wctl", "update"])
    machine.run(f"{damage} /etc/wctl/env/x.env")
    found = only(examine(machine), "variables-lost")
    assert found["evidence"] == ["/etc/wctl/env/x.env"]
    paste(machine, found)
    assert examine(machine) == []
    assert 'A="b"' in machine.read("/etc/wctl/env/x.env")


def test_update_that_was_killed(machine: Machine) -> None:
    """doctor finds the programs that an update has not finished; the remedy finishes it."""
    configure(machine, "[program:x]\ncommand=sleep 1000\nstartsecs=0\n")
    machine.run(["wctl", "update"])
    configure(machine, "[program:x]\ncommand=sleep 1001\nstartsecs=10\n")
    update = machine.popen("exec wctl update")
    wait_for(lambda: states(machine) == {"x@00": "STARTING"}, 20, "the restart")
    machine.stop(update)
    found = only(examine(machine), "update-unfinished")
    assert found["evidence"] == ["/etc/systemd/system/.wctl-update"]
    paste(machine, found)
    assert examine(machine) == []


def test_configured_by_half(machine: Machine, worker: str) -> None:
    """doctor finds a program that is not installed, a left-over one, and configuration errors."""
    configure(machine, "[program:new]\ncommand=sleep 1000\n")
    paste(machine, only(examine(machine), "not-installed"))
    assert codes(machine) == {}
    configure(machine, "")
    paste(machine, only(examine(machine), "left-over"))
    more = "[program:more]\ncommand=sleep 1000\n"
    configure(machine, f"[program:new]\nnumprocs=many\n{more}")
    assert codes(machine) == {"new": {"missing", "bad-value"}, "more": {"not-installed"}}
    assert codes(machine, "new") == {"new": {"missing", "bad-value"}}


# ---- Symfony Messenger -------------------------------------------------------------------------


def test_database_down(machine: Machine, worker: str) -> None:
    """doctor finds a database that cannot be opened, and the back-off of the worker.

    The remedy is the command that has failed; when it succeeds, the machine is healthy.
    """
    database = "/srv/app/var/queue.db"
    machine.run(f"chmod 000 {database}*; wctl stop {worker}@00")
    machine.run(["wctl", "restart", "--no-wait", f"{worker}@00"])
    wait_for(lambda: "backoff" in codes(machine).get(worker, ()), 20, "the second failed start")
    findings = {finding["code"]: finding for finding in examine(machine)}
    assert findings.keys() == {"backoff", "health"}
    assert "unable to open database file" in " ".join(findings["health"]["evidence"])
    failed = machine.run(["bash", "-c", findings["health"]["remedy"]], check=False)
    assert failed.code != 0
    looked = machine.run(["bash", "-c", findings["backoff"]["remedy"]])
    assert "unable to open database file" in looked.out
    machine.run(f"chmod 644 {database}*")
    paste(machine, findings["health"])
    wait_for(lambda: states(machine)[f"{worker}@00"] == "RUNNING", 30, "the next try")
    assert examine(machine) == []


def test_messages_in_a_queue_that_nobody_reads(machine: Machine, worker: str) -> None:
    """doctor finds messages in "default" if workers read "async"; the remedy moves them."""
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
    """doctor finds messages in the failure transport, until a user has removed them."""
    console(machine, "app:dispatch reject:2")
    stats = "app:stats --format=json"  # prints JSON with every version of Symfony
    wait_for(lambda: '"failed":2' in console(machine, stats), 10, "both to fail")
    finding = only(examine(machine), "messages-failed")
    assert finding["evidence"] == ["transport failed: 2 messages"]
    shown = machine.run(["bash", "-c", finding["remedy"]])
    assert "2 messages pending" in shown.out + shown.err
    numbers = re.findall(r"^ *(\d+) +App", shown.out + shown.err, re.MULTILINE)
    remove = finding["remedy"].replace("failed:show", f"failed:remove {' '.join(numbers)} --force")
    machine.run(["bash", "-c", remove])
    assert examine(machine) == []


def test_message_stuck_by_a_crash(machine: Machine, worker: str) -> None:
    """doctor finds a message that a dead worker had taken; the remedy releases it."""
    console(machine, "app:dispatch slow=1500")
    taken = f"SELECT COUNT(*) AS taken FROM {TABLE} WHERE delivered_at IS NOT NULL"
    wait_for(lambda: re.search(r"^ *1 *$", sql(machine, taken), re.MULTILINE), 10, "it to be taken")
    machine.run(["systemctl", "kill", "--signal=SEGV", f"{worker}@00"])
    assert examine(machine) == []  # the message could still be in a worker's hands
    # As if ten minutes had passed; after an hour, Messenger itself would release the message.
    sql(machine, f"UPDATE {TABLE} SET delivered_at = datetime('now', '-600 seconds')")
    finding = only(examine(machine), "messages-stuck")
    assert finding["evidence"][0].startswith("queue async: 1 taken")
    paste(machine, finding)
    assert examine(machine, wait=10) == []
    wait_for(lambda: not console(machine, "messenger:stats").count(" 1 "), 10, "it to be done")


@pytest.mark.usefixtures("example")
def test_busy_worker_whose_queue_has_another_name(machine: Machine) -> None:
    """doctor sees in the table that a worker handles a message, whatever the queue is called."""
    other = "doctrine://default?queue_name=default"
    text = machine.read(EXAMPLE).replace("autostart = false", "autostart = true")
    machine.write(EXAMPLE, f'{text}\nenvironment = MESSENGER_TRANSPORT_DSN="{other}"\n')
    machine.run(["wctl", "update"])
    console(machine, "app:dispatch slow=15000", MESSENGER_TRANSPORT_DSN=other)
    taken = f"SELECT COUNT(*) AS taken FROM {TABLE} WHERE delivered_at IS NOT NULL"
    wait_for(lambda: re.search(r"^ *1 *$", sql(machine, taken), re.MULTILINE), 10, "it to be taken")
    console(machine, "app:dispatch ok:3", MESSENGER_TRANSPORT_DSN=other)
    assert examine(machine) == []


def test_running_but_the_queue_stands(machine: Machine, worker: str) -> None:
    """doctor finds a RUNNING worker that takes nothing while the queue grows; remedy: a restart."""
    machine.run(["systemctl", "kill", "--signal=STOP", f"{worker}@00"])
    console(machine, "app:dispatch ok:3")
    send = f"while :; do {CONSOLE} app:dispatch ok; done"
    sending = machine.popen(send, user="www-data", cwd="/srv/app")
    try:
        finding = only(examine(machine, wait=3), "queue-standing")
    finally:
        machine.stop(sending)
    assert states(machine) == {f"{worker}@00": "RUNNING"}
    first, last = re.findall(r"(\d+) (?:messages|after)", finding["evidence"][0])
    assert 3 <= int(first) < int(last)
    paste(machine, finding)
    assert examine(machine, wait=10) == []


def test_pcntl_missing(machine: Machine, worker: str) -> None:
    """doctor finds a PHP without pcntl_signal(), as in configurations of hosting companies."""
    directory = machine.run("ls -d /etc/php/*/cli/conf.d").out.strip()
    machine.write(f"{directory}/99-test.ini", "disable_functions=pcntl_signal\n")
    try:
        finding = only(examine(machine), "pcntl-missing")
        shown = machine.run(["bash", "-c", finding["remedy"]]).out
        assert "disable_functions => pcntl_signal" in shown
    finally:
        machine.run(["rm", f"{directory}/99-test.ini"])
    assert examine(machine) == []


# ---- any other program -------------------------------------------------------------------------

# Takes files from a directory, one after the other; is as busy as a worker that works.
TAKER = """[program:taker]
command = sh -c 'while :; do i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; {take}; done'
queue_command = sh -c '{count}'
health_command = sh -c 'cd /srv/queue'
autorestart = true
""".replace("{take}", "rm -f $(ls -d /srv/queue/* | head -n 1)")
NUMBER = "ls /srv/queue | wc -l"
NUMBERS = r"""printf "{\"files\": %%d}" $(ls /srv/queue | wc -l)"""
FILL = "i=0; while :; do i=$((i+1)); touch /srv/queue/z$i; sleep 0.01; done"


@pytest.mark.parametrize(
    ("count", "queue"), [(NUMBER, ""), (NUMBERS, "queue files: ")], ids=("number", "json")
)
def test_queue_command(machine: Machine, count: str, queue: str) -> None:
    """From a number, or JSON of names and numbers, doctor knows whether a queue moves."""
    configure(machine, TAKER.replace("{count}", count))
    machine.run("rm -rf /srv/queue; mkdir -p /srv/queue; touch /srv/queue/a /srv/queue/b")
    machine.run(["wctl", "update"])
    assert examine(machine, wait=10) == []
    machine.run("systemctl kill --signal=STOP taker@00; touch /srv/queue/c /srv/queue/d")
    finding = only(examine(machine), "queue-standing")
    assert finding["evidence"][0] == f"{queue}2 messages, 2 after 2 s"
    paste(machine, finding)
    assert examine(machine, wait=10) == []


def test_queue_that_grows_though_workers_work(machine: Machine) -> None:
    """doctor does not blame busy workers that cannot keep up: the remedy adds one more."""
    configure(machine, TAKER.replace("{count}", NUMBER))
    machine.run("rm -rf /srv/queue; mkdir -p /srv/queue; touch /srv/queue/a; wctl update")
    filling = machine.popen(FILL)
    try:
        finding = only(examine(machine, wait=3), "queue-growing")
    finally:
        machine.stop(filling)
    paste(machine, finding)
    assert len(pids(machine)) == 2
    machine.run("rm -f /srv/queue/*")  # as if they had caught up
    assert examine(machine) == []


# What a program's commands may do instead of answering: options, code, problem, evidence.
COMMANDS = {
    "refused": (
        f"health_command=sh -c '{DATABASE} || {{ echo connection refused >&2; exit 1; }}'",
        "health",
        "its health_command ended with exit code 1",
        "printed: connection refused",
    ),
    "hangs": (
        f"user=www-data\nhealth_command=sh -c '{DATABASE} || sleep 100; test $USER = www-data'",
        "health",
        "its health_command did not finish within 2 s",
        None,
    ),
    "dies": (
        f"health_command=sh -c '{DATABASE} || kill -SEGV $$'",
        "health",
        "its health_command was killed by signal 11",
        None,
    ),
    "nowhere": (
        "health_command=/opt/no-health",
        "health-unknown",
        "its health_command cannot be run",
        "printed: /opt/no-health: No such file or directory",
    ),
    "shut": (
        "health_command=/etc/hostname",
        "health-unknown",
        "its health_command cannot be run",
        "printed: /etc/hostname: Permission denied",
    ),
    "queueless": (
        "queue_command=/opt/no-queue --count",
        "queue-unknown",
        "its queue_command cannot be run",
        "printed: /opt/no-queue: No such file or directory",
    ),
    "slow": (
        f"queue_command=sh -c '{DATABASE} || sleep 100 & wait; echo 0'",
        "queue-unknown",
        "its queue_command did not finish within 2 s",
        None,
    ),
    "failing": (
        f"queue_command=sh -c 'echo 0; {DATABASE} || {{ echo no broker; exit 9; }}'",
        "queue-unknown",
        "its queue_command ended with exit code 9",
        "printed: no broker",
    ),
    "rubbish": (
        f"queue_command=sh -c '{DATABASE} && echo 0 || echo many messages'",
        "queue-unknown",
        "its queue_command prints neither a number nor JSON of queue and number",
        "printed: many messages",
    ),
    "silent": (
        f"queue_command=sh -c '{DATABASE} && echo 0'\nhealth_command=true",
        "queue-unknown",
        "its queue_command ended with exit code 1",
        None,
    ),
    "mute": (
        f"queue_command=sh -c '{DATABASE} && echo 0; true'",
        "queue-unknown",
        "its queue_command prints neither a number nor JSON of queue and number",
        "it printed nothing readable",
    ),
    "endless": (
        f"queue_command=sh -c '{DATABASE} && echo 0 || exec yes'",
        "queue-unknown",
        "its queue_command did not finish within 2 s",
        "printed: y",
    ),
    "huge": (
        f"queue_command=sh -c '{DATABASE} && echo 0 || head -c 50000000 /dev/zero'",
        "queue-unknown",
        "its queue_command prints neither a number nor JSON of queue and number",
        "it printed nothing readable",
    ),
    "nested": (
        f"queue_command=sh -c '{DATABASE} && echo 0 || yes [ | head -n 100000'",
        "queue-unknown",
        "its queue_command prints neither a number nor JSON of queue and number",
        "printed: [",
    ),
}


def test_commands_that_do_not_answer(machine: Machine) -> None:
    """Each of these commands is one finding, in bounded time, without a traceback, until healed."""
    machine.write("/root/edit", EDITOR, mode=0o755)
    machine.run("rm -f /run/database; rm -f /opt/no-*")
    for name, (text, *_) in COMMANDS.items():
        configure(machine, f"[program:{name}]\ncommand=sleep 1000\n{text}\n", name)
    machine.run(["wctl", "update"])
    findings = examine(machine, "--timeout=2")
    assert {finding["program"]: finding["code"] for finding in findings} == {
        name: code for name, (_, code, _, _) in COMMANDS.items()
    }
    assert len(findings) == len(COMMANDS)
    for finding in findings:
        _, code, what, evidence = COMMANDS[finding["program"]]
        assert finding["what"].startswith(what), finding
        assert evidence is None or evidence in finding["evidence"], finding
        assert sum(map(len, finding["evidence"])) < 2000
        if "${EDITOR" in finding["remedy"]:
            option = "health_command=true" if code.startswith("health") else "queue_command=echo 0"
            machine.write("/root/corrected", f"{option}\n")
            paste(machine, finding, EDITOR="/root/edit --corrected")
    assert "sh -c" in next(e["remedy"] for e in findings if e["program"] == "refused")
    machine.run(START)
    for finding in findings:
        if "${EDITOR" not in finding["remedy"]:
            paste(machine, finding)  # the command itself, which now succeeds
    assert examine(machine, "--timeout=2") == []


# ---- users, the command line -------------------------------------------------------------------


def test_workers_of_a_user_who_does_not_linger(machine: Machine) -> None:
    """With --user, doctor finds workers that would end with the session; the remedy: lingering."""
    machine.run("id bea || useradd --create-home bea; rm -f /var/lib/systemd/linger/bea")
    uid = machine.run("id -u bea").out.strip()
    session = ["systemd-run", "--unit=session-of-bea", "--uid=bea", "-p", "PAMName=login"]
    machine.run([*session, "sleep", "1000"])  # she is logged in
    environment = {"XDG_RUNTIME_DIR": f"/run/user/{uid}", "HOME": "/home/bea"}
    wait_for(lambda: machine.exists(f"/run/user/{uid}/systemd/private"), 20, "her systemd")

    def wctl(*arguments: str) -> tuple[int, str]:
        done = machine.run(["wctl", "--user", *arguments], user="bea", env=environment, check=False)
        assert done.err == ""
        return done.code, done.out

    text = "[program:hers]\ncommand=sleep 1000\nhealth_command=test -d .config\n"
    machine.write("/home/bea/.config/wctl/wctl.conf", text, owner="bea:bea")
    machine.run("chown -R bea: /home/bea/.config")
    try:
        assert wctl("update")[0] == 0
        code, out = wctl("doctor", "--json")
        finding = only(json.loads(out), "no-linger")
        assert (code, finding["program"]) == (1, "hers")
        # Not by paste(): logind 257 refuses a process in no unit, and our commands are in none.
        machine.service_run(["bash", "-c", finding["remedy"]])
        assert wctl("doctor") == (0, "no findings\n")
        wctl("stop", "hers")
        finding = only(json.loads(wctl("doctor", "--json")[1]), "stopped")
        machine.run(["bash", "-c", finding["remedy"]], user="bea", env=environment)
        assert wctl("doctor") == (0, "no findings\n")
    finally:
        machine.run("rm -rf /var/lib/systemd/linger/bea /home/bea/.config")
        machine.run(["systemctl", "stop", "session-of-bea"])


def test_another_configuration_is_not_replaced(machine: Machine) -> None:
    """With -c, remedies name the same file: an update of /etc/wctl would remove everything."""
    file = "/srv/my supervisord.conf"
    machine.write(file, "[program:w]\ncommand=sleep 1000\n")
    machine.run(["wctl", "-c", file, "update"])
    machine.run(["sed", "-i", "$ a stopwaitsecs=77", file])
    finding = only(examine(machine, "-c", file), "units-outdated")
    paste(machine, finding)
    assert examine(machine, "-c", file) == []
    assert show(machine, "w@00", "TimeoutStopUSec") == {"TimeoutStopUSec": "1min 17s"}


def test_exit_codes_and_json(machine: Machine, worker: str) -> None:
    """Exit codes 0 and 1 tell the health; with 2 and 4, doctor has examined nothing.

    The keys of the JSON are those of the manual.
    """
    assert machine.run(["wctl", "doctor", "--json"]).out == "[]\n"
    assert machine.run(["wctl", "doctor", "--wait=soon"], check=False).code == 2
    machine.run(["wctl", "stop", worker])
    assert set(only(examine(machine), "stopped")) == {
        "code", "program", "what", "evidence", "remedy", "instances", "subject", "severity",
    }  # fmt: skip
    shown = machine.run(["wctl", "doctor"])
    assert re.match(r".*@00: notice: STOPPED, .* \[stopped\]\n(    .*\n)+1 notice\n$", shown.out)
    assert machine.run(["wctl", "doctor", "--fail-on=notice"], check=False).code == 1
    hidden = machine.run(
        "unshare --mount sh -c 'mount -t tmpfs none /run && exec wctl doctor'", check=False
    )
    assert (hidden.code, hidden.out) == (4, "")
    assert hidden.err.startswith("wctl: ")


def test_every_code_has_a_test() -> None:
    """A test in a machine names each code of doctor's own, except the one no systemd causes."""
    texts = "".join(file.read_text() for file in Path(__file__).parent.glob("test_doctor*.py"))
    assert [code for code in OWN if f'"{code}"' not in texts and code != "unknown"] == []
