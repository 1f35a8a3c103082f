"""Carries out supervisorctl's command lines: one, or those typed at a prompt or read from stdin."""

from __future__ import annotations

import cmd
import importlib
import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from wctl.api.ctl.face import FAILURE, Face
from wctl.api.ctl.words import HELP, show_help
from wctl.api.faults import Fault
from wctl.errors import ConfigError, WctlError
from wctl.trust.text import printable

# The module of each verb, which we import when the verb is used.
_VERBS = {
    **dict.fromkeys(("pid", "restart", "signal", "start", "status", "stop"), "process_verbs"),
    **dict.fromkeys(("clear", "fg", "maintail", "tail"), "log_verbs"),
    **dict.fromkeys(("add", "avail", "reload", "remove", "reread", "update"), "group_verbs"),
    **dict.fromkeys(("open", "shutdown", "version"), "server_verbs"),
}
_OF_GROUPS = ("add", "remove", "update")
_OF_PROCESSES = ("clear", "fg", "pid", "restart", "signal", "start", "status", "stop", "tail")
_ENDS = ("exit", "quit", "EOF")


class Controller(cmd.Cmd):
    """supervisorctl's interpreter; the library's loop reads and edits lines."""

    prompt = "supervisor> "

    def __init__(self, face: Face) -> None:
        super().__init__()
        self._face = face

    def onecmd(self, line: str) -> bool:
        """Carry out a line; return whether it was the last. Errors are printed."""
        verb, argument, line = self.parseline(line)
        if not line:
            return False
        if verb in _ENDS:
            self._face.say("")
            return True
        try:
            if verb == "help":
                self._help(argument or "")
            elif verb is not None and verb in _VERBS:
                module = importlib.import_module(f"wctl.api.ctl.{_VERBS[verb]}")
                getattr(module, f"do_{verb}")(self._face, argument or "")
            else:
                self._face.fail(f"*** Unknown syntax: {line}")
        except OSError as error:  # about a file, which no lower function has explained
            name = printable(os.fsdecode(error.filename)) if error.filename else "wctl"
            self._failed(WctlError(f"{name}: {printable(error.strerror or str(error))}"))
        except (WctlError, Fault) as error:
            self._failed(error)
        return False

    def talk(self, history: Path | None) -> None:
        """Read lines until the end; a terminal has completion and, in a file, a history."""
        with suppress(ImportError):
            _prepare_readline(history)
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")  # names need not be text
        self.cmdqueue.append("status")
        try:
            self.cmdloop()
        except KeyboardInterrupt:
            self._face.say("")
        finally:
            if history is not None:
                _save(history)

    def complete(self, text: str, state: int) -> str | None:  # type: ignore[override] # readline's
        """Return completion number ``state`` for readline; None after the last."""
        import readline

        if state == 0:
            self._found = self._completions(readline.get_line_buffer(), text)
        return self._found[state] if state < len(self._found) else None

    def _completions(self, line: str, text: str) -> list[str]:
        words = line.split()
        if not words or (len(words) == 1 and not line.endswith(" ")) or words[0] == "help":
            found: Iterable[str] = sorted({*HELP, *_ENDS[:2]})
        elif words[0] in _OF_GROUPS:
            found = sorted(self._face.groups.known())
        elif words[0] in _OF_PROCESSES:
            self._face.processes.refresh()  # the line before may have changed them
            members = self._face.processes.names().members
            found = [member.full for member in members]
            if ":" in text or any(member.group != member.name for member in members):
                found += dict.fromkeys(f"{member.group}:*" for member in members)
        else:
            found = []
        return [f"{word} " for word in found if word.startswith(text)]

    def _help(self, verb: str) -> None:
        if verb in HELP:
            show_help(self._face, verb)
        elif verb:
            self._face.say(f"*** No help on {verb}")
        else:
            self._face.say("")
            self._face.say("Verbs (type help VERB):")
            self._face.say("=======================")
            names = [f"{name:<10}" for name in sorted(HELP)]
            for first in range(0, len(names), 8):
                self._face.say("".join(names[first : first + 8]).rstrip())
            self._face.say("")

    def _failed(self, error: WctlError | Fault) -> None:
        self._face.session.reconnect()  # for the next line at the prompt
        if isinstance(error, ConfigError):
            for diagnostic in error.diagnostics:
                self._face.say(f"error: {diagnostic}")
        hint = error.hint if isinstance(error, WctlError) else ""
        self._face.fail(f"error: {error}{f' ({hint})' if hint else ''}", FAILURE)


def _prepare_readline(history: Path | None) -> None:
    """Take the characters of names for letters, and keep the lines in a file."""
    import readline

    letters = set(":*-@")
    readline.set_completer_delims("".join(set(readline.get_completer_delims()) - letters))
    if history is not None:
        with suppress(OSError):
            readline.read_history_file(history)


def _save(history: Path) -> None:
    with suppress(OSError, ImportError):
        import readline

        readline.write_history_file(history)
