"""Machines for tests: boot one, run commands in it, reboot it, cut its power.

    with Machine.boot("demo", image="bookworm") as machine:
        machine.run(["systemctl", "start", "messenger-worker@00"])
        machine.reboot()

`bed` runs the machines; image.py makes their root file systems.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, TypeVar, Union, cast

from machine.image import BED, lowers
from machine.image import cgroups as default_cgroups

FULL = "WCTL_TEST_FULL" in os.environ  # tests/run --full
# Seconds. A wait ends with its event, so only a failure takes PATIENCE. On a busy machine an event
# may be late by LATE: a test can assert exactly that an event is not too early, not that it is in
# time.
PATIENCE = 60.0
LATE = 30.0

Command = Union[str, Sequence[str]]
T = TypeVar("T")

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}


class MachineError(Exception):
    """A machine did not do what it was told to."""


@dataclass(frozen=True)
class Result:
    """The result of a command: its exit code, or minus the signal number, and its output."""

    code: int
    out: str
    err: str


class CommandError(MachineError):
    """A command failed that had to succeed."""

    def __init__(self, machine: str, command: Command, result: Result, why: str = "") -> None:
        line = command if isinstance(command, str) else shlex.join(command)
        parts = [f"on {machine}: {line}", why or f"exit code {result.code}"]
        parts += [f"stdout:\n{result.out.rstrip()}"] if result.out.strip() else []
        parts += [f"stderr:\n{result.err.rstrip()}"] if result.err.strip() else []
        super().__init__("\n".join(parts))
        self.result = result


def wait_for(
    predicate: Callable[[], T | None], timeout: float, what: str, *, interval: float = 0.05
) -> T:
    """Polls until `predicate` returns a true value, and returns this value.

    Use it where nothing sends an event to wait for. `timeout` is the time in seconds that an idle
    machine needs; we wait for at least PATIENCE. On a timeout, the error names `what` and the last
    value seen, so `predicate` should return a value that tells why it is false.
    """
    timeout = max(timeout, PATIENCE)
    deadline = time.monotonic() + timeout
    while True:
        try:
            value = predicate()
        except CommandError as error:  # such as a file that is not there yet
            value, seen = None, str(error)
        else:
            seen = repr(value)
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what}; last seen: {seen}")
        time.sleep(interval)


def reap() -> None:
    """Kills machines that earlier test runs have left behind, see unique_name()."""
    subprocess.run([str(BED), "reap"], check=True)


def unique_name(purpose: str) -> str:
    """Returns a name with our process ID: a later run may kill the machine when we are gone."""
    return f"{purpose}-{os.getpid()}"


class Machine:
    """A booted throw-away machine with systemd as its PID 1."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._pid = self._bed("pid")

    # ---- power ---------------------------------------------------------------------------

    @classmethod
    def boot(
        cls,
        name: str,
        image: str = "bookworm",
        *,
        net: bool = False,
        binds: Sequence[str] = (),
        keep: Path | None = None,
        cgroups: str | None = None,
    ) -> Machine:
        """Boots a machine.

        image    SUITE or SUITE/LAYER of image.py; built first where it is not cached
        net      the host's network, instead of loopback alone
        binds    "SRC:DST" or "SRC:DST:ro": directories of the host
        keep     a directory for what the machine writes, instead of memory
        cgroups  the layout inside: "v1" (limits are enforced; the default where the suite's
                 systemd knows it) or "v2"
        """
        cgroups = cgroups or default_cgroups(image.partition("/")[0])
        options = [word for path in lowers(image) for word in ("--lower", str(path))]
        options += [word for bind in binds for word in ("--bind", bind)]
        options += ["--net", "host" if net else "none", "--cg", cgroups]
        options += ["--keep", str(keep)] if keep else []
        _call_bed("up", name, *options)
        return cls(name)

    def reboot(self, timeout: float = 180) -> None:
        """Reboots by `systemctl reboot` and returns when the new boot has finished."""
        before = self.boot_id()
        # PID 1 may be gone before it has answered systemctl.
        self.run(["systemctl", "reboot"], check=False)
        wait_for(self._has_new_init, timeout, f"{self.name} to come back from its reboot")
        self._booted_since(before)

    def power_cut(self) -> None:
        """Kills everything at once, then boots again with the same files."""
        before = self.boot_id()
        self._bed("reset")
        self._booted_since(before)

    def down(self) -> None:
        """Shuts down cleanly; nothing of the machine is left."""
        self._bed("down")

    def kill(self) -> None:
        """Ends the machine at once; nothing of it is left."""
        self._bed("kill")

    def boot_id(self) -> str:
        return self.read("/proc/sys/kernel/random/boot_id").strip()

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *exception: object) -> None:
        self.down()

    def _has_new_init(self) -> bool:
        found = subprocess.run(
            [str(BED), "pid", self.name], capture_output=True, text=True, check=False
        )
        return found.returncode == 0 and found.stdout.strip() != self._pid

    def _booted_since(self, before: str) -> None:
        self._bed("wait")
        self._pid = self._bed("pid")
        if self.boot_id() == before:
            raise MachineError(f"{self.name} did not boot again: its boot id is still {before}")

    def _bed(self, verb: str, *arguments: str) -> str:
        return _call_bed(verb, self.name, *arguments)

    # ---- commands ------------------------------------------------------------------------

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        timeout: float = 60,
        input: str | None = None,
    ) -> Result:
        """Runs a command in the machine, but in no unit; a string goes through `sh -c`."""
        process = self.popen(command, user=user, env=env, cwd=cwd, stdin=subprocess.PIPE)
        return self._finish(process, command, check, timeout, input)

    def service_run(
        self,
        command: Command,
        *,
        properties: Sequence[str] = (),
        check: bool = True,
        timeout: float = 60,
        input: str | None = None,
    ) -> Result:
        """Runs a command in the machine as a transient service, in its own cgroup."""
        options = [word for setting in properties for word in ("-p", setting)]
        argv = ["systemd-run", "--quiet", "--wait", "--pipe", "--collect", *options, "--"]
        return self.run(argv + _argv(command), check=check, timeout=timeout, input=input)

    def popen(
        self,
        command: Command,
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        """Starts a command inside; end it with stop()."""
        argv = ["nsenter", f"--target={self._pid}", "--all", f"--wdns={cwd}", "--"]
        # setsid makes a process group that stop() can signal. Without --default-signal, the command
        # would also ignore the signals that the test run ignores (SIGINT in a shell's background
        # job), and stop() would wait in vain.
        argv += ["setsid", "env", "-i", "--default-signal"]
        argv += [f"{key}={value}" for key, value in {**ENVIRONMENT, **(env or {})}.items()]
        argv += ["runuser", "-u", user, "--"] if user else []
        return subprocess.Popen(
            argv + _argv(command),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=True,  # a Ctrl-C at the terminal is for us, not for the machine
        )

    def stop(
        self,
        process: subprocess.Popen[str],
        how: signal.Signals = signal.SIGKILL,
        timeout: float = 30,
    ) -> Result:
        """Ends a process of popen() and returns what it has printed.

        Raises:
            CommandError: the process did not end within `timeout` seconds, and was killed.
        """
        wait_for(lambda: _signal_inside(process, how), 20, f"process {process.pid} to start")
        try:
            out, err = process.communicate(timeout=timeout)
            return Result(process.returncode, out or "", err or "")
        except subprocess.TimeoutExpired:
            pass
        _signal_inside(process, signal.SIGKILL)
        try:
            out, err = process.communicate(timeout=10)
            why = f"did not end within {timeout:g} s of {how.name}"
        except subprocess.TimeoutExpired as late:
            # A child in another session still holds the pipes.
            process.kill()
            out, err = _text(late.stdout), _text(late.stderr)
            why = f"a child still holds its output {timeout:g} s after {how.name}"
        result = Result(process.returncode or 0, out or "", err or "")
        command = cast("list[str]", process.args)
        raise CommandError(self.name, command, result, why)

    def _finish(
        self,
        process: subprocess.Popen[str],
        command: Command,
        check: bool,
        timeout: float,
        input: str | None,
    ) -> Result:
        try:
            out, err = process.communicate(input or "", timeout=timeout)
        except subprocess.TimeoutExpired:
            result = self.stop(process)
            raise CommandError(
                self.name, command, result, f"did not end within {timeout:g} s"
            ) from None
        except BaseException:  # such as pytest's Ctrl-C: leave no process behind
            self.stop(process)
            raise
        result = Result(process.returncode, out, err)
        if check and result.code != 0:
            raise CommandError(self.name, command, result)
        return result

    def condition(self) -> str:
        """Returns the machine's processes and its last messages; for the report of a failure."""
        look = (
            "ps -eo pid,ppid,stat,etimes,unit,args --forest; journalctl -b -n 150 -o short-precise"
        )
        try:
            return self.run(look, check=False, timeout=20).out
        except (CommandError, TimeoutError, OSError) as error:
            return f"cannot be read: {error}"

    # ---- files ---------------------------------------------------------------------------

    def write(self, path: str, text: str, mode: int = 0o644, owner: str = "root:root") -> None:
        """Writes a file, with its directories."""
        user, _, group = owner.partition(":")
        install = ["install", "-D", "-m", f"{mode:o}", "-o", user, "-g", group or user]
        self.run([*install, "/dev/stdin", path], input=text)

    def read(self, path: str) -> str:
        return self.run(["cat", path]).out

    def exists(self, path: str) -> bool:
        return self.run(["test", "-e", path], check=False).code == 0

    def copy_in(self, source: Path, target: str, files: Sequence[str] = (".",)) -> None:
        """Copies `files` of the host's directory `source` into the directory `target`."""
        self.run(["mkdir", "-p", target])
        pack = ["tar", "-C", str(source), "--exclude=__pycache__", "--null", "--files-from=-", "-c"]
        # A file that git lists but a user has just deleted is no reason to fail.
        packed = subprocess.run(
            [*pack, "--owner=0", "--group=0", "--ignore-failed-read"],
            input="\0".join(files).encode(),
            capture_output=True,
            check=False,
        )
        if packed.returncode > 1:
            raise MachineError(f"tar of {source}: {packed.stderr.decode()}")
        unpack = ["nsenter", f"--target={self._pid}", "--all", "--", "tar", "-C", target, "-x"]
        subprocess.run(unpack, input=packed.stdout, check=True)

    def copy_out(self, source: str, target: Path) -> None:
        """Copies one file of the machine to the host."""
        cat = ["nsenter", f"--target={self._pid}", "--all", "--", "cat", source]
        target.write_bytes(subprocess.run(cat, stdout=subprocess.PIPE, check=True).stdout)


class Machines:
    """Machines that several test modules share, by purpose and release, until the block ends.

    pytest would end a fixture for one release before the first test on another release.
    """

    def __init__(self) -> None:
        self._booted: dict[str, Machine] = {}

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *exception: object) -> None:
        for machine in self._booted.values():
            machine.kill()

    def get(self, purpose: str, suite: str, provide: Callable[[Machine], None]) -> Machine:
        """Returns a machine; the first call boots it, and `provide` installs what it needs."""
        name = f"{purpose}-{suite}"
        if name not in self._booted:
            machine = Machine.boot(unique_name(name), suite)
            try:
                provide(machine)
            except BaseException:
                machine.kill()
                raise
            self._booted[name] = machine
        return self._booted[name]


def _text(output: bytes | str | None) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else output or ""


def _argv(command: Command) -> list[str]:
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def _signal_inside(nsenter: subprocess.Popen[str], how: signal.Signals) -> bool:
    """Signals the process group that nsenter has started; returns False while there is none yet.

    We do not signal nsenter itself: the command that it forked into the machine would become a
    child of the host's init. At shutdown, the machine's systemd would wait up to 90 s until the
    host's init has reaped the command.
    """
    if nsenter.poll() is not None:
        return True
    try:
        children = Path(f"/proc/{nsenter.pid}/task/{nsenter.pid}/children").read_text().split()
        os.killpg(int(children[0]), how)
    except (IndexError, OSError):  # not forked yet, not in a group of its own yet, or just ended
        return False
    return True


def _call_bed(verb: str, name: str, *arguments: str) -> str:
    done = subprocess.run(
        [str(BED), verb, name, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=180,  # its own limits are 60 s and less
    )
    if done.returncode != 0:
        raise MachineError(f"bed {verb} {name}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()
