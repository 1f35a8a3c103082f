"""Runs commands as systemd runs a program's worker: with its user, directory and variables."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wctl.config.model import Program
from wctl.systemd import env_file
from wctl.systemd.manager import Manager
from wctl.trust import accounts, commands, files
from wctl.trust.commands import Answer, RefusedError
from wctl.trust.text import shell_join, shell_quote
from wctl.units import environment, run_as

_PROPERTIES = ("LoadState", "FragmentPath", "NeedDaemonReload", "User", "Group", "DynamicUser")


@dataclass(frozen=True)
class Identity:
    """The user and group that systemd runs a unit as."""

    account: pwd.struct_passwd | None = None  # None: the manager's own
    group: str = ""  # "": that of the account


def identity(manager: Manager, program: Program, unit: str) -> Identity:
    """Return as whom systemd runs ``unit`` of ``program``, drop-ins included.

    Raises:
        RefusedError: we cannot tell, the user exists only while the unit runs, or the unit is not
            yet what the configuration says: the commands belong to the user who stands there.
    """
    found = manager.properties([(unit, _PROPERTIES)])[unit]
    if found["LoadState"] != "loaded":
        raise RefusedError(f"systemd cannot load {unit}, so its user is unknown")
    if not manager.user:
        _check_current(program, found)
    if found["DynamicUser"]:
        raise RefusedError("its user exists only while it runs (DynamicUser=)")
    user, group = str(found["User"]), str(found["Group"])
    if not (user or manager.user or os.geteuid() == 0):
        raise RefusedError(commands.NEEDS_ROOT)
    account = accounts.find(user) if user else None
    if user and account is None:
        raise RefusedError(f"its user {user} is unknown")
    if group and accounts.group(group) is None:
        raise RefusedError(f"its group {group} is unknown")
    return Identity(account, group)


def _check_current(program: Program, found: Mapping[str, Any]) -> None:
    """Compare the users and groups of the configuration, of the unit's file, and of systemd.

    Raises:
        RefusedError: the file differs, or systemd does without a drop-in that it has read.
    """
    try:
        text = files.read(found["FragmentPath"]).decode(errors="replace")
    except OSError as error:
        raise RefusedError(f"{error.filename}: {error.strerror}") from None
    if run_as.written(text) != run_as.directives(program):
        raise RefusedError(
            "the user and groups of its unit are not those of the configuration; run 'wctl update'"
            " first"
        )
    wanted = run_as.of(program)
    loaded = (found["User"], found["Group"], found["DynamicUser"])
    if found["NeedDaemonReload"] and loaded != (wanted.user, wanted.group, wanted.dynamic):
        raise RefusedError(
            "its unit has changed since systemd read it; run 'systemctl daemon-reload' first"
        )


class Runner:
    """Runs commands for one program."""

    def __init__(
        self,
        program: Program,
        environment: Path,
        identity: Identity,
        *,
        timeout: float,
        user: bool,
    ) -> None:
        """Prepare commands of at most ``timeout`` seconds, as the user of ``identity``.

        ``environment`` is the directory with the variables of instances. ``user`` means that the
        user's own systemd runs the program.
        """
        self.program = program
        self.timeout = timeout
        self._environment = environment
        self._user = user
        self._account = identity.account
        self._group = identity.group

    def shown(self, command: Sequence[str]) -> str:
        """Return the line that root types to run ``command`` as run() does."""
        files = self._files()
        if files:
            return shell_join([*self._service(files), *command])
        directory = self._directory()
        if self._account is None or self._account.pw_uid == os.geteuid():
            inside = f"cd {shell_quote(directory)} && " if directory else ""
            return f"{inside}{shell_join(command)}"
        user = self._account.pw_name
        group = ["-g", self._group] if self._group else []
        # The user enters the directory: root could be led anywhere.
        entering = ["env", f"--chdir={directory}", "--"] if directory else []
        # --pty: at root's own terminal, a program of another user could type (TIOCSTI).
        return shell_join(["runuser", "--pty", "-u", user, *group, "--", *entering, *command])

    def _service(self, files: Sequence[str]) -> list[str]:
        """Return systemd-run's words; systemd reads the variables from files, so we show none."""
        # --pty with --pipe: a terminal of its own in place of root's, a pipe as it is.
        words = ["systemd-run", "--quiet", "--wait", "--pty", "--pipe", "--collect"]
        words += ["--user"] if self._user else []
        words += [f"--uid={self._account.pw_name}"] if self._account is not None else []
        words += [f"--gid={self._group}"] if self._group else []
        directory = self._directory()
        words += [f"--working-directory={directory}"] if directory else []
        return [*words, *(f"--property=EnvironmentFile={file}" for file in files)]

    def _files(self) -> list[str]:
        """Return the files of variables; a later file overrides an earlier one."""
        program = self.program
        files = list(program.environment_file)
        if environment.has_file(program):
            files.append(env_file.pattern(f"{self._environment}/{program.name}.env"))
        return files

    def run(self, command: Sequence[str]) -> Answer:
        """Run ``command`` in a session of its own; kill its process group after the timeout.

        Raises:
            RefusedError: we are neither root nor the program's user.
        """
        return commands.run(
            command,
            self._account,
            group=accounts.group(self._group) if self._group else None,
            timeout=self.timeout,
            directory=self._directory() or self._default_directory(),
            environ=self._variables(),
        )

    def _directory(self) -> str | None:
        directory = self.program.directory
        return None if directory is None else directory.text(self.program.numprocs_start)

    def _default_directory(self) -> str:
        """Return where systemd runs a unit without WorkingDirectory= (systemd.exec(5))."""
        return str(accounts.home()) if self._user else "/"

    def _variables(self) -> dict[str, str]:
        """Return the variables that systemd gives the worker of the first instance."""
        program = self.program
        home = {"HOME": os.environ["HOME"]} if "HOME" in os.environ else {}
        return {
            "PATH": environment.DEFAULT_PATH,
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            **(home if self._account is None else environment.of_user(self._account)),
            **environment.of_worker(program, program.numprocs_start, self._environment, _read),
        }


def _read(file: Path, _optional: bool) -> Mapping[str, str]:
    try:
        return env_file.parse(files.read(file).decode(errors="surrogateescape"))
    except OSError:
        return {}
