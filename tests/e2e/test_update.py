"""wctl update where it is interrupted, partial, late, or about to remove something by mistake."""

from __future__ import annotations

import os
import signal

import pytest

from machine.driver import Machine, wait_for
from machine.screen import screen
from machine.units import configure, pids, show, states

FULL = "WCTL_TEST_FULL" in os.environ
TWO = "numprocs=2\nprocess_name=%(process_num)02d\n"
NOTED = "/etc/systemd/system/.wctl-update"


def program(name: str, seconds: int, options: str = "") -> str:
    """Returns a program that sleeps."""
    return f"[program:{name}]\ncommand=sleep {seconds}\nstartsecs=0\n{options}"


def sleeping(machine: Machine) -> list[str]:
    """Returns the seconds that each worker sleeps for, or is about to, sorted.

    With startsecs=0, a unit is started as soon as its wrapper runs, which then becomes the worker.
    """
    main = "systemctl show --value --property=MainPID '*@*.service'"
    mains, _, shown = machine.run(f"{main}; echo =; ps -eo pid,args").out.partition("=\n")
    found = []
    for pid, command in (line.split(maxsplit=1) for line in shown.splitlines()):
        before, sleep, duration = command.rpartition("sleep ")
        if sleep and (not before or pid in mains.split()):
            found.append(duration)
    return sorted(found)


def test_update_of_another_program_forgets_nothing(machine: Machine) -> None:
    """If an update is killed anywhere, and another program is updated, the rest is not lost."""
    more = "numprocs={}\nprocess_name=%(process_num)02d\n"
    old = program("a", 1000) + program("b", 1000) + program("c", 1000, more.format(1))
    old += program("d", 1000) + program("e", 1000, "autostart=true\n")
    new = program("a", 2000) + program("b", 2000) + program("c", 1000, more.format(2))
    new += program("d", 1000) + program("e", 1000, "autostart=false\n") + program("n", 2000)
    expected = ["1000", "1000", "1000", "2000", "2000", "2000", "3000"]
    killed = 0
    for system_call, stride in (("rename", 1 if FULL else 3), ("sendto", 4 if FULL else 22)):
        for step in range(1, 1000, stride):
            machine.run("wctl stop all", check=False)
            configure(machine, old)
            machine.run("wctl update && wctl start all", check=False)
            wait_for(lambda: sleeping(machine) == ["1000"] * 5, 20, "the old workers")
            configure(machine, new)
            inject = f"--inject={system_call}:signal=KILL:when={step}"
            trace = ["strace", "-f", "-qq", "-o", "/dev/null", f"--trace={system_call}", inject]
            if machine.run([*trace, "wctl", "update", "--no-wait"], check=False).code == 0:
                break
            killed += 1
            configure(machine, new.replace(program("d", 1000), program("d", 3000)))
            machine.run("wctl update d")
            if machine.exists(NOTED):
                assert "[update-unfinished]" in machine.run("wctl doctor", check=False).out
            machine.run("wctl update")
            wait_for(
                lambda: sleeping(machine) == expected, 20, f"{expected} ({system_call} {step})"
            )
            assert not machine.exists(NOTED)
            links = machine.run("ls /etc/systemd/system/multi-user.target.wants").out.split()
            assert "n.target" in links and "e.target" not in links
            assert machine.run("wctl reread").out == "No config updates to processes\n"
    assert killed > (8 if FULL else 3)


def test_program_is_added_beside_a_new_group(machine: Machine) -> None:
    """An update of one program needs no unit of another one that is not installed yet."""
    grouped = program("one", 1000) + program("two", 1000) + "[group:g]\nprograms=one,two\n"
    configure(machine, program("alone", 1000) + grouped)
    assert machine.run("wctl update alone").out == "alone@00: started\n".join(
        ["alone: added process group\n", ""]
    )
    assert states(machine) == {"alone@00": "RUNNING"}
    # By the group's name, as Supervisor takes it; then by that of one member.
    machine.run("wctl add g")
    assert states(machine) == dict.fromkeys(["alone@00", "one@00", "two@00"], "RUNNING")
    configure(machine, grouped.replace("two", "three"))
    machine.run("wctl update three")
    assert states(machine)["three@00"] == "RUNNING"
    assert machine.run("systemctl is-enabled g.target").out == "enabled\n"


