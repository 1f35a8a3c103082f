"""Hand-off: after READY it is as if systemd had run the worker itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2e.wrapper.fleet import Fleet
from machine.driver import wait_for
from machine.units import processes

pytestmark = pytest.mark.core

# Writes down, byte for byte, what a process inherits.
PROBE = """
import json, os, sys, time
def read(name):
    with open(f"/proc/self/{name}", "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")
status = dict(line.split(":\\t", 1) for line in read("status").splitlines())
seen = {
    "argv": sys.argv[2:],
    "environ": sorted(each for each in read("environ").split("\\0") if each),
    "status": status,
    "limits": read("limits"),
    "oom_score_adj": read("oom_score_adj"),
    "cgroup": read("cgroup"),
    "fds": {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
            if os.path.exists(f"/proc/self/fd/{fd}")},
    "cwd": os.getcwd(), "umask": os.umask(0o22), "nice": os.nice(0),
    "session": os.getsid(0) == os.getpid(), "group": os.getpgrp() == os.getpid(),
    "pid": os.getpid(), "ppid": os.getppid(),
}
with open(sys.argv[1] + ".new", "w") as file:
    json.dump(seen, file)
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(1000)
"""
STATUS = (
    *("SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff"),
    *("CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Threads", "Uid", "Gid", "Groups", "Umask"),
)
KINDS = {"handed": [], "other": ["user=www-data"], "sigpipe": ["systemd.Service.IgnoreSIGPIPE=no"]}

Seen = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def seen(fleet: Fleet) -> Seen:
    """What a worker sees, for each kind: in our unit, and in a bare unit without the wrapper."""
    machine = fleet.machine
    machine.write("/opt/probe/probe.py", PROBE)
    machine.run("mkdir -p /run/seen && chmod 1777 /run/seen")
    command = "/usr/bin/python3 -I -S /opt/probe/probe.py /run/seen"
    for kind, options in KINDS.items():
        fleet.add(
            kind, f"command={command}/{kind} one two", "directory=/var", "umask=027",
            'environment=A="1",B="two words"', *options,
        )  # fmt: skip
    fleet.add("cat", "command=/bin/cat")
    fleet.install()
    for kind in KINDS:
        lines = machine.read(f"/etc/systemd/system/{kind}@.service").replace("\\\n", " ")
        text = [line for line in lines.splitlines() if not line.startswith(("ExecStart=", "Type="))]
        at = text.index("[Service]") + 1
        text[at:at] = ["Type=exec", f"ExecStart={command}/bare-{kind} one two"]
        machine.write(f"/run/systemd/system/bare-{kind}@.service", "\n".join(text) + "\n")
    fleet.systemctl("daemon-reload")
    names = [*KINDS, *(f"bare-{kind}" for kind in KINDS)]
    fleet.start([f"{name}@00" for name in ("cat", *names)])
    files = [f"/run/seen/{name}" for name in names]
    wait_for(lambda: machine.run(["ls", *files], check=False).code == 0, 20, "all to write")
    fleet.await_states({f"{kind}@00": "RUNNING" for kind in KINDS})
    return {
        kind: {
            "ours": json.loads(machine.read(f"/run/seen/{kind}")),
            "bare": json.loads(machine.read(f"/run/seen/bare-{kind}")),
        }
        for kind in KINDS
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_worker_is_the_main_process_and_alone(seen: Seen, kind: str, fleet: Fleet) -> None:
    """The main process is the worker, a child of PID 1; nothing else is in the cgroup."""
    unit = f"{kind}@00"
    pid = int(fleet.one(unit, "MainPID")["MainPID"])
    assert (seen[kind]["ours"]["pid"], seen[kind]["ours"]["ppid"]) == (pid, 1)
    wait_for(lambda: processes(fleet.machine, f"{unit}.service") == [pid], 20, "the notifier's end")
    states = fleet.machine.run("ps -e -o stat=,args=").out
    assert [line for line in states.splitlines() if line.startswith("Z")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_signals_capabilities_and_ids_are_untouched(seen: Seen, kind: str) -> None:
    """/proc/self/status shows the masks, dispositions and rights of a bare unit's process."""
    ours, bare = (
        {key: seen[kind][which]["status"].get(key) for key in STATUS} for which in ("ours", "bare")
    )
    ours.pop("SigQ"), bare.pop("SigQ")  # counts all queued signals of the user
    assert ours == bare


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "what", ["argv", "limits", "oom_score_adj", "cwd", "umask", "nice", "session", "group"]
)
def test_the_rest_is_untouched(seen: Seen, kind: str, what: str) -> None:
    """Arguments, limits, directory, file mode mask, priority, session are a bare unit's."""
    assert seen[kind]["ours"][what] == seen[kind]["bare"][what]


@pytest.mark.parametrize("kind", KINDS)
def test_no_descriptor_is_added(seen: Seen, kind: str) -> None:
    """stdin is a pipe, stdout and stderr are journald's sockets, and there are no others."""
    fds = seen[kind]["ours"]["fds"]
    assert isinstance(fds, dict)
    assert sorted(fds) == sorted(seen[kind]["bare"]["fds"])
    assert fds["0"].startswith("pipe:")
    assert fds["1"].startswith("socket:") and fds["2"].startswith("socket:")


def test_stdin_never_ends(seen: Seen, fleet: Fleet) -> None:
    """A worker that reads its stdin waits, as under Supervisor; StandardInput= still says what."""
    del seen  # the fleet runs
    fleet.await_states({"cat@00": "RUNNING"})
    drop_in = "/etc/systemd/system/cat@.service.d/input.conf"
    fleet.machine.write(drop_in, "[Service]\nStandardInput=file:/etc/hostname\n")
    fleet.systemctl("daemon-reload")
    fleet.systemctl("restart", "--no-block", "cat@00")
    name = fleet.machine.read("/etc/hostname").strip()
    wait_for(lambda: name in fleet.journal("cat@00").split("\n"), 20, "the file's text")
    fleet.machine.run(["rm", drop_in])


@pytest.mark.parametrize("kind", KINDS)
def test_the_environment_is_as_documented(seen: Seen, kind: str) -> None:
    """The environment is a bare unit's, without wctl's NOTIFY_SOCKET and its two directories."""
    own = ("NOTIFY_SOCKET=", "RUNTIME_DIRECTORY=", "LOGS_DIRECTORY=")
    changing = ("INVOCATION_ID=", "JOURNAL_STREAM=", "SYSTEMD_EXEC_PID=", "MEMORY_PRESSURE")

    def names(which: str) -> list[str]:
        return [
            variable
            for variable in seen[kind][which]["environ"]
            if not variable.startswith(changing)
        ]

    bare = [variable for variable in names("bare") if not variable.startswith(own)]
    assert names("ours") == bare
    variables = dict(variable.split("=", 1) for variable in names("ours"))
    assert (variables["A"], variables["B"]) == ("1", "two words")
    assert variables["SUPERVISOR_ENABLED"] == "1"
