"""Operating: scale, update, rolling restarts, groups, user units, interruptions."""

from __future__ import annotations

import re
import signal
from collections import Counter
from functools import partial

import pytest

from machine import provision
from machine.driver import FULL, Machine, wait_for
from machine.units import configure, pids, show, states

LIST_JOBS = ["systemctl", "list-jobs", "--no-legend", "sleeper@*"]
SLEEPERS = "[program:sleeper]\ncommand=sleep 1000\nnumprocs=2\nprocess_name=%(process_num)d\n"


def names(program: str, *numbers: int) -> list[str]:
    return [f"{program}@{number:02d}" for number in numbers]


def enabled(machine: Machine, program: str) -> list[str]:
    """Returns the instances that the next boot would start."""
    links = f"/etc/systemd/system/{program}.target.wants"
    found = machine.run(["ls", links], check=False).out.split()
    return [name[: -len(".service")] for name in found]


def known(machine: Machine, program: str) -> list[str]:
    """Returns the instances that systemd would start with their target."""
    wants = machine.run(["systemctl", "show", "--value", "-pWants", f"{program}.target"]).out
    return sorted(name[: -len(".service")] for name in wants.split())


def test_closed_standard_streams(machine: Machine) -> None:
    """Each verb does the same, and exits with the same code, whatever streams are closed."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    verbs = (
        *("check", "reread", "explain sleeper", "update", "add sleeper", "status", "pid sleeper"),
        *("remove sleeper", "scale sleeper 2", "start sleeper", "signal WINCH sleeper@00"),
        *("restart sleeper@00", "tail sleeper", "logs sleeper", "maintail sleeper"),
        *("clear sleeper", "doctor --since 0", "version", "status nosuch", "nosuch"),
    )
    closings = ["<&- >&- 2>&-", *(("<&-", ">&-") if FULL else ())]
    each = " ".join(f"'{closing}'" for closing in closings)
    script = "".join(
        f"wctl {verb} >/dev/null 2>/tmp/errors; echo $?;"
        f' for closed in {each}; do eval "wctl {verb} 2>>/tmp/errors $closed"'
        " >/dev/null; echo $?; done; grep Traceback /tmp/errors; echo;"
        for verb in verbs
    )
    found = dict(zip(verbs, machine.run(script).out.split("\n\n")))
    codes = {verb: lines.splitlines() for verb, lines in found.items()}
    assert codes == {verb: lines[:1] * (1 + len(closings)) for verb, lines in codes.items()}
    failing = {verb: lines[0] for verb, lines in codes.items() if lines[0] != "0"}
    assert failing == {"remove sleeper": "1", "status nosuch": "4", "nosuch": "2"}


def test_output_that_is_lost_ends_no_change(machine: Machine) -> None:
    """A change goes on although nobody can read its output; then one line and the exit code say so.

    A verb that only shows something says the same, without a traceback.
    """
    lost = (1, "wctl: cannot write output: No space left on device\n")
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    for verb in ("restart --rolling sleeper", "update", "signal KILL all"):
        before = pids(machine)
        if verb == "update":
            configure(machine, SLEEPERS.replace("1000", "2000"))
        changed = machine.run(f"wctl {verb} >/dev/full", check=False)
        assert (changed.code, changed.err) == lost
        wait_for(partial(others_run, machine, before), 10, verb)
    for verb in ("status", "status --json", "maintail all", "pid all", "doctor"):
        shown = machine.run(f"wctl {verb} >/dev/full", check=False)
        assert (shown.code, shown.err) == lost


def others_run(machine: Machine, before: dict[str, int]) -> bool:
    """Tells whether all instances run again, with other processes than before."""
    now = pids(machine)
    return now.keys() == before.keys() and set(now.values()).isdisjoint(before.values())


# ---- scale -------------------------------------------------------------------------------------


def test_scale_of_several_programs_at_once(machine: Machine) -> None:
    """scale takes PROGRAM=N several times, also with N=0, and enables exactly these instances."""
    configure(machine, SLEEPERS + "[program:other]\ncommand=sleep 1000\n")
    machine.run(["wctl", "update"])
    machine.run(["wctl", "scale", "sleeper=3", "other=0"])
    running = dict.fromkeys(names("sleeper", 0, 1, 2), "RUNNING")
    assert states(machine) == {**running, "other": "STOPPED"}  # it has a row, too
    assert (enabled(machine, "sleeper"), enabled(machine, "other")) == (
        names("sleeper", 0, 1, 2),
        [],
    )
    misspelt = machine.run(["wctl", "scale", "sleeper=1", "othr=1"], check=False)
    assert (misspelt.code, len(pids(machine))) == (4, 3)  # wctl scales all programs or none


@pytest.mark.full
def test_scale_beyond_a_hundred(machine: Machine) -> None:
    """Instances after @99 are @100 and so on, and a scale down takes the highest first."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    machine.run(["wctl", "scale", "105"], timeout=240)
    assert Counter(states(machine).values()) == {"RUNNING": 105}
    assert states(machine)["sleeper@104"] == "RUNNING"
    before = pids(machine)
    machine.run(["wctl", "scale", "99"], timeout=240)
    after = pids(machine)
    assert after == {name: before[name] for name in names("sleeper", *range(99))}
    assert known(machine, "sleeper") == enabled(machine, "sleeper") == names("sleeper", *range(99))