def test_group_starts_at_boot_while_one_of_its_programs_does(machine: Machine) -> None:
    """A boot starts no group without such a program: not its target either."""

    def at_boot(one: str, two: str, group: str = "[group:g]\nprograms=one,two\n") -> set[str]:
        configure(
            machine,
            program("one", 1000, f"autostart={one}\n")
            + program("two", 1000, f"autostart={two}\n")
            + group,
        )
        machine.run("wctl update")
        # Not list-dependencies: it also follows ConsistsOf=, by which no start goes.
        show = "systemctl show --value -pId -pWants multi-user.target {one,two,g}.target"
        blocks = machine.run(f"bash -c '{show}'").out.split("\n\n")
        wants = {block.split()[0]: block.split()[1:] for block in blocks}
        pulled, left = set(), ["multi-user.target"]
        while left:
            name = left.pop()
            pulled.add(name)
            left += wants.get(name, ())
        return {"g.target", "one@00.service", "two@00.service"} & pulled

    assert at_boot("true", "false") == {"g.target", "one@00.service"}
    assert at_boot("false", "false") == set()
    assert at_boot("false", "true") == {"g.target", "two@00.service"}
    # The last such program leaves the group.
    assert at_boot("false", "true", "[group:g]\nprograms=one\n") == {"two@00.service"}
    machine.run("systemctl start g.target")
    wait_for(lambda: states(machine)["one@00"] == "RUNNING", 20, "a start by hand")
    assert at_boot("true", "false") == {"g.target", "one@00.service"}
    machine.run("wctl stop one && wctl remove one")
    assert machine.run("systemctl is-enabled g.target", check=False).out == "disabled\n"


@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_reader_that_goes_away_ends_nothing(machine: Machine, reader: str) -> None:
    """A verb that changes something goes on when nobody reads what it prints."""
    three = "".join(program(name, 1000) for name in "abc")
    configure(machine, three)
    machine.run(f"wctl update | {reader}")
    wait_for(lambda: sleeping(machine) == ["1000"] * 3, 20, "three workers")
    configure(machine, three.replace("1000", "2000"))
    machine.run(f"wctl update 2>&1 | {reader}")
    wait_for(lambda: sleeping(machine) == ["2000"] * 3, 20, "three new ones")
    wait_for(lambda: not machine.exists(NOTED), 20, "the end of the update")
    before = set(pids(machine).values())
    machine.run(f"wctl restart --rolling all | {reader}")
    wait_for(lambda: len(before & set(pids(machine).values())) == 0, 20, "the last restart")
    machine.run(f"wctl scale a=2 b=2 | {reader}")
    wait_for(lambda: len(sleeping(machine)) == 5, 20, "the second program")


def test_interrupted_update_says_how_to_finish_it(machine: Machine) -> None:
    """After Ctrl-C, systemd goes on with what it was asked for, and the rest is an update away."""
    slow = program("slow", 1000, "ready=notify\nready_timeout=600\n")
    configure(machine, slow)
    update = machine.popen("exec wctl update slow")
    wait_for(lambda: states(machine) == {"slow@00": "STARTING"}, 20, "the start")
    stopped = machine.stop(update, signal.SIGINT)
    assert stopped.code == 130
    assert "the update is not finished; run 'wctl update slow' to finish it" in stopped.err


def test_update_of_another_configuration_forgets_nothing(machine: Machine) -> None:
    """What was left undone for one configuration waits for an update of that configuration."""
    configure(machine, program("a", 1000))
    machine.run("wctl update")
    configure(machine, program("a", 2000))
    machine.write(NOTED, '{"changed": ["a"]}')
    machine.write("/tmp/try.conf", program("try", 3000))
    machine.run("wctl -c /tmp/try.conf update")
    assert machine.exists(NOTED)
    machine.run("wctl update")
    wait_for(lambda: sleeping(machine) == ["2000", "3000"], 20, "the new worker")
    assert not machine.exists(NOTED)


