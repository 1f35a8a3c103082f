"""Logs on a real machine: the journal, times without journald, files, and verbs that show logs."""

from __future__ import annotations

import itertools
import json
import operator
import re
import signal
import time
from base64 import b64decode, b64encode
from collections import Counter

import pytest

from machine.driver import FULL, Machine, wait_for
from machine.units import configure, pids, show, states
from unit.systemd.env_vectors import VECTORS, Variables, expected, hostile
from wctl.systemd import env_file, version

# Writes numbered lines as fast as it can until it is told to stop.
COUNTER = r"""
import os, signal, sys, time
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
number = 0
pause = float(sys.argv[1]) if len(sys.argv) > 1 else 0
print("ready", flush=True)
while not stop:
    line = b"%09d %s\n" % (number, b"x" * 70)
    while line:
        try:
            line = line[os.write(1, line):]
        except OSError:  # systemd's journald is gone, for a worker without a pump
            sys.exit(0)
    number += 1
    if pause:
        time.sleep(pause)
os.write(1, b"%09d end\n" % number)
"""

JOURNALD = "systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket"
# reset-failed: otherwise journald's start limit would forbid so many starts.
STOP_JOURNALD = f"systemctl stop {JOURNALD}"
START_JOURNALD = f"systemctl reset-failed {JOURNALD}; systemctl start {JOURNALD}"
SPARE = "/var/log/wctl/{0}/{0}-00.log"


def numbers(text: str) -> list[int]:
    """Returns the numbers of COUNTER's lines, in their order; every line must be whole."""
    lines = [line for line in text.splitlines() if line != "ready"]
    odd = [line for line in lines if not re.fullmatch(r"\d{9} (x{70}|end)", line)]
    assert odd == []
    return [int(line[:9]) for line in lines]


def faults(*parts: list[int]) -> list[tuple[int, ...]]:
    """Returns (number, count in each part) for lines that are not there exactly once.

    Returns at most ten: a list of all lines would say nothing to the reader of a failure.
    """
    counts = [Counter(part) for part in parts]
    last = max(max(part, default=-1) for part in parts)
    wrong = [n for n in range(last + 1) if sum(count[n] for count in counts) != 1]
    return [(n, *(count[n] for count in counts)) for n in wrong[:10]]


def stored_once(logged: list[int]) -> list[int]:
    """Returns the numbers of a journal without those that journald itself has stored twice.

    If a file of the journal becomes full within an entry, journald also writes the entry into the
    next file (systemd issue 29016). The pump cannot cause that: it writes unread lines to the file.
    """
    return [number for number, _ in itertools.groupby(logged)]


def journal(machine: Machine, program: str) -> str:
    """Returns the lines of a program's first instance in the journal."""
    machine.run("journalctl --sync", check=False)
    return machine.run(f"journalctl -b -q -o cat SYSLOG_IDENTIFIER={program}@00").out


def files(machine: Machine, path: str) -> str:
    """Returns the contents of a log file and its older ones, the oldest first."""
    return machine.run(f"cat $(ls -v -r {path}*) 2>/dev/null", check=False).out


def update(machine: Machine, text: str) -> None:
    """Configures programs and starts them."""
    configure(machine, text)
    machine.run(["wctl", "update"])


def resident(machine: Machine) -> int:
    """Returns the memory of the wrapper of w@00, in KiB."""
    pid = show(machine, "w@00", "MainPID")["MainPID"]
    found = re.search(r"VmRSS:\s+(\d+) kB", machine.read(f"/proc/{pid}/status"))
    assert found
    return int(found[1])


def kill_wrapper(machine: Machine) -> None:
    """Kills the wrapper of w@00 and waits for the next one."""
    before = main_pid(machine)
    machine.run("systemctl kill --kill-who=main --signal=KILL w@00")
    wait_for(lambda: main_pid(machine) not in ("0", before), 10, "another process")


def main_pid(machine: Machine) -> str:
    """Returns the process of w@00, also while it is the wrapper that waits in BACKOFF."""
    return show(machine, "w@00", "MainPID")["MainPID"]


@pytest.fixture(autouse=True)
def _empty_journal(machine: Machine, _independent: None) -> None:
    """Removes the logs of other tests, whose programs have the same names."""
    machine.run(START_JOURNALD)
    machine.run("rm -f /var/log/both.log* /var/log/w.log*")
    machine.run("journalctl --sync --quiet; journalctl --rotate --vacuum-size=1 --quiet")