@pytest.mark.full
def test_scale_beyond_what_the_bus_keeps_track_of(machine: Machine) -> None:
    """scale can start 600 instances; the bus allows systemd only 512 matches, one for each job."""
    configure(machine, SLEEPERS.replace("numprocs=2", "numprocs=1\nuser=www-data"))
    machine.run(["wctl", "update"])
    machine.run(["wctl", "scale", "600"], timeout=240)
    assert Counter(states(machine).values()) == {"RUNNING": 600}
    machine.run(["wctl", "scale", "0"], timeout=240)
    assert (pids(machine), enabled(machine, "sleeper")) == ({}, [])
    refused = "is not allowed to add more match rules"
    assert refused not in machine.run("journalctl -b -u dbus").out


@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.full)]
)
def test_interrupted_scale_is_finished_by_the_next(machine: Machine, how: signal.Signals) -> None:
    """If a scale is interrupted while it waits, systemd goes on; another scale completes it."""
    configure(machine, SLEEPERS + "startsecs=3\n")
    machine.run(["wctl", "update"])
    before = pids(machine)
    scale = machine.popen(["wctl", "scale", "3"])
    wait_for(lambda: states(machine).get("sleeper@02") == "STARTING", 10, "the new one to start")
    ended = machine.stop(scale, how)
    if how is signal.SIGINT:
        said = "wctl: interrupted; systemd still does what wctl asked for"
        assert (ended.code, ended.err.strip()) == (130, said)
        assert known(machine, "sleeper") == names("sleeper", 0, 1, 2)
    machine.run(["wctl", "scale", "3"])
    after = pids(machine)
    assert sorted(after) == names("sleeper", 0, 1, 2) == enabled(machine, "sleeper")
    assert known(machine, "sleeper") == names("sleeper", 0, 1, 2)
    assert {name: after[name] for name in before} == before


def test_scale_without_its_bus_can_be_run_again(machine: Machine) -> None:
    """If the message bus dies during a scale, wctl says so in one line; another scale succeeds."""
    configure(machine, SLEEPERS + "startsecs=3\n")
    machine.run(["wctl", "update"])
    scale = machine.popen(["wctl", "scale", "4"])
    wait_for(lambda: states(machine).get("sleeper@03") == "STARTING", 10, "the new ones to start")
    machine.run(["systemctl", "kill", "--signal=KILL", "dbus.service"])
    _, said = scale.communicate(timeout=60)
    assert scale.returncode == 1
    assert said.startswith("wctl: the connection to systemd was lost"), said
    assert said.count("\n") == 1
    wait_for(lambda: machine.run(["wctl", "scale", "4"], check=False).code == 0, 20, "a scale")
    assert states(machine) == dict.fromkeys(names("sleeper", 0, 1, 2, 3), "RUNNING")
    # logind does not always come back to a new bus; then the next login waits for it in vain.
    machine.run(["systemctl", "restart", "systemd-logind.service"])