def test_program_that_comes_back_while_it_is_removed(machine: Machine) -> None:
    """If a removal is interrupted and the program configured again, all of its workers run."""
    stays = "[program:s]\ncommand=sh -c 'trap : TERM; while sleep 0.2; do :; done'\n"
    stays += f"startsecs=0\nstopwaitsecs=4\n{TWO}"
    configure(machine, stays)
    configure(machine, program("other", 1000), "other")
    machine.run("wctl update && wctl scale s 3")
    configure(machine, "")
    update = machine.popen("exec wctl update")
    wait_for(lambda: "STOPPING" in states(machine).values(), 20, "the stop")
    machine.stop(update, signal.SIGINT)
    names = [f"s@{number:02d}" for number in range(3)]
    wait_for(
        lambda: not {"STOPPING", "RUNNING"} & {states(machine).get(name) for name in names},
        20,
        "the end of the stops",
    )
    configure(machine, stays)
    assert "[update-unfinished]" in machine.run("wctl doctor", check=False).out
    machine.run("wctl update")
    assert states(machine) == dict.fromkeys(["other@00", "s@00", "s@01", "s@02"], "RUNNING")
    assert not machine.exists(NOTED)


def test_unit_that_an_administrator_copied(machine: Machine) -> None:
    """A copy that "systemctl edit --full" makes of an instance is the administrator's."""
    configure(machine, program("a", 1000))
    machine.run("wctl update")
    template, copy = "/etc/systemd/system/a@.service", "/etc/systemd/system/a@00.service"
    machine.run(f"sed s/1000/4000/ {template} >{copy}; systemctl daemon-reload")
    assert machine.run("wctl update").out == "No config updates to processes\n"
    assert machine.exists(copy)


def test_directory_without_its_files(machine: Machine) -> None:
    """If conf.d has no file any more, perhaps for want of a mount, nothing is removed."""
    machine.write("/etc/wctl/wctl.conf", program("main", 1000))
    configure(machine, program("a", 1000))
    try:
        machine.run("wctl update; mv /etc/wctl/conf.d/test.conf /srv/")
        refused = machine.run("wctl update", check=False)
        assert "no file: /etc/wctl/conf.d/*.conf" in refused.err and refused.code == 1
        assert states(machine) == {"a@00": "RUNNING", "main@00": "RUNNING"}
        machine.run("wctl update --prune")
        assert states(machine) == {"main@00": "RUNNING"}
    finally:
        machine.run("rm /etc/wctl/wctl.conf")


def test_update_removes_only_what_it_has_read(machine: Machine) -> None:
    """A program from another file is kept; one whose file or section is gone is removed."""
    configure(machine, program("prod", 1000), "prod")
    configure(machine, program("gone", 1000), "gone")
    machine.run("wctl update")
    machine.write("/tmp/try.conf", program("try", 2000))
    result = machine.run("wctl -c /tmp/try.conf update")
    assert result.out == "try: added process group\ntry@00: started\n"
    for name in ("gone", "prod"):
        why = f"it comes from /etc/wctl/conf.d/{name}.conf, which was not read"
        assert f"{name}: kept; {why} (remove it with 'wctl remove {name}')\n" in result.err
    assert sleeping(machine) == ["1000", "1000", "2000"]
    machine.run("rm /etc/wctl/conf.d/gone.conf")
    result = machine.run("wctl update")
    assert result.out == "gone@00: stopped\ngone: removed process group\n"
    assert result.err.startswith("try: kept; it comes from /tmp/try.conf")
    assert "left-over" in machine.run("wctl doctor --json", check=False).out
    assert "try: removed process group" in machine.run("wctl update --prune").out
    assert states(machine) == {"prod@00": "RUNNING"}