@pytest.fixture
def counter(machine: Machine) -> str:
    """A command that writes numbered lines."""
    machine.write("/srv/counter.py", COUNTER)
    return "/usr/bin/python3 /srv/counter.py"


def test_tail_knows_the_streams_by_more_than_their_priority(machine: Machine) -> None:
    """A worker's own <3> changes the priority of a line, but not the stream that shows the line."""
    machine.write(
        "/srv/streams.sh",
        "echo out; echo '<3>bad out'; echo err >&2; echo '<7>debug err' >&2;"
        """ echo '{"message":"m"}'; exec sleep 1000""",
    )
    update(machine, "[program:w]\ncommand=sh /srv/streams.sh\n")
    wait_for(lambda: "debug err" in machine.run("wctl tail w@00").out, 10, "all lines")
    assert machine.run("wctl tail w@00 stdout").out == 'out\nbad out\n{"message":"m"}\n'
    assert machine.run("wctl tail w stderr").out == "err\ndebug err\n"
    assert machine.run("wctl tail -1 w@00 stdout").out == '{"message":"m"}\n'
    assert machine.run("wctl tail -n 1 w stderr").out == "debug err\n"
    assert machine.run("wctl logs w -p err -o cat").out == "bad out\n"
    assert machine.run("wctl logs w --grep 'OUT|BAD' -o cat", check=False).out == ""
    assert machine.run("wctl logs w --grep bad -o json").out.count('"stream": "stdout"') == 1
    assert machine.run("wctl logs w --since '1h ago' --until '30 min ago' -o cat").out == ""
    assert machine.run("wctl tail -- -1 w", check=False).code != 0


def test_tail_follows_over_restarts_of_worker_and_journald(machine: Machine) -> None:
    """tail -f goes on after restarts of the worker and of journald, and after a rotation."""
    update(
        machine,
        "[program:w]\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)02d\n"
        "command=sh -c 'echo pid $$; exec sleep 1000'\n",
    )
    machine.run(">/tmp/followed")
    follow = machine.popen("exec wctl tail -f -100 w >/tmp/followed")
    machine.run("wctl restart w")
    machine.run("systemctl restart systemd-journald")
    machine.run("wctl restart w")
    machine.run("journalctl --rotate")
    machine.run("wctl restart w")
    running = pids(machine)
    expected = {f"{name}: pid {pid}" for name, pid in running.items()}
    wait_for(lambda: expected <= set(machine.read("/tmp/followed").splitlines()), 10, "the last")
    stopped = machine.stop(follow, signal.SIGINT)
    assert (stopped.code, stopped.err) == (0, "")
    assert len(machine.read("/tmp/followed").splitlines()) == 8


def test_logs_shows_what_is_asked_for(machine: Machine) -> None:
    """logs merges instances by time, and selects by instance, time, text, priority and number."""
    machine.write("/srv/said.sh", "echo begun $1; read -r word < /run/go-$1; echo $word $1 >&2\n")
    machine.run("rm -f /run/go-*; mkfifo /run/go-00 /run/go-01")
    update(
        machine,
        "[program:w]\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)02d\n"
        "command=sh -c '. /srv/said.sh; exec sleep 1000' x %(process_num)02d\n"
        "stderr_priority=err\n",
    )
    between = machine.run("sleep 1.1; date '+%F %T'; sleep 1.1").out.strip()
    for number in ("01", "00"):
        machine.run(f"echo failed >/run/go-{number}; sleep 0.1; journalctl --sync")

    def logs(options: str) -> list[str]:
        lines = machine.run(f"wctl logs -o json {options}").out.splitlines()
        return [entry["message"] for entry in map(json.loads, lines) if entry["stream"]]

    begun, failed = ["begun 00", "begun 01"], ["failed 01", "failed 00"]
    everything = logs("w")
    assert (sorted(everything[:2]), everything[2:]) == (begun, failed)
    assert logs("-i 01 w") == ["begun 01", "failed 01"]
    assert logs("w@00") == ["begun 00", "failed 00"]
    assert logs("--priority err") == failed
    assert logs("--grep 'FAILED 0[0]'") == []
    assert logs("--grep 'failed 0[0]'") == failed[1:]
    assert logs(f"--since '{between}'") == failed
    assert sorted(logs(f"--until '{between}'")) == begun
    assert logs("-n 1") == failed[1:]
    assert machine.run("wctl logs -n 1").out.endswith(" w@00: failed 00\n")
    shown = machine.run(
        ["script", "-qec", "wctl logs -n 2 --no-events", "/dev/null"], env={"TERM": "xterm"}
    ).out
    colours = dict(re.findall("\x1b\\[(\\d+)m(w@0\\d)\x1b", shown))
    assert sorted(colours.values()) == ["w@00", "w@01"]