def test_two_scales_at_once_agree(machine: Machine) -> None:
    """After two scales at the same time, the number is one of both, and the links agree."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    both = [machine.popen(["wctl", "scale", number]) for number in ("6", "3")]
    for process in both:
        process.communicate(timeout=60)
    running = {name for name, state in states(machine).items() if state == "RUNNING"}
    assert len(running) in (3, 6)
    assert sorted(running) == enabled(machine, "sleeper")


def test_scale_down_stops_what_is_about_to_start(machine: Machine) -> None:
    """An instance whose start is still queued does not run after a scale to fewer, or to none."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    slow = "[Service]\nType=oneshot\nExecStart=sleep 1000\n"
    machine.write("/run/systemd/system/slow.service", slow)
    late = "/run/systemd/system/sleeper@.service.d/late.conf"
    machine.write(late, "[Unit]\nAfter=slow.service\n")
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "start", "--no-block", "slow.service"])
    for running, fewer in ((2, 3), (3, 0)):
        machine.run(["wctl", "scale", "6", "--no-wait"])
        jobs = [line.split()[1:] for line in machine.run(LIST_JOBS).out.splitlines()]
        queued = names("sleeper", *range(running, 6))
        assert sorted(jobs) == [[f"{name}.service", "start", "waiting"] for name in queued]
        machine.run(["wctl", "scale", str(fewer), "--no-wait"])
        machine.run(["systemctl", "kill", "slow.service"])
        wait_for(lambda: not machine.run(LIST_JOBS).out, 30, "no job to be left")
        left = names("sleeper", *range(fewer))
        assert sorted(pids(machine)) == left == enabled(machine, "sleeper")
        machine.run(["systemctl", "start", "--no-block", "slow.service"])
    machine.run(["systemctl", "stop", "slow.service"])
    assert show(machine, "sleeper.target", "ActiveState") == {"ActiveState": "inactive"}
    machine.run("rm -r /run/systemd/system/slow.service /run/systemd/system/sleeper@.service.d")
    machine.run(["systemctl", "daemon-reload"])


def test_scale_down_waits_for_the_message_in_hand(machine: Machine, example: str) -> None:
    """A worker that is stopped finishes its message: each is handled once, and completely."""
    log = "/srv/app/var/run.log"
    configure(
        machine,
        machine.read("/etc/wctl/conf.d/messenger-worker.conf").replace(
            "startsecs = 5", f"startsecs = 1\nenvironment = APP_RUN_LOG={log}"
        ),
        name=example,
    )
    machine.run(["wctl", "update"])
    machine.run(["wctl", "scale", "2"])
    console = "php bin/console"
    machine.run(f"{console} app:dispatch slow=3000:2", user="www-data", cwd="/srv/app")
    wait_for(lambda: machine.run(["cat", log], check=False).out.count("\n") == 2, 10, "both taken")
    machine.run(["wctl", "scale", "1"])
    rows = 'php -r \'$d=new PDO("sqlite:/srv/app/var/queue.db");'
    rows += 'echo $d->query("SELECT COUNT(*) FROM messenger_messages")->fetchColumn();\''
    wait_for(lambda: machine.run(rows, user="www-data").out == "0", 10, "both messages done")
    assert machine.read(log).count("\n") == 2
    machine.run(["rm", log])


# ---- update ------------------------------------------------------------------------------------


def test_update_restarts_only_what_changed(machine: Machine) -> None:
    """A changed key restarts only the workers of its program; a changed comment restarts none."""
    other = "[program:other]\ncommand=sleep 1000\n"
    configure(machine, SLEEPERS + other)
    machine.run(["wctl", "update"])
    before = pids(machine)
    configure(machine, "; a comment\n" + SLEEPERS + other)
    assert machine.run(["wctl", "update"]).out == "No config updates to processes\n"
    configure(machine, SLEEPERS + other.replace("1000", "2000"))
    assert machine.run(["wctl", "reread"]).out == "other: changed\n"
    dry = machine.run(["wctl", "update", "--dry-run"]).out
    assert dry == "other: would be restarted\n"
    assert (
        machine.run(["wctl", "update"]).out == "other: updated process group\nother@00: restarted\n"
    )
    after = pids(machine)
    assert [name for name in before if after[name] != before[name]] == ["other@00"]