@pytest.mark.parametrize("lost", ["mount", "link", "text"])
def test_update_stops_nothing_for_a_configuration_that_is_lost(machine: Machine, lost: str) -> None:
    """An empty file, or an include whose files are not there, stops no worker by itself."""
    machine.run("rm -rf /srv/mount; mkdir /srv/mount")
    machine.write("/srv/mount/p.conf", program("p", 1000, TWO))
    include = "[include]\nfiles=/srv/mount/*.conf\n"
    configure(machine, include)
    machine.run("wctl update; wctl scale p 3")
    if lost == "mount":
        machine.run("rm /srv/mount/p.conf")
        why = "no such file: /srv/mount/*.conf, which the configuration includes"
        configure(machine, include + program("q", 2000))
    elif lost == "link":
        machine.run("ln -sf nonesuch /srv/mount/p.conf")
        why = "cannot read /srv/mount/p.conf, which the configuration includes"
        configure(machine, include + program("q", 2000))
    else:
        machine.write("/srv/mount/p.conf", "; nothing\n")
        why = "the configuration has no program"
    for verb in ("update", "update --dry-run"):
        result = machine.run(f"wctl {verb}", check=False)
        assert result.code == 1
        assert f"wctl: {why}\n      to remove p, use --prune, or name the programs\n" in result.err
    assert sleeping(machine) == ["1000"] * 3
    assert "p: disappeared" in machine.run("wctl reread").out
    machine.run("wctl update p")
    assert "1000" not in sleeping(machine)


def test_update_that_waits_applies_the_newest_configuration(machine: Machine) -> None:
    """wctl says at once that it waits; then it reads the configuration as it is by then."""
    configure(machine, program("p", 1000))
    machine.run("wctl update")
    hold = machine.popen("exec flock /run/wctl/lock sh -c 'echo; exec sleep 1000'")
    assert hold.stdout is not None
    hold.stdout.readline()
    configure(machine, program("p", 2000))
    update = machine.popen("exec wctl update")
    assert update.stdout is not None
    assert update.stdout.readline() == "waiting for another wctl\n"
    scale = machine.popen("exec wctl scale p 2")
    assert scale.stdout is not None
    assert scale.stdout.readline() == "p: waiting for another wctl\n"
    disable = machine.popen("exec wctl disable p")
    assert disable.stdout is not None
    assert disable.stdout.readline() == "waiting for another wctl\n"
    configure(machine, program("p", 3000))
    machine.stop(hold)
    for process in (update, scale, disable):
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert sleeping(machine) == ["3000", "3000"]


def test_scale_that_fails_says_how_many_run(machine: Machine) -> None:
    """After a failure, scale does not claim what it did not reach."""
    command = "sh -c 'test %(process_num)d -lt 2 && exec sleep 1000'"
    options = "process_name=%(process_num)02d\nstartretries=0\n"
    configure(machine, f"[program:p]\ncommand={command}\n{options}")
    machine.run("wctl update")
    result = machine.run("wctl scale p 3", check=False)
    assert result.code == 1
    assert "p@02: ERROR (abnormal termination)\n" in result.out
    assert result.out.endswith("p: enabled 3, but 2 run\n")