def test_tail_by_bytes(machine: Machine) -> None:
    """--bytes counts as Supervisor does, in the journal and in files, across short lines."""
    script = "command=sh -c 'seq 100; exec sleep 1000'\n"
    update(machine, f"[program:w]\n{script}[program:f]\n{script}log=file\nstdout_logfile=/run/f\n")
    everything = "".join(f"{number}\n" for number in range(1, 101))
    wait_for(lambda: machine.read("/run/f") == everything, 10, "all lines in the file")
    wait_for(lambda: machine.run("wctl tail -100 w").out == everything, 10, "and in the journal")
    for program in ("w", "f"):
        for size in (0, 1, 5, 160, 1600):
            expected = everything[-size:] if size else ""
            assert machine.run(f"wctl tail --bytes {size} {program}@00 stdout").out == expected
    assert machine.run("wctl tail --bytes 5 all", check=False).code == 2


def test_maintail_tells_of_starts_exits_and_back_off(machine: Machine) -> None:
    """maintail shows what systemd and the wrapper say, and nothing that the worker says."""
    configure(machine, "[program:w]\ncommand=sh -c 'echo mine; exit 3'\nstartretries=1\n")
    machine.run(["wctl", "update"], check=False)
    wait_for(lambda: states(machine) == {"w@00": "FATAL"}, 15, "FATAL")
    said = machine.run("wctl maintail -100 w").out
    for part in ("systemd: Starting w@00", "status=3", "failed start 1 of 2", "gave up after 2"):
        assert part in said
    assert "mine" not in said
    machine.run("wctl scale w 0")
    assert "wctl: w: scaling to 0" in machine.run("wctl maintail -100 w").out
    assert machine.run("wctl tail w@00").out == "mine\nmine\n"


def processor_time(machine: Machine, command: str) -> float:
    """Returns the seconds of a CPU that a command takes."""
    timed = machine.run(f"bash -c 'TIMEFORMAT=\"%U %S\"; time {command} >/dev/null'")
    return sum(map(float, timed.err.split()))


@pytest.mark.parametrize("count", [200_000, pytest.param(1_000_000, marks=pytest.mark.full)])
def test_a_burst_is_complete_and_its_end_is_found_at_once(machine: Machine, count: int) -> None:
    """Of many lines at once, journald suppresses none; tail -100 takes little CPU time."""
    update(machine, f"[program:w]\ncommand=sh -c 'seq -f %%09.0f {count}; exec sleep 1000'\n")
    last = f"{count:09d}\n"
    wait_for(lambda: machine.run("wctl tail -1 w").out == last, 300, "the last", interval=1)
    there = stored_once([int(line) for line in journal(machine, "w").splitlines()])
    assert all(map(operator.eq, there, range(1, count + 1)))
    assert len(there) == count
    suppressed = machine.run("journalctl -b -q MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e").out
    assert "w@00" not in suppressed
    assert len(machine.run("wctl tail -100 w").out.splitlines()) == 100
    # Compared to another short command on this machine now: all lines would take seconds.
    assert processor_time(machine, "wctl tail -100 w") < 8 * processor_time(machine, "wctl status")