def test_update_never_wakes_what_was_stopped_by_hand(machine: Machine) -> None:
    """Neither a changed key nor a changed numprocs starts an instance that a user stopped."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    machine.run(["wctl", "stop", "sleeper@01"])
    first = pids(machine)["sleeper@00"]
    configure(machine, SLEEPERS.replace("numprocs=2", "numprocs=3"))
    machine.run(["wctl", "update"])
    assert states(machine) == {
        "sleeper@00": "RUNNING",
        "sleeper@01": "STOPPED",
        "sleeper@02": "RUNNING",
    }
    assert pids(machine)["sleeper@00"] == first
    configure(machine, SLEEPERS.replace("numprocs=2", "numprocs=3").replace("1000", "2000"))
    machine.run(["wctl", "update"])
    assert states(machine)["sleeper@01"] == "STOPPED"


def test_scale_outlives_an_update(machine: Machine) -> None:
    """A scaled program keeps its number until numprocs itself changes."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    machine.run(["wctl", "scale", "4"])
    configure(machine, SLEEPERS.replace("1000", "2000"))
    machine.run(["wctl", "update"])
    assert len(pids(machine)) == 4
    configure(machine, SLEEPERS.replace("numprocs=2", "numprocs=1"))
    machine.run(["wctl", "update"])
    assert list(states(machine)) == names("sleeper", 0)
    # At 0, the target is inactive, so that systemd can start it again.
    configure(machine, SLEEPERS.replace("numprocs=2", "numprocs=0"))
    machine.run(["wctl", "update"])
    shown = machine.run(["systemctl", "is-active", "sleeper.target"], check=False)
    assert (pids(machine), shown.out) == ({}, "inactive\n")


def test_removed_program_leaves_nothing(machine: Machine) -> None:
    """update stops a removed program's workers and deletes its units; drop-ins and others stay."""
    configure(machine, SLEEPERS + 'environment=A="b"\n[group:g]\nprograms=sleeper\n')
    machine.run(["wctl", "update"])
    units = "/etc/systemd/system"
    machine.write(f"{units}/sleeper@.service.d/mine.conf", "[Service]\nNice=5\n")
    machine.write(f"{units}/mine@.service", "[Service]\nExecStart=/bin/true\n")
    machine.run(["rm", "/etc/wctl/conf.d/test.conf"])
    configure(machine, "[program:other]\ncommand=sleep 1000\nautostart=false\n", name="other")
    removed = machine.run(["wctl", "update"]).out
    assert "sleeper: removed process group\n" in removed
    left = machine.run(
        f"find {units} /etc/wctl/env -name 'sleeper*' -o -name 'g.target' -o -name 'mine*'"
    ).out
    assert sorted(left.split()) == [
        f"{units}/mine@.service",
        f"{units}/sleeper@.service.d",
        f"{units}/sleeper@.service.d/mine.conf",
    ]
    machine.run(["rm", "-r", f"{units}/mine@.service", f"{units}/sleeper@.service.d"])


def test_foreign_unit_is_never_overwritten(machine: Machine) -> None:
    """wctl refuses a program that has the name of another package's unit, and writes nothing."""
    configure(machine, "[program:getty]\ncommand=sleep 1000\n")
    update = machine.run(["wctl", "update"], check=False)
    assert (update.code, "getty@.service exists and is not wctl's" in update.err) == (1, True)
    assert not machine.exists("/etc/systemd/system/getty@.service")


@pytest.mark.full
def test_killed_update_is_finished_by_the_next(machine: Machine) -> None:
    """If an update is killed at any write or call of systemd, the next update completes it."""
    before = SLEEPERS + "startsecs=0\n[program:gone]\ncommand=sleep 1000\n"
    after = SLEEPERS.replace("1000", "2000").replace("numprocs=2", "numprocs=3")
    after += 'startsecs=0\n[program:new]\ncommand=sleep 1000\nenvironment=A="b"\n'
    killed = {"rename": 0, "sendto": 0}
    # Every write of a file, but only some calls of systemd: most calls only read.
    for system_call, stride in (("rename", 1), ("sendto", 3)):
        for step in range(1, 1000, stride):
            configure(machine, before)
            machine.run(["wctl", "update"])
            old = pids(machine)
            configure(machine, after)
            inject = f"--inject={system_call}:signal=KILL:when={step}"
            trace = ["strace", "-f", "-qq", "-o", "/dev/null", f"--trace={system_call}", inject]
            run = machine.run([*trace, "wctl", "update", "--no-wait"], check=False)
            if run.code == 0:
                break
            killed[system_call] += 1
            machine.run(["wctl", "update"])
            expected = dict.fromkeys([*names("new", 0), *names("sleeper", 0, 1, 2)], "RUNNING")
            assert states(machine) == expected, (system_call, step)
            assert enabled(machine, "sleeper") == names("sleeper", 0, 1, 2)
            commands = machine.run("ps -eo args").out.splitlines()
            assert (commands.count("sleep 2000"), commands.count("sleep 1000")) == (3, 1)
            assert not set(old.values()) & set(pids(machine).values())
    enough = {"rename": 4, "sendto": 7}
    assert all(killed[call] > count for call, count in enough.items()), killed