def test_error_of_one_program_blocks_no_other(machine: Machine) -> None:
    """A broken program runs on, others are updated and operated; it is mended later."""
    good = program("good", 1000, "requires=web\n") + program("gone", 1000)
    bad = program("web", 1000, TWO) + "[group:site]\nprograms=web,good\n"
    configure(machine, good)
    configure(machine, bad, "web")
    machine.run("wctl update && wctl scale web 3")
    before = {name: pid for name, pid in pids(machine).items() if name.startswith("web")}
    changed = bad.replace("1000", "2000").replace("=2\n", "=many\n")
    configure(machine, changed, "web")
    configure(machine, program("good", 2000, "requires=web\n") + program("new", 3000))

    place = "/etc/wctl/conf.d/web.conf"
    result = machine.run("wctl update", check=False)
    assert result.code == 1
    line = changed.split("\n").index("numprocs=many") + 1
    why = f"web: left as it is, with its installed configuration, because of the error in {place}"
    error, left = result.err.splitlines()
    assert error.startswith(f"{place}:{line}: [program:web] numprocs: 'many': expected")
    assert left == f"{why}:{line}"
    assert "gone: removed process group\n" in result.out
    assert "new@00: started\n" in result.out and "good@00: restarted\n" in result.out
    again = machine.run("wctl update", check=False)
    assert (again.code, again.out) == (1, "")
    # What is installed can be operated, whatever the configuration says.
    machine.run("wctl scale good 2; wctl restart good@01; wctl stop new; wctl start new")
    assert machine.run("wctl update good").out == "No config updates to processes\n"
    assert "web" not in machine.run("wctl doctor good", check=False).out
    assert machine.run("wctl explain web").code == 0
    # A file that cannot be understood says nothing about any program, also not of its group.
    configure(machine, "what\n", "web")
    configure(machine, program("good", 2000, "wants=new\n") + program("new", 4000))
    result = machine.run("wctl update", check=False)
    assert result.code == 1
    assert f"{why}:1\n" in result.err and "good: left as it is" in result.err
    after = pids(machine)
    assert {name: after[name] for name in before} == before
    assert sleeping(machine) == ["1000"] * 3 + ["2000"] * 2 + ["4000"]
    assert machine.run("systemctl is-enabled site.target web.target").out.split() == ["enabled"] * 2
    # The interrupted update of a program is not forgotten while it is broken.
    machine.write(NOTED, '{"changed": ["web"]}')
    assert machine.run("wctl update new").code == 0
    assert machine.exists(NOTED)
    configure(machine, bad.replace("1000", "5000"), "web")
    configure(machine, program("good", 2000, "requires=web\n") + program("new", 4000))
    machine.run("wctl update")
    assert sleeping(machine) == ["2000"] * 2 + ["4000"] + ["5000"] * 3
    assert not machine.exists(NOTED)
    assert machine.run("wctl update").out == "No config updates to processes\n"


LIMIT = "memory_max={}M\nstopwaitsecs={}\nstartretries={}\n"


@pytest.mark.core
def test_limits_and_ends_restart_nothing(machine: Machine) -> None:
    """The kernel has the new limit, and systemd the new time to stop, while the worker runs on.

    What an administrator has set is not touched, and no drop-in of ours is left.
    """
    configure(machine, program("a", 1000, LIMIT.format(256, 10, 3)))
    machine.run("wctl update")
    before = pids(machine)
    group = machine.run(f"cat /proc/{before['a@00']}/cgroup").out
    path = next(line.split(":")[2] for line in group.splitlines() if "memory" in line)
    limit = f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"
    assert int(machine.read(limit)) == 256 << 20
    for size, seconds, tries in ((128, 3, 9), (512, 10, 3)):
        configure(machine, program("a", 1000, LIMIT.format(size, seconds, tries)))
        assert machine.run("wctl reread").out == "a: changed\n"
        assert machine.run("wctl update -n").out == "a: would be updated; its workers run on\n"
        assert machine.run("wctl update").out == "a: updated, nothing to restart\n"
        assert int(machine.read(limit)) == size << 20
        assert show(machine, "a@00", "TimeoutStopUSec")["TimeoutStopUSec"] == f"{seconds}s"
        assert not machine.exists("/run/systemd/system.control/a@00.service.d")
        assert show(machine, "a@00", "DropInPaths", "NeedDaemonReload") == {
            "DropInPaths": "", "NeedDaemonReload": "no",
        }  # fmt: skip
    machine.run("systemctl set-property --runtime a@00 MemoryMax=700M")
    configure(machine, program("a", 1000, LIMIT.format(300, 10, 3)))
    machine.run("wctl update")
    assert int(machine.read(limit)) == 700 << 20
    machine.run("systemctl revert a@00", check=False)
    machine.run("rm -rf /run/systemd/system.control/a@00.service.d; systemctl daemon-reload")
    configure(machine, program("a", 1000))
    machine.run("wctl update")
    assert int(machine.read(limit)) > 1 << 40
    assert pids(machine) == before


