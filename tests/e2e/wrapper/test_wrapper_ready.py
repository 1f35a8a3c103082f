"""Readiness by probes: each way to become READY, its timeout and its failure."""

from __future__ import annotations

import pytest

from e2e.wrapper.fleet import Fleet
from machine.driver import LATE, wait_for
from machine.units import processes

LISTEN = (
    "import socket,time; time.sleep(0.5); s=socket.create_server(('127.0.0.1', 7801));"
    " time.sleep(1000)"
)
NOTIFY = "sleep 0.5; systemd-notify --ready; exec sleep 1000"
TOUCH = "sleep 0.5; touch /run/probe/%s.ready; exec sleep 1000"

# A worker that becomes READY after half a second, and the probe that finds it READY.
GOOD = {
    "notify": (f"sh -c '{NOTIFY}'", "notify"),
    "exec": (f"sh -c '{TOUCH % 'exec'}'", "exec:test -e /run/probe/exec.ready"),
    "tcp": (f'python3 -c "{LISTEN}"', "tcp:127.0.0.1:7801"),
    "file": (f"sh -c '{TOUCH % 'file'}'", "file:/run/probe/file.ready"),
    "log": ("sh -c 'echo begin; sleep 0.5; echo up and ready; exec sleep 1000'", "log:up.*ready$"),
    "log-err": ("sh -c 'echo x; sleep 0.5; printf Listening >&2; exec sleep 1000'", "log:Listen"),
}
# The probe of a worker that never becomes READY, and what the journal then says is missing.
BAD = {
    "notify": ("notify", "it did not send READY=1"),
    "exec": ("exec:test -e /nonesuch", "'test -e /nonesuch' did not exit with 0"),
    "tcp": ("tcp:127.0.0.1:7802", "nothing accepts connections at 127.0.0.1:7802"),
    "file": ("file:/nonesuch", "/nonesuch does not exist"),
    "hung": ("exec:sleep 1000", "'sleep 1000' did not exit with 0"),
    "log": ("log:never", "no line of its output matched 'never'"),
}
# Names and patterns with all characters that have a meaning in INI files, units or systemd.
ODD = """it's "up" 100%% $HOME ${PATH} \\x41 a;b é"""
ODD_READY = {
    "file": f"file:/run/probe/{ODD}",
    "exec": """exec:test -e '/run/probe/odd $1 "%%n" \\'""",
    "log": r"""log:^\[up\] "100%%" \$5 it's$""",
}
ODD_WORKER = r"""
touch "/run/probe/it's \"up\" 100% \$HOME \${PATH} \\x41 a;b é" '/run/probe/odd $1 "%n" \'
echo '[up] "100%" $5 it'\''s'
exec sleep 1000
"""
MODES = {"handed": (), "resident": ("autorestart=false",)}


@pytest.fixture(scope="module")
def probed(fleet: Fleet) -> Fleet:
    """Workers that become READY, workers that do not, and workers that end before READY."""
    sleeper = fleet.script("sleeper", "note $1; exec sleep 1000")
    for kind, (command, ready) in GOOD.items():
        fleet.add(f"good-{kind}", f"command={command}", f"ready={ready}", "ready_timeout=30")
    odd = fleet.script("odd", ODD_WORKER)
    for kind, ready in ODD_READY.items():
        fleet.add(f"odd-{kind}", f"command={odd}", f"ready={ready}", "startretries=0")
    for mode, extra in MODES.items():
        for kind, (ready, _) in BAD.items():
            name = f"late-{kind}-{mode}"
            fleet.add(
                name, f"command={sleeper} {name}", f"ready={ready}", "ready_timeout=2",
                "startretries=1", *extra,
            )  # fmt: skip
    for kind, (ready, _) in BAD.items():
        fleet.add(f"dead-{kind}", "command=/bin/true", f"ready={ready}", "startretries=0")
    fleet.run()
    return fleet


@pytest.mark.parametrize("kind", GOOD)
def test_ready_when_it_says_so(probed: Fleet, kind: str) -> None:
    """A worker is RUNNING half a second after its start, not before; then the notifier is gone."""
    unit = f"good-{kind}@00"
    probed.await_states({unit: "RUNNING"}, 30)
    assert probed.time(unit, "ActiveEnter") - probed.time(unit, "ExecMainStart") >= 0.5
    assert not probed.machine.exists(f"/run/wctl/{unit}.service/failed-starts")
    resident = kind.startswith("log")
    wait_for(
        lambda: len(processes(probed.machine, f"{unit}.service")) == 1 + resident,
        20,
        "the notifier to be gone",
    )


@pytest.mark.parametrize("kind", ODD_READY)
def test_what_is_waited_for_arrives_unchanged(probed: Fleet, kind: str) -> None:
    """Probes get quotes, %, $, backslashes, semicolons and UTF-8 in their values unchanged."""
    probed.await_states({f"odd-{kind}@00": "RUNNING"}, 30)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", BAD)
def test_not_ready_in_time_is_a_failed_start(probed: Fleet, kind: str, mode: str) -> None:
    """After ready_timeout the wrapper stops the worker, and the journal says what is missing.

    The wrapper tries again; after the last try the instance is FATAL, and was never active.
    """
    program = f"late-{kind}-{mode}"
    probed.await_states({f"{program}@00": "FATAL"}, 40)
    said = probed.journal(f"{program}@00")
    assert said.count(f"not ready after 2 s: {BAD[kind][1]}") == 2, said
    first, second = probed.runs()[program]
    assert 1 <= second - first < 3 + LATE  # ready_timeout and the first wait
    entered = probed.one(f"{program}@00", "ActiveEnterTimestampMonotonic")
    assert set(entered.values()) == {"0"}


@pytest.mark.parametrize("kind", BAD)
def test_an_end_before_ready_is_a_failed_start(probed: Fleet, kind: str) -> None:
    """A worker that exits with 0 before it is READY has failed, and was never RUNNING."""
    unit = f"dead-{kind}@00"
    probed.await_states({unit: "FATAL"}, 30)
    assert probed.one(unit, "ActiveEnterTimestampMonotonic") == {
        "ActiveEnterTimestampMonotonic": "0"
    }


def test_notify_socket_is_for_ready_notify_alone(probed: Fleet) -> None:
    """A worker has NOTIFY_SOCKET only with ready=notify."""
    for kind, there in (("notify", True), ("exec", False)):
        probed.await_states({f"good-{kind}@00": "RUNNING"}, 30)
        pid = probed.one(f"good-{kind}@00", "MainPID")["MainPID"]
        environ = probed.machine.run(f"tr '\\0' '\\n' </proc/{pid}/environ").out
        assert ("NOTIFY_SOCKET=" in environ) is there