# ---- restart -----------------------------------------------------------------------------------


def test_rolling_restart_under_load_loses_no_message(machine: Machine, example: str) -> None:
    """With real workers and a busy queue, workers handle each message exactly once."""
    log = "/srv/app/var/run.log"
    configure(
        machine,
        machine.read("/etc/wctl/conf.d/messenger-worker.conf")
        .replace("startsecs = 5", f"startsecs = 1\nenvironment = APP_RUN_LOG={log}")
        .replace("numprocs = 1", "numprocs = 3\nprocess_name = %(process_num)d"),
        name=example,
    )
    machine.run(["wctl", "update"])
    machine.run(["wctl", "start", "all"])
    old = pids(machine)
    machine.run("php bin/console app:dispatch slow=20:400", user="www-data", cwd="/srv/app")
    rolling = machine.run(["wctl", "restart", "--rolling", example]).out.splitlines()
    assert rolling == [f"{name}: restarted" for name in names(example, 0, 1, 2)]
    assert not set(old.values()) & set(pids(machine).values())
    wait_for(lambda: machine.read(log).count("\n") >= 400, 30, "all messages")
    handled = Counter(line.split()[2] for line in machine.read(log).splitlines())
    assert (len(handled), set(handled.values())) == (400, {1})
    machine.run(["rm", log])


def test_rolling_restart_stops_at_the_first_failure(machine: Machine) -> None:
    """If a batch does not come back, wctl leaves the other instances alone and names them."""
    machine.run(["touch", "/run/good"])
    configure(
        machine,
        SLEEPERS.replace("sleep 1000", "sh -c 'test -e /run/good && exec sleep 1000'").replace(
            "numprocs=2", "numprocs=4"
        ),
    )
    machine.run(["wctl", "update"])
    before = pids(machine)
    machine.run(["rm", "/run/good"])
    rolling = machine.run(["wctl", "restart", "--rolling", "--batch", "2", "sleeper"], check=False)
    assert rolling.code == 7
    assert "not restarted: sleeper@02, sleeper@03\n" in rolling.out
    after = pids(machine)
    assert [after.get(name) for name in names("sleeper", 2, 3)] == [
        before[name] for name in names("sleeper", 2, 3)
    ]


# ---- what scripts read ---------------------------------------------------------------------------


def test_lines_are_those_of_supervisorctl(machine: Machine) -> None:
    """What scripts parse: the first two fields of status, and the lines of start and stop."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    running = machine.run(["wctl", "status"])
    line = r"sleeper@0[01] {23}RUNNING   pid \d+, uptime 0:00:\d\d"
    assert len(running.out.splitlines()) == 2
    assert all(re.fullmatch(line, status) for status in running.out.splitlines()), running.out
    stop = machine.run(["wctl", "stop", "sleeper:*"])
    assert sorted(stop.out.splitlines()) == ["sleeper@00: stopped", "sleeper@01: stopped"]
    again = machine.run(["wctl", "stop", "sleeper@00"], check=False)
    assert (again.out, again.code) == ("sleeper@00: ERROR (not running)\n", 0)
    stopped = machine.run(["wctl", "status", "sleeper@00"], check=False)
    line = r"sleeper@00 {23}STOPPED   [A-Z][a-z]{2} \d\d \d\d:\d\d [AP]M\n"
    assert (bool(re.fullmatch(line, stopped.out)), stopped.code) == (True, 3)
    assert machine.run(["wctl", "start", "sleeper@00"]).out == "sleeper@00: started\n"
    twice = machine.run(["wctl", "start", "sleeper@00"], check=False)
    assert (twice.out, twice.code) == ("sleeper@00: ERROR (already started)\n", 0)
    assert machine.run(["wctl", "signal", "WINCH", "sleeper@00"]).out == "sleeper@00: signalled\n"


def test_groups_are_targets(machine: Machine) -> None:
    """wctl operates a group by its name, and systemctl by its target."""
    configure(
        machine,
        SLEEPERS + "[program:other]\ncommand=sleep 1000\n[group:g]\nprograms=sleeper,other\n",
    )
    machine.run(["wctl", "update"])
    machine.run(["wctl", "stop", "g:*"])
    assert set(states(machine).values()) == {"STOPPED"}
    machine.run(["systemctl", "start", "g.target"])
    wait_for(lambda: set(states(machine).values()) == {"RUNNING"}, 10, "all to run")
    machine.run(["systemctl", "stop", "g.target"])
    assert set(states(machine).values()) == {"STOPPED"}
    # Every start marks the targets as active, otherwise systemd could not stop instances by them.
    for verb in ("start", "restart"):
        machine.run(["wctl", verb, "sleeper"])
        for target in ("sleeper", "g"):
            assert machine.run(["systemctl", "is-active", f"{target}.target"]).out == "active\n"
        machine.run(["wctl", "stop", "all"])
        shown = machine.run(["systemctl", "is-active", "sleeper.target", "g.target"], check=False)
        assert shown.out == "inactive\ninactive\n"


def test_progress_is_a_bar_on_a_terminal_only(machine: Machine) -> None:
    """On a terminal, a bar shows the progress; a pipe gets plain lines, and none with -q."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    terminal = machine.run(["script", "-qec", "wctl restart all", "/dev/null"])
    assert ("░" in terminal.out, "1/2" in terminal.out) == (True, True)
    pipe = machine.run(["wctl", "restart", "all"])
    assert ("\r" in pipe.out + pipe.err, sorted(pipe.out.splitlines())) == (
        False,
        ["sleeper@00: restarted", "sleeper@01: restarted"],
    )
    assert machine.run(["wctl", "-q", "restart", "all"]).out == ""


