"""The template unit of one program, put together directive by directive."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from wctl.config.model import Program, log_file
from wctl.systemd import unit_name
from wctl.systemd.unit_file import SINCE, Raw, Section, Unit, Word, fits
from wctl.units import environment, hardening, limits
from wctl.units.exec_start import INSTANCE, Arguments, for_wrapper
from wctl.units.host import Host
from wctl.units.marker import DOCUMENTATION, default_process_name, name_source, new_unit
from wctl.wrapper.command_line import START_GRACE
from wctl.wrapper.exits import GIVE_UP_SIGNAL

GIVE_UP = f"SIGRTMIN+{GIVE_UP_SIGNAL - signal.SIGRTMIN}"

# systemd takes a death by these signals for a clean exit (systemd.service(5), Restart=).
_CLEAN_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
# A worker is READY after a second or more, and every further try waits at least a second. So the
# worker does not cause more starts than this: systemd itself fails before it runs any process (the
# user of User= is gone, for example), and the wrapper cannot count those starts.
_STORM = (30, 60)  # seconds, starts


class Service:
    """The template unit of one program, put together directive by directive."""

    def __init__(
        self, program: Program, host: Host, names: Mapping[str, str], after: tuple[str, ...]
    ) -> None:
        self._program = program
        self._host = host
        self._names = names
        self._after = after
        self._arguments = Arguments(program, host)

    def unit(self) -> Unit:
        name = f"{self._program.name}@.service"
        program = self._program
        unit = new_unit(name, program.place.file, f"{program.title} worker ", INSTANCE)
        self._unit(unit.section("Unit"))
        service = unit.section("Service")
        for part in (
            self._exec,
            self._restart,
            self._stop,
            self._identity,
            self._environment,
            self._output,
        ):
            part(service)
            service.blank()
        limits.add(service, program)
        service.blank()
        self._hardening(service)
        service.blank()
        service.lines.pop()
        unit.section("Install").set("WantedBy", f"{program.name}.target")
        for directive in program.passed_through:
            unit.section(directive.section).raw(directive.key, directive.value)
        return unit

    def _unit(self, unit: Section) -> None:
        program = self._program
        unit.set("Documentation", DOCUMENTATION)
        unit.set("PartOf", f"{program.name}.target")
        if program.group != program.name:
            unit.set("PartOf", f"{program.group}.target")
        if program.socket is not None:
            unit.comment("A socket can be opened anew only after all workers have closed it.")
            unit.set("PartOf", f"{program.name}.socket")
        if not self._host.user:
            unit.set("After", "network.target")
        for name in self._after:
            unit.set("After", f"{name}.target")
        for key, names in (
            ("After", program.after),
            ("Requires", program.requires),
            ("Wants", program.wants),
        ):
            for name in names:
                unit.set(key, self._unit_of(name))
        # The wrapper counts failed starts; systemd's own limit would also count healthy restarts.
        # We set no limit for a worker that may become READY in under a second: it may legitimately
        # exit and restart four times a second, which looks the same to systemd as a start that
        # fails in systemd itself. No exit code could tell them apart either, since a worker may use
        # any of them. "wctl status" tells them apart.
        if program.ready == "startsecs" and program.startsecs > 0:
            unit.set("StartLimitIntervalSec", f"{_STORM[0]}s")
            unit.set("StartLimitBurst", str(_STORM[1]))
        else:
            unit.set("StartLimitIntervalSec", "0")
        # If wctl has been removed, one line says so; otherwise every restart would fail on its own.
        unit.set("AssertPathExists", self._host.wrapper[-1])
        name_source(unit, program.place.file)
        unit.set("X-Wctl-Group", program.group)
        unit.set("X-Wctl-Numprocs", str(program.numprocs))
        unit.set("X-Wctl-Numprocs-Start", str(program.numprocs_start))
        if unit_name.escape(program.group_title) != program.group:
            unit.raw("X-Wctl-Group-Title", unit_name.quoted(program.group_title))
        process = for_wrapper(program.process_name)
        if process != default_process_name(program.title, program.numprocs):
            unit.raw("X-Wctl-Process", unit_name.quoted(process))

    def _unit_of(self, name: str) -> str:
        return f"{self._names[name]}.target" if name in self._names else name

    def _exec(self, service: Section) -> None:
        program = self._program
        service.set("Type", "notify")
        # The wrapper's notifier, which is not the main process, sends READY.
        service.set("NotifyAccess", "all")
        service.command(
            "ExecStart",
            [[word] for word in self._host.wrapper],
            [*self._arguments.options(), [Raw("%n")], ["--"]],
            self._arguments.command(),
        )
        counter = [Raw("%t/"), *self._runtime_directory(), "/failed-starts"]
        if program.ready == "notify":
            service.command("ExecStartPost", [["/bin/rm"], ["-f"], counter])
        elif program.startsecs == 0:
            service.comment("READY at once; the start counts as failed only if the worker crashes.")
            test = '[ "$EXIT_CODE:$EXIT_STATUS" != exited:0 ] || rm -f "$1"'
            if program.max_runtime is not None:  # systemd stops an old worker, perhaps by a signal
                test = f'[ "$SERVICE_RESULT" != timeout ] && {test}'
            service.command("ExecStopPost", [["/bin/sh"], ["-c"], [test], ["sh"], counter])
        service.set("RuntimeDirectory", *self._runtime_directory())
        service.set("RuntimeDirectoryPreserve", "restart")
        service.set("TimeoutStartSec", f"{self._start_timeout()}s")

    def _runtime_directory(self) -> list[Word]:
        name = self._program.name
        if unit_name.directory(name) == name:
            return ["wctl/", Raw("%n")]
        return [f"wctl/{unit_name.directory(name)}@", INSTANCE, ".service"]

    def _start_timeout(self) -> int:
        program = self._program
        until_ready = program.startsecs if program.ready == "startsecs" else program.ready_timeout
        # For one try: the wrapper extends the timeout by each wait between two tries (backoff.py).
        return until_ready + START_GRACE

    def _restart(self, service: Section) -> None:
        program = self._program
        if program.autorestart == "true":
            service.set("Restart", "always")
        elif program.autorestart == "false":
            service.comment(
                "The wrapper retries failed starts; after READY, nothing restarts the worker."
            )
            service.set("Restart", "no")
        else:
            service.set("Restart", "on-failure")
            service.set("SuccessExitStatus", " ".join(map(str, program.exitcodes)))
            forced = [clean.name for clean in _CLEAN_SIGNALS]
            forced += [] if 0 in program.exitcodes else ["0"]
            service.set("RestartForceExitStatus", " ".join(forced))
        service.set("RestartSec", "100ms")
        if program.autorestart != "false" and self._has_on_failure():
            self._restart_directly(service)
        service.comment("The wrapper dies by this signal when it gives up (FATAL).")
        service.set("RestartPreventExitStatus", GIVE_UP)
        if program.max_runtime is not None:
            service.set("RuntimeMaxSec", program.max_runtime)
        if program.max_runtime_jitter is not None:
            self._since(service, "RuntimeRandomizedExtraSec", program.max_runtime_jitter)

    def _has_on_failure(self) -> bool:
        return any(
            (directive.section, directive.key) == ("Unit", "OnFailure") and directive.value
            for directive in self._program.passed_through
        )

    def _restart_directly(self, service: Section) -> None:
        """Keep OnFailure= for FATAL: from version 254 on, systemd acts on it at each failed run.

        Programs without OnFailure= do better without: the job of a start would last until the
        worker is READY or FATAL, so a boot would wait for all tries, and systemd forgets to tell
        journald the invocation ID of later runs.
        """
        if self._host.systemd >= SINCE["RestartMode"]:
            service.comment("OnFailure= is for FATAL, and not for every exit that is restarted.")
            service.set("RestartMode", "direct")

    def _since(self, service: Section, key: str, value: str) -> None:
        if self._host.systemd >= SINCE[key]:
            service.set(key, value)

    def _stop(self, service: Section) -> None:
        program = self._program
        service.set("KillMode", "control-group" if program.stopasgroup else "mixed")
        service.set("KillSignal", program.stopsignal.name)
        # To Supervisor 0 means "kill at once", to systemd "never kill".
        wait = f"{program.stopwaitsecs}s" if program.stopwaitsecs else "1ms"
        service.set("TimeoutStopSec", wait)

    def _identity(self, service: Section) -> None:
        program = self._program
        if program.user is not None and not self._host.user:
            service.set("User", program.user)
        if program.directory is not None and not self._arguments.expand:
            # With the "-" a missing directory is an ordinary failed start, which the wrapper
            # counts. If no unit can spell the directory's name, only the wrapper goes there.
            words = self._arguments.words(program.directory)
            if fits(*words):
                service.set("WorkingDirectory", "-", *words)
        service.set("UMask", f"{0o022 if program.umask is None else program.umask:04o}")

    def _environment(self, service: Section) -> None:
        environment.add(service, self._program, self._host.environment_directory)
        for credential in self._program.credential:
            service.set("LoadCredential", credential)

    def _output(self, service: Section) -> None:
        program = self._program
        service.set("SyslogIdentifier", f"{program.name}@", INSTANCE)
        off = {name for name in ("stdout", "stderr") if program.silent(name)}
        if program.socket is not None:
            service.comment("The socket is file descriptor 0; output goes elsewhere.")
            service.set("Sockets", f"{program.name}.socket")
            service.set("StandardInput", "socket")
            service.set("StandardOutput", "null" if "stdout" in off else "journal")
        elif "stdout" in off:
            service.set("StandardOutput", "null")
        if program.redirect_stderr:
            service.set("StandardError", "inherit")
        elif "stderr" in off:
            service.set("StandardError", "null")
        elif program.socket is not None or "stdout" in off:  # systemd's default: same as stdout
            service.set("StandardError", "journal")
        if len(off) < 2:
            service.comment(
                "No rate limit: journald drops lines of busy workers by default."
                " (0 would select that default.)"
            )
            service.set("LogRateLimitIntervalSec", "1us")
            service.set("LogsDirectory", f"wctl/{unit_name.directory(program.name)}")
            service.set("LogsDirectoryMode", "0750")

    def _hardening(self, service: Section) -> None:
        program = self._program
        service.comment(f"hardening = {program.hardening}")
        root = program.user in {None, "root", "0"}
        for key, value in hardening.directives(program.hardening, user=self._host.user, root=root):
            service.set(key, value)
        if program.hardening == "strict":
            for directory in sorted(_log_directories(program)):
                service.listed("ReadWritePaths", f"-{directory}")


def _log_directories(program: Program) -> set[str]:
    """Return the directories of the log files, without those that differ between instances."""
    paths = (log_file(program.stdout_logfile), log_file(program.stderr_logfile))
    directories = {path.marked().rpartition("/")[0] for path in paths if path is not None}
    return {
        directory
        for directory in directories
        if directory.isprintable() and directory.startswith("/")
    }