def test_nothing_is_lost_when_journald_stops_and_restarts(machine: Machine, counter: str) -> None:
    """Each line is there once, in order: in the file, or in journal and spare file together."""
    update(
        machine,
        f"[program:both]\ncommand={counter}\nstdout_logfile=/var/log/both.log\n"
        "stdout_logfile_maxbytes=5MB\nstdout_logfile_backups=900\n"
        f"[program:one]\ncommand={counter}\nready=log:^ready\nredirect_stderr=true\n"
        f"[program:two]\ncommand={counter}\nready=log:^ready\n",
    )
    for turn in range(10 if FULL else 6):
        if turn % 2:
            machine.run(f"{STOP_JOURNALD}; sleep 0.2; {START_JOURNALD}")
        else:
            machine.run("systemctl reset-failed systemd-journald")
            machine.run("systemctl restart systemd-journald")
        time.sleep(0.3)  # not a wait: time in which the workers write
    machine.run(["wctl", "stop", "all"])
    written = numbers(files(machine, "/var/log/both.log"))
    assert all(map(operator.eq, written, range(len(written))))
    for program in ("one", "two"):
        logged = stored_once(numbers(journal(machine, program)))
        spared = numbers(files(machine, SPARE.format(program)))
        assert faults(logged, spared) == []
        assert all(map(operator.lt, logged, logged[1:]))
        assert all(map(operator.lt, spared, spared[1:]))
        # Newer versions of systemd keep the streams while journald is stopped.
        said = machine.run(f"wctl maintail -1000 {program}").out
        assert ("journald was away" in said) == bool(spared)


def test_files_are_exact_when_journald_is_killed(machine: Machine, counter: str) -> None:
    """SIGKILL loses lines that journald has read but not stored; files lose nothing."""
    update(
        machine,
        f"[program:both]\ncommand={counter}\nstdout_logfile=/var/log/both.log\n"
        "stdout_logfile_maxbytes=5MB\nstdout_logfile_backups=900\n"
        f"[program:hand]\ncommand={counter}\n"
        f"[program:one]\ncommand={counter}\nready=log:^ready\n",
    )
    for _ in range(10):
        machine.run("systemctl reset-failed systemd-journald")
        machine.run("systemctl kill --signal=KILL systemd-journald")
        wait_for(
            lambda: show(machine, "systemd-journald", "ActiveState")["ActiveState"] == "active",
            10,
            "journald",
        )
        time.sleep(0.3)  # not a wait: time in which the workers write
    machine.run(["wctl", "stop", "all"])
    written = numbers(files(machine, "/var/log/both.log"))
    assert written == list(range(len(written)))
    # At most one batch is lost, which journald had read and not stored: the pump sends no more.
    stored = stored_once(numbers(journal(machine, "one")))
    logged = sorted(stored + numbers(files(machine, SPARE.format("one"))))
    assert all(map(operator.lt, logged, logged[1:]))
    assert (logged[-1] + 1 - len(logged)) * 81 <= 10 * 2000


def test_without_journald_at_start_there_are_files_until_it_returns(
    machine: Machine, counter: str
) -> None:
    """A worker that starts without a journal logs to files; the journal has what comes later."""
    configure(machine, f"[program:w]\ncommand={counter} 0.001\nautostart=false\n")
    machine.run(["wctl", "update"])
    spare = SPARE.format("w")
    machine.run(STOP_JOURNALD)
    try:
        machine.run(["systemctl", "start", "w@00"])
        wait_for(lambda: machine.exists(spare), 10, spare)
    finally:
        machine.run(START_JOURNALD)
    wait_for(lambda: journal(machine, "w"), 10, "lines in the journal")
    machine.run(["wctl", "stop", "w"])
    spared, logged = numbers(files(machine, spare)), numbers(journal(machine, "w"))
    assert spared + logged == list(range(len(spared) + len(logged)))
    assert f"wrote lines to {spare}" in machine.run("wctl tail w").err


def test_full_disk_stops_nothing_and_is_told(machine: Machine, counter: str) -> None:
    """On a full disk the worker runs on; the journal says how many lines were dropped, and why."""
    machine.run("mkdir -p /srv/small && mount -t tmpfs -o size=256k none /srv/small")
    try:
        update(
            machine,
            f"[program:w]\ncommand={counter} 0.0005\nlog=file\nstdout_logfile=/srv/small/w.log\n"
            "stdout_logfile_maxbytes=0\n",
        )
        said = "wctl maintail -100 w"
        wait_for(lambda: "No space left" in machine.run(said).out, 20, "the first complaint")
        machine.run("wctl clear w")
        wait_for(lambda: "were dropped" in machine.run(said).out, 20, "the count")
        assert states(machine) == {"w@00": "RUNNING"}
        machine.run(["wctl", "stop", "w"])
        told = re.findall(r"w.log: (\d+) lines \((\d+) bytes\) were dropped", machine.run(said).out)
        assert told
        assert machine.read("/srv/small/w.log").splitlines()[-1].endswith(" end")
    finally:
        machine.run("wctl stop w; umount /srv/small", check=False)