# ---- user units ----------------------------------------------------------------------------------


def test_user_manages_own_units(machine: Machine) -> None:
    """With --user everything is the user's: configuration, units, manager, journal."""
    environment = provision.lingering(machine, "ann")

    def wctl(*arguments: str) -> str:
        return machine.run(["wctl", "--user", *arguments], user="ann", env=environment).out

    machine.write(
        "/home/ann/.config/wctl/conf.d/mine.conf",
        "[program:mine]\ncommand=sh -c 'echo hello; exec sleep 1000'\nenvironment=A=\"secret\"\n",
    )
    machine.run("chown -R ann: /home/ann")
    assert wctl("update") == "mine: added process group\nmine@00: started\n"
    wctl("scale", "2")
    assert re.fullmatch(r"(mine@0[01] +RUNNING +pid \d+, uptime 0:00:\d\d\n){2}", wctl("status"))
    wait_for(lambda: "hello" in wctl("tail", "mine@01"), 10, "the journal to have the line")
    wctl("stop", "all")
    assert not machine.exists("/etc/systemd/system/mine@.service")
    machine.run("rm -r /home/ann/.config /var/lib/systemd/linger/ann; systemctl stop 'user@*'")


def test_user_who_is_in_no_database(machine: Machine) -> None:
    """Without an account and without variables, one line says what is missing."""
    lonely = "setpriv --reuid=4242 --clear-groups env --ignore-environment wctl --user"
    home = "wctl: user 4242 has no home directory: HOME is not set, and there is no such user\n"
    for verb in ("check", "update", "doctor", "logs"):
        shown = machine.run(f"{lonely} {verb}", check=False)
        assert (shown.code, shown.out, shown.err) == (1, "", home), verb
    shown = machine.run(f"{lonely} status", check=False)
    bus = "DBUS_SESSION_BUS_ADDRESS is not set, and /run/user/4242/bus does not exist"
    assert shown.err.startswith(f"wctl: cannot reach the user bus: {bus}\n")
    assert (shown.code, shown.out) == (4, "")


def test_completion_knows_verbs_programs_and_instances(machine: Machine) -> None:
    """Shells complete verbs, programs, groups, instances after an @, and processes after a :."""
    text = SLEEPERS.replace("=%(process_num)d", "=doze-%(process_num)d")
    configure(machine, f"{text}[group:bed]\nprograms=sleeper\n")
    machine.run(["wctl", "update"])

    def completed(words: str) -> list[str]:
        asked = {"_WCTL_COMPLETE": "zsh_complete", "COMP_WORDS": words}
        asked["COMP_CWORD"] = str(len(words.split(" ")) - 1)
        return machine.run(["wctl"], env=asked).out.splitlines()[1::3]

    assert completed("wctl sta") == ["start", "status"]
    assert completed("wctl stop ") == ["sleeper", "bed", "all"]
    assert completed("wctl tail sleeper@") == ["sleeper@00", "sleeper@01"]
    assert completed("wctl pid bed:") == ["bed:*", "bed:doze-0", "bed:doze-1"]
    assert "--rolling" in completed("wctl restart --r")
    for shell in ("bash", "zsh", "fish"):
        assert "_WCTL_COMPLETE" in machine.run(["wctl", "completion", shell]).out