def test_limits_after_a_kill(machine: Machine) -> None:
    """Drop-ins that a killed update has left do not hide the limit of the next one."""
    killed = 0
    for step in range(1, 20):
        configure(machine, program("a", 1000, "memory_max=256M\n"))
        machine.run("wctl update")
        configure(machine, program("a", 1000, "memory_max=128M\n"))
        inject = f"--inject=unlink:signal=KILL:when={step}"
        trace = ["strace", "-f", "-qq", "-o", "/dev/null", "--trace=unlink", inject]
        if machine.run([*trace, "wctl", "update"], check=False).code == 0:
            break
        killed += machine.exists("/run/systemd/system.control/a@00.service.d")
        machine.run("wctl update")
        assert show(machine, "a@00", "MemoryMax", "DropInPaths") == {
            "MemoryMax": str(128 << 20), "DropInPaths": "",
        }, step  # fmt: skip
        assert not machine.exists("/run/systemd/system.control/a@00.service.d")
    assert killed > 3


def test_rolling_update(machine: Machine) -> None:
    """One instance after the other; a new release that does not start stops it at the first.

    The next update goes on with the others.
    """
    three = TWO.replace("2", "3", 1)
    configure(machine, program("a", 1000, three) + program("b", 1000, three))
    machine.run("wctl update")
    before = pids(machine)
    broken = program("a", 1000, three).replace("sleep 1000", "sh -c 'sleep 0.1; exit 3'")
    broken = broken.replace("startsecs=0", "startsecs=1\nstartretries=0")
    broken = broken.replace("numprocs=3", "numprocs=4")
    configure(machine, broken + program("b", 2000, three))
    told = machine.run("wctl update --rolling --dry-run").out
    restarted = "would be restarted, one instance after the other"
    assert told == f"a: {restarted}, and scaled to 4\nb: {restarted}\n"
    failed = machine.run("wctl update --rolling", check=False)
    lines = failed.out.splitlines()
    assert failed.code == 1
    assert lines[:3] == [
        "a: updated process group",
        "a@00: ERROR (abnormal termination)",
        "rolling restart: stopped at the first failure; not restarted: a@01, a@02",
    ]
    assert lines[3:] == ["b: updated process group", *(f"b@0{n}: restarted" for n in range(3))]
    after = pids(machine)
    assert [name for name in before if after.get(name) == before[name]] == ["a@01", "a@02"]
    assert "[update-unfinished]" in machine.run("wctl doctor a", check=False).out

    four = three.replace("3", "4", 1)
    configure(machine, program("a", 3000, four) + program("b", 2000, three))
    shown = machine.run("wctl update --rolling").out.splitlines()
    assert shown == [
        "a: updated process group",
        *(f"a@0{n}: restarted" for n in range(1, 3)),
        "a: updated process group, numprocs is 4",
        "a@03: started",
    ]
    assert sleeping(machine) == ["2000"] * 3 + ["3000"] * 3
    assert machine.run("wctl update --rolling").out == "No config updates to processes\n"


def test_diff_is_coloured_on_terminals(machine: Machine) -> None:
    """What would be done comes first, then how the units would change; nothing is done."""
    configure(machine, program("a", 1000))
    machine.run("wctl update")
    configure(machine, program("a", 2000))
    plain = machine.run("wctl update --diff").out
    assert plain.startswith("a: would be restarted\n--- /etc/systemd/system/a@.service\n+++ ")
    assert "\n-    sleep 1000\n+    sleep 2000\n" in plain
    with screen(machine, 120, 40) as terminal:
        terminal.after("wctl update --diff")
        shown = "\n".join(terminal.lines(colours=True))
    assert "\x1b[31m-    sleep 1000" in shown and "\x1b[32m+    sleep 2000" in shown
    assert sleeping(machine) == ["1000"]