@pytest.mark.parametrize("what", ["deleted", "read-only", "link"])
def test_lost_log_directory_is_told_and_the_worker_runs_on(
    machine: Machine, counter: str, what: str
) -> None:
    """If a worker's log directory goes away, there is one clear message, and later lines again."""
    machine.run("mkdir -p /srv/logs /srv/trap && chown daemon /srv/logs && chmod 777 /srv/trap")
    update(
        machine,
        f"[program:w]\ncommand={counter} 0.01\nuser=daemon\nlog=file\n"
        "stdout_logfile=/srv/logs/w.log\n",
    )
    wait_for(lambda: machine.exists("/srv/logs/w.log"), 10, "the file")
    lose, complaint, back = {
        "deleted": ("mv /srv/logs /srv/away", "No such file", "mv /srv/away /srv/logs"),
        "read-only": (
            # In this order: otherwise the wrapper may make the file anew in between.
            "chown root /srv/logs; rm /srv/logs/w.log",
            "Permission denied",
            "chown daemon /srv/logs",
        ),
        "link": (
            "cd /srv/logs; ln -s ../trap/w.log l; chown -h nobody l; mv -T l w.log",
            "user 65534 decides where w.log leads",
            "rm /srv/logs/w.log",
        ),
    }[what]
    machine.run(lose)
    said = "wctl maintail -100 w"
    wait_for(lambda: complaint in machine.run(said).out, 10, complaint)
    assert states(machine) == {"w@00": "RUNNING"}
    machine.run(back)
    wait_for(lambda: "were dropped" in machine.run(said).out, 10, "the count")
    assert machine.run("ls /srv/trap").out == ""
    machine.run("wctl stop w; rm -rf /srv/logs /srv/trap /srv/away")


def test_killed_pump_leaves_whole_files(machine: Machine, counter: str) -> None:
    """After ten kills of the wrapper while it rotates, the lines of each run are in order."""
    update(
        machine,
        f"[program:w]\ncommand={counter}\nlog=file\nautorestart=true\n"
        "stdout_logfile=/var/log/w.log\nstdout_logfile_maxbytes=64KB\nstdout_logfile_backups=999\n",
    )
    for _ in range(10):
        kill_wrapper(machine)
    machine.run(["wctl", "stop", "w"])
    lines = [line for line in files(machine, "/var/log/w.log").splitlines() if line != "ready"]
    runs = [index for index, line in enumerate(lines) if line.startswith("000000000")]
    for first, end in zip(runs, [*runs[1:], len(lines)]):
        whole = [line for line in lines[first:end] if re.fullmatch(r"\d{9} x{70}", line)]
        # The last line of a killed run may be cut, if SIGKILL stopped the kernel within a write.
        assert len(lines[first:end]) - len(whole) <= 1
        assert [int(line[:9]) for line in whole] == list(range(len(whole)))
    sizes = machine.run("stat -c %s /var/log/w.log*").out.split()
    assert max(map(int, sizes)) <= 64 << 10


def test_idle_pump_sleeps_and_is_small(machine: Machine) -> None:
    """A wrapper whose worker is silent makes no system call, and has at most 10 MiB."""
    update(machine, "[program:w]\ncommand=sleep 1000\nlog=both\n")
    wrapper = show(machine, "w@00", "MainPID")["MainPID"]
    trace = machine.popen(["timeout", "5", "strace", "-p", wrapper, "-o", "/tmp/trace"])
    trace.wait()
    calls = [
        line for line in machine.read("/tmp/trace").splitlines() if "restart_syscall" not in line
    ]
    assert [line for line in calls if not line.startswith(("poll(", "strace"))] == []
    assert len(calls) <= 1
    assert resident(machine) <= 10 * 1024