# Types lines into an interactive bash, each with a tab at its end, and prints the words of each
# command that results.
TYPIST = r"""
import os, pty, select, sys
pid, bash = pty.fork()
if pid == 0:
    os.environ.update(PS1="> ", TERM="dumb")
    os.execvp("bash", ["bash", "--norc", "-i"])
def after(line, mark):
    os.write(bash, line.encode())
    seen = b""
    while mark not in seen:
        assert select.select([bash], [], [], 60)[0], seen
        seen += os.read(bash, 4096)
    return seen.decode().split("\r\n")
after("wctl() { printf '<%s>' $# \"$@\"; echo; }\n", b"> ")
after(". /usr/share/bash-completion/completions/wctl\n", b"> ")
for line in sys.argv[1:]:
    print(*(shown for shown in after(f"{line}\t\n", b">\r\n> ") if shown.startswith("<")))
"""


def test_bash_completes_names_with_special_characters(machine: Machine) -> None:
    """bash takes @ and : for the ends of words, and names may have characters to quote."""
    configure(
        machine,
        "[program:wörk]\ncommand=sleep 1000\nstartsecs=0\nprocess_name=tür\n"
        "[group:bed]\nprograms=wörk\n"
        "[program:k&b]\ncommand=sleep 1000\nstartsecs=0\nprocess_name=x@[%(process_num)d]\n"
        "[program:q,x]\ncommand=sleep 1000\nstartsecs=0\n",
    )
    machine.run(["wctl", "update"])
    lines = {
        "wctl status k": "<2><status><k&b>",
        "wctl status k\\&b:x": "<2><status><k&b:x@[0]>",
        "wctl status q": r"<2><status><q\x2cx>",
        "wctl status w": "<2><status><wörk>",
        "wctl status wörk@": "<2><status><wörk@00>",
        "wctl pid all bed:t": "<3><pid><all><bed:tür>",
        "wctl restart --rol": "<2><restart><--rolling>",
        "wctl supervisorctl stat": "<2><supervisorctl><status>",
        "wctl supervisorctl stop bed:t": "<3><supervisorctl><stop><bed:tür>",
    }
    shown = machine.run(["python3", "-c", TYPIST, *lines], env={"LC_ALL": "C.UTF-8"}).out
    assert shown.splitlines() == [*lines.values()]


def test_explain_goes_by_the_loaded_unit(machine: Machine) -> None:
    """explain says what is in force on the machine, including an administrator's drop-in."""
    configure(machine, SLEEPERS + "autorestart=true\nmemory_max=256M\n")
    machine.run(["wctl", "update"])
    machine.run(
        "cd /etc/systemd/system && mkdir -p sleeper@.service.d && printf"
        " '[Service]\\nTimeoutStopSec=90\\n' >sleeper@.service.d/x.conf"
        " && systemctl daemon-reload"
    )
    said = machine.run(["wctl", "explain"]).out
    assert (
        "above 256M the kernel kills only this instance, and systemd starts it again after 100 ms"
        in said
    )
    assert "and kills what is left after 1 min 30 s" in said


def test_without_privileges_one_may_look(machine: Machine) -> None:
    """Any user may see the status; wctl refuses changes, and says what it cannot show."""
    configure(machine, SLEEPERS)
    machine.run(["wctl", "update"])
    assert len(machine.run(["wctl", "status"], user="nobody").out.splitlines()) == 2
    for command, code in (("scale 3", 4), ("stop all", 4), ("tail sleeper@00", 0)):
        refused = machine.run(f"wctl {command}", user="nobody", check=False)
        assert (refused.code, refused.out) == (code, ""), refused.err
        assert "Traceback" not in refused.err
    assert len(pids(machine)) == 2


FIRST, SECOND = "no database", "no queue"