@pytest.mark.full
def test_ten_gigabytes_take_no_memory(machine: Machine) -> None:
    """The pump is as small after 10 GB as before, and the files keep their limits."""
    lines = f"yes {'x' * 89} | head -c {111_111_112 * 90}"
    update(
        machine,
        f"[program:w]\ncommand=sh -c 'sleep 2; {lines}; echo end; exec sleep 1000'\n"
        "log=file\nstdout_logfile=/var/log/w.log\n"
        "stdout_logfile_maxbytes=10MB\nstdout_logfile_backups=3\n",
    )
    before = resident(machine)
    last = "tail -n 1 /var/log/w.log"
    wait_for(lambda: machine.run(last, check=False).out == "end\n", 300, "the end", interval=1)
    assert resident(machine) - before <= 512
    assert resident(machine) <= 10 * 1024
    sizes = [int(size) for size in machine.run("stat -c %s /var/log/w.log*").out.split()]
    assert len(sizes) == 4
    assert max(sizes) <= 10 << 20


def test_silent_streams_and_container_names(machine: Machine) -> None:
    """NONE and /dev/null mean nowhere; /dev/stdout and its like, as in containers, the journal."""
    update(
        machine,
        "[program:none]\ncommand=sh -c 'echo out; echo err >&2; exec sleep 1000'\n"
        "stdout_logfile=NONE\n"
        "[program:docker]\ncommand=sh -c 'echo out; echo err >&2; exec sleep 1000'\n"
        "stdout_logfile=/proc/1/fd/1\nstdout_logfile_maxbytes=0\n"
        "stderr_logfile=/dev/fd/2\nstderr_logfile_maxbytes=0\n"
        "[program:null]\ncommand=sh -c 'echo out; echo err >&2; exec sleep 1000'\n"
        "stdout_logfile=/dev/null\nstderr_logfile=/dev/null\n",
    )
    wait_for(lambda: machine.run("wctl tail docker stderr").out == "err\n", 10, "the journal")
    assert machine.run("wctl tail docker stdout").out == "out\n"
    assert machine.run("wctl tail none").out == "err\n"
    assert machine.run("wctl tail none stderr").out == "err\n"
    assert machine.run("wctl tail null").out == ""
    for pid in pids(machine).values():  # no wrapper stays
        assert machine.read(f"/proc/{pid}/comm") == "sleep\n"
    assert "dropped" not in machine.run("wctl maintail -100 docker null").out


def test_clear_empties_files(machine: Machine, counter: str) -> None:
    """clear truncates the file of a running pump, which goes on in the same file."""
    update(machine, f"[program:w]\ncommand={counter} 0.01\nlog=file\n")
    path = SPARE.format("w")
    wait_for(lambda: machine.exists(path) and machine.read(path), 10, "lines")
    assert machine.run("wctl clear w").out == "w@00: cleared\n"
    wait_for(lambda: "ready" not in machine.read(path) and machine.read(path), 10, "new lines")
    assert "x" * 70 in machine.run("wctl tail w").out
    mode = machine.run(f"stat -c '%a %U' {path}").out
    assert mode == "640 root\n"


def test_run_in_the_foreground(machine: Machine) -> None:
    """run has the unit's user, directory, variables and umask, and the worker's exit code."""
    machine.run("install -d -o daemon /srv/run")
    configure(
        machine,
        "[program:w]\ncommand=sh -c 'id -un; pwd; echo $A $SUPERVISOR_PROCESS_NAME"
        " %(process_num)02d; umask; echo err >&2; exit 7'\n"
        "user=daemon\ndirectory=/srv/run\numask=027\n"
        'environment=A="it is"\nprocess_name=%(program_name)s_%(process_num)02d\n'
        '[program:term]\ncommand=sh -c \'trap "echo got it; exit 5" TERM; echo up;'
        " while :; do sleep 0.1; done'\nlog=file\nstdout_logfile=/srv/run/term.log\n",
    )
    for hidden in ("", "unshare --mount sh -c 'umount -l /run/systemd 2>&-; exec \"$@\"' sh "):
        ran = machine.run(f"{hidden}wctl run w@03", check=False)
        assert (ran.code, ran.err) == (7, "err\n")
        assert ran.out == "daemon\n/srv/run\nit is w_03 03\n0027\n"
    term = machine.popen(["wctl", "run", "term@00"])
    wait_for(lambda: machine.exists("/srv/run/term.log"), 10, "its log file")
    assert machine.stop(term, signal.SIGTERM).code == 5
    assert machine.read("/srv/run/term.log") == "up\ngot it\n"
    assert machine.run("runuser -u nobody -- wctl run w@00", check=False).code == 1
    assert machine.run("wctl run w@0", check=False).code == 2