@pytest.mark.parametrize("log", ["journal", "file"])
def test_failed_start_is_explained_by_this_start(machine: Machine, log: str) -> None:
    """What an earlier start wrote, and how it ended, is no reason of this start."""

    def start(script: str) -> tuple[str, str]:
        """Starts the script, in vain; returns what start says, and what doctor says later."""
        machine.write("/srv/worker", f"#!/bin/sh\n{script}\n", mode=0o755)
        said = machine.run("wctl start w@00", check=False).err
        wait_for(lambda: states(machine) == {"w@00": "FATAL"}, 20, "FATAL")
        return said, machine.run("wctl doctor", check=False).out

    options = f"command=/srv/worker\nautostart=false\nstartretries=0\nlog={log}\n"
    configure(machine, f"[program:w]\n{options}")
    machine.run("wctl update")
    said, found = start(f"echo {FIRST}; exit 3")
    assert said.startswith(f"    exit status 3; its last lines:\n    {FIRST}\n")
    assert f"wrote: {FIRST}" in found
    # Now the worker ends with success, silently, before it is ready.
    said, found = start("exit 0")
    early = r"exit status 0(?: within 0\.\d s)?, before startsecs=1"
    assert re.match(rf"    {early}; its last lines:\n    \(none\)\n", said)
    assert re.search(f"last exit: {early}\n", found)
    assert FIRST not in said + found
    said, found = start(f"echo {SECOND}; exit 4")
    assert said.startswith(f"    exit status 4; its last lines:\n    {SECOND}\n") or log == "file"
    assert SECOND in said and f"wrote: {SECOND}" in found
    assert "last exit: exit status 4" in found
    # It leaves a process behind, which systemd kills, perhaps before that goes by its own name.
    said, found = start("sleep 1000 >/dev/null 2>&1 &")
    cause = "it went to the background as (sleep|worker); keep it in the foreground"
    assert re.match(rf"    {early}: {cause}; its last lines:\n", said)
    assert re.search(f"last exit: {early}: {cause}\n", found)


def test_last_lines_are_of_the_run_that_failed(machine: Machine) -> None:
    """What the next run has written already is no reason of a crash, nor what earlier runs wrote.

    With OnFailure=, systemd 254 and newer restart in a way of their own (RestartMode=direct).
    """
    more = "systemd.Unit.OnFailure=noted@x.service\n"
    crash = "until systemctl is-active -q w@00; do sleep 0.1; done"
    number = "n=$(($(cat /run/runs) + 1)); echo $n >/run/runs"
    script = f"#!/bin/sh\n{number}\necho begun $n\n{crash}\necho ended $n\nexit 3\n"
    machine.write("/run/runs", "0\n")
    machine.write("/srv/worker", script, mode=0o755)
    configure(machine, f"[program:w]\ncommand=/srv/worker\n{more}")
    machine.run("wctl update")
    wait_for(lambda: "[crashing]" in machine.run("wctl doctor w", check=False).out, 30, "crashes")
    for _ in range(3):
        found = machine.run("wctl doctor w", check=False).out
        wrote = re.findall(r"wrote: (\w+) (\d+)", found)
        assert [word for word, _ in wrote] == ["begun", "ended"], found
        assert len({number for _, number in wrote}) == 1, found
    machine.run("wctl stop w")
    # A start that fails with success is as long as it was, whatever the wrapper has waited before.
    machine.write("/srv/worker", "#!/bin/sh\nsleep 0.2\n", mode=0o755)
    machine.run("wctl start --no-wait w@00")
    wait_for(lambda: states(machine) == {"w@00": "FATAL"}, 30, "FATAL")
    found = machine.run("wctl status -l", check=False).out
    assert re.search(r"last exit: exit status 0 within 0\.\d s, before startsecs=1$", found), found


def test_last_exit_is_not_of_a_removed_program(machine: Machine) -> None:
    """A new program does not inherit what a removed one of the same name left in the journal."""
    once = "[program:w]\ncommand=sh -c 'sleep 0.2; exit 3'\nstartsecs=0\nautorestart=false\n"
    configure(machine, once)
    machine.run("wctl update")
    wait_for(lambda: states(machine) == {"w@00": "EXITED"}, 20, "EXITED")
    assert "last exit: exit status 3" in machine.run("wctl status -l", check=False).out
    machine.run("wctl remove w")
    configure(machine, "[program:w]\ncommand=sleep 1000\n")
    machine.run("wctl update")
    assert "last exit" not in machine.run("wctl status -l").out