@pytest.mark.core  # systemd 255 and newer refuse some names of directories that 252 takes
def test_unit_run_and_doctor_give_a_worker_the_same_variables(machine: Machine) -> None:
    """The unit, "wctl run" and doctor's commands have the same variables, in the same order."""
    machine.run("install -d -o daemon /run/seen")
    machine.write("/etc/wctl/more.env", 'FROM=it\'s "more"\nB=more\n')
    machine.write("/etc/wctl/other.env", "B=other\n")
    machine.write("/etc/wctl/env/app\\x2bx@01.env", 'ONE="only 01"\n')
    see = "sh -c 'env -0 >/run/seen/$0; exec sleep 1000'"
    configure(
        machine,
        f"[program:app+x]\ncommand={see} worker\nprocess_name=p%(process_num)d%%\n"
        "numprocs=2\nuser=daemon\nserverurl=unix:///run/s\n"
        "environment_file=/etc/wctl/[mo]*.env -/none\n"
        'environment=HOME="/srv",A="%(process_num)d of 100%%",B="100%% $HOME"\n'
        "health_command=sh -c 'env -0 >/run/seen/doctor'\nnumprocs_start=1\n",
    )
    machine.run(["wctl", "update"])

    def seen(name: str) -> dict[str, str]:
        # The shell makes the file before env writes.
        path = f"/run/seen/{name}"
        text = wait_for(lambda: machine.read(path), 10, f"the variables of {name}")
        found = dict(variable.split("=", 1) for variable in text.split("\0") if variable)
        ours = {"A", "B", "FROM", "HOME", "LOGNAME", "ONE", "SHELL", "USER"}
        return {n: v for n, v in found.items() if n in ours or n.startswith("SUPERVISOR_")}

    unit = "app\\x2bx@01"
    machine.run(["wctl", "restart", unit])
    worker = seen("worker")
    assert worker == {
        "A": "1 of 100%",
        "B": "100% $HOME",
        "FROM": 'it\'s "more"',
        "HOME": "/srv",
        "LOGNAME": "daemon",
        "ONE": "only 01",
        "SUPERVISOR_ENABLED": "1",
        "SUPERVISOR_GROUP_NAME": "app+x",
        "SUPERVISOR_PROCESS_NAME": "p1%",
        "SUPERVISOR_SERVER_URL": "unix:///run/s",
        "USER": "daemon",
    }
    machine.run(["wctl", "stop", "all"])
    machine.run("rm /run/seen/worker")
    foreground = machine.popen(["wctl", "run", "app+x@01"])
    assert seen("worker") == worker
    machine.stop(foreground, signal.SIGTERM)
    machine.run(["wctl", "doctor", "app+x"], check=False)
    assert seen("doctor") == worker


@pytest.mark.core
def test_systemd_reads_files_of_variables_as_wctl_does(machine: Machine) -> None:
    """EnvironmentFile= gives a unit the variables that the unit tests expect, or fails it.

    So it does with files that wctl writes, whatever the values hold.
    """
    systemd = version.number(machine.run("systemctl --version").out.removeprefix("systemd "))
    files = {file: expected(file, systemd) for file in VECTORS}
    for seed in range(20):
        values = hostile(seed)
        files[env_file.environment_file(values.items()).encode()] = values
    unit = "[Service]\nType=oneshot\nEnvironmentFile=/run/vectors/%i\n"
    unit += "ExecStart=/bin/sh -c 'env -0 >/run/vectors/%i.out'\n"
    machine.write("/run/systemd/system/vector@.service", unit)
    lines = (f"echo {b64encode(f).decode()} | base64 -d >{i}" for i, f in enumerate(files))
    machine.run("\n".join(["mkdir /run/vectors && cd /run/vectors", "touch empty", *lines]))
    units = [f"vector@{name}" for name in ("empty", *range(len(files)))]
    machine.run(["systemctl", "daemon-reload"])
    machine.run(["systemctl", "start", *units], check=False)

    def seen(name: object) -> Variables:
        text = outputs.get(f"{name}.out")
        if text is None:
            return None
        return dict(variable.split("=", 1) for variable in text.split("\0") if variable)

    read = 'for f in *.out; do echo "$f $(base64 -w0 $f)"; done'
    outputs = {
        name: b64decode(text).decode()
        for name, text in map(str.split, machine.run(f"cd /run/vectors; {read}").out.splitlines())
    }
    base = {*(seen("empty") or {}), "INVOCATION_ID", "_"}
    found = {}
    for number, file in enumerate(files):
        variables = seen(number)
        if variables is not None:
            variables = {name: text for name, text in variables.items() if name not in base}
        found[file] = variables
    machine.run(["systemctl", "reset-failed", "vector@*"])
    assert found == files


def test_instances_that_share_a_file(machine: Machine, counter: str) -> None:
    """The documented files of Laravel and Celery run as they are, and lose and mix no line."""
    update(
        machine,
        f"[program:w]\ncommand={counter} 0.001\nlog=file\nnumprocs=3\n"
        "process_name=%(program_name)s_%(process_num)02d\n"
        "stdout_logfile=/var/log/w.log\nstderr_logfile=/var/log/w.log\n"
        "stdout_logfile_maxbytes=4KB\nstdout_logfile_backups=999\nstderr_logfile_maxbytes=4KB\n"
        "stderr_logfile_backups=999\n",
    )
    check = machine.run("wctl check")
    assert "log" not in check.out + check.err
    wait_for(lambda: machine.exists("/var/log/w.log.20"), 60, "rotated files")
    machine.run(["wctl", "stop", "w"])
    times = Counter(numbers(files(machine, "/var/log/w.log")))
    assert [times[number] for number in range(100)] == [3] * 100
    counts = [times[number] for number in range(max(times) + 1)]
    assert counts == sorted(counts, reverse=True)
    assert files(machine, "/var/log/w.log").count(" end\n") == 3
    # Of one file, once: not three times. How many lines it has depends on the last rotation.
    assert machine.run("wctl tail -7 w").out == machine.run("tail -n 7 /var/log/w.log").out != ""


def test_a_deployment_that_moves_a_link(machine: Machine) -> None:
    """A log file is there from the start, behind links, and moves with the deployment."""
    machine.run("install -d -o daemon /srv/shop/1 /srv/shop/2 /srv/disk")
    machine.run("cd /srv/shop; ln -s 1 current; ln -s /srv/disk/w.log 2/w.log")
    machine.run("chown -h daemon /srv/shop/2/w.log; rm -f /run/go; mkfifo -m 666 /run/go")
    update(
        machine,
        "[program:w]\ncommand=sh -c 'read -r word </run/go; while echo $word; do sleep 0.1; done'\n"
        "user=daemon\nlog=file\nstdout_logfile=/srv/shop/current/w.log\nredirect_stderr=true\n",
    )
    wait_for(lambda: machine.exists("/srv/shop/1/w.log"), 10, "the file, before the first line")
    assert machine.read("/srv/shop/1/w.log") == ""
    machine.run("cd /srv/shop; ln -s 2 new; mv -T new current; echo line >/run/go")
    wait_for(lambda: machine.exists("/srv/disk/w.log"), 10, "lines at the new place")
    machine.run("wctl stop w; rm -rf /srv/shop /srv/disk")


def test_permissions(machine: Machine) -> None:
    """Files have mode 0640 and belong to their user; the group adm may read those of root.

    systemd drops the access lists of a LogsDirectory= that it gives to another user.
    """
    command = "command=sh -c 'echo x; exec sleep 1000'\nlog=file\n"
    update(machine, f"[program:theirs]\n{command}user=daemon\n[program:own]\n{command}")
    wait_for(lambda: machine.exists(SPARE.format("own")), 10, "a file")
    wait_for(lambda: machine.exists(SPARE.format("theirs")), 10, "a file")
    assert machine.run(f"stat -c '%a %U' {SPARE.format('theirs')}").out == "640 daemon\n"
    as_adm = "runuser -u nobody -g nogroup -G adm -- cat"
    assert machine.run(f"{as_adm} {SPARE.format('own')}").out == "x\n"
    assert machine.run(f"{as_adm} {SPARE.format('theirs')}", check=False).code != 0
    as_nobody = "runuser -u nobody -- cat"
    assert machine.run(f"{as_nobody} {SPARE.format('own')}", check=False).code != 0
