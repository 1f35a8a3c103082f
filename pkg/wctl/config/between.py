"""What stands between systemd and the worker: a shell, or another program that starts the worker.

The stop signal goes to the main process alone. A shell does not pass it on, but ends by it, and
leaves the worker behind. We judge by the words of the command: what a script does may change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wctl.config import calls
from wctl.config.calls import SHELLS, base
from wctl.config.model import Program

_SCRIPTS = (".sh", ".bash")
_USERS = {"su", "runuser", "sudo", "doas"}
# They start programs by a shell or as a child, and do not wait for them when a signal comes.
_TOOLS = {"npm", "npx", "yarn", "pnpm", "make", "composer", "flock", "xvfb-run"}
# They become the program that they start, or pass signals on and wait for it.
_TRANSPARENT = {
    "chpst", "chrt", "dumb-init", "env", "gosu", "ionice", "nice", "nohup", "setpriv", "setsid",
    "setuidgid", "stdbuf", "su-exec", "taskset", "timeout", "tini",
}  # fmt: skip
_TEXT = re.compile(r"-[A-Za-z]*c[A-Za-z]*")
_SHELL_WITH_VALUE = {"-o", "+o", "-O", "+O", "--rcfile", "--init-file"}
# "exec" as a command of the shell itself, with a command of its own: exec >file only redirects, and
# in a pipeline, in parentheses or before an & a child of the shell becomes the command.
_EXEC = re.compile(
    r"(?:^|[\n;&{!]|\|\||(?<![^\s;])(?:then|else|do)[ \t])[ \t]*exec[ \t]+(?![ \t]|\d*[<>&\n])"
    r"(?:'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[<>]&|&>|[$<>]\([^()]*\)|[^'\"\\\n;&|()])*"
    r"(?=[\n;]|&&|\|\||$)",
    re.DOTALL,
)
_LOGIN = re.compile(r"-[A-Za-z]*[il][A-Za-z]*|--login")
# What makes bash fork for the last command of its -c, in the text without quotes.
# Or the worker is a command before it: these do not work on messages.
_FORKS = re.compile(
    r"[|<>(){}`!]|(?<!&)&(?!&)|^\s*(?:do|done|esac|fi|time)\b"
    r"|(?:^|&&)\s*(?:echo|exit|false|kill|logger|mv|printf|return|rm|sleep|touch|true|wait|:)(?:\s[^&]*)?$"
)
_PIPE = re.compile(r"(?<!\|)\|(?!\|)")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|\$\([^()]*\)", re.DOTALL)


@dataclass(frozen=True)
class Between:
    """A program between systemd and the worker.

    ``kind`` is text (sh -c "..."), script (sh FILE, FILE.sh), user (su, sudo) or tool (npm);
    ``script`` is the shell's text, or the path of its file. ``gives_way``: as far as the text
    tells, the shell becomes its last command. The wrapper does not rely on that.
    """

    name: str
    kind: str
    script: str = ""
    gives_way: bool = False
    pipes: bool = False  # its last command is a pipeline


def of(program: Program) -> Between | None:
    """Return what stands between systemd and the worker of ``program``; None if nothing does."""
    words = _behind(tuple(word.text(program.numprocs_start) for word in program.command))
    name = base(words[0]) if words else ""
    if name == "busybox" and len(words) > 1 and base(words[1]) in SHELLS:
        words = words[1:]
        name = base(words[0])
    if name in SHELLS:
        return _shell(name, words[1:])
    if name.endswith(_SCRIPTS):
        return Between(name, "script", words[0])
    if name in _USERS:
        return Between(name, "user")
    return Between(name, "tool") if name in _TOOLS else None


def seconds(program: Program) -> int:
    """Return the seconds that a worker gets which a shell leaves behind; 0 if none does.

    With stopasgroup, systemd signals all processes itself; killasgroup asks us to kill them.
    """
    if program.stopasgroup or program.killasgroup or of(program) is None:
        return 0
    return program.stopwaitsecs


def execs(text: str) -> bool:
    """Tell whether shell text has the shell become another program."""
    return _EXEC.search(text) is not None


def _behind(words: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out the programs that are not in the way of a signal, with their options."""
    while words and base(words[0]) in _TRANSPARENT:
        words = words[calls.of_helper(words) :]
    return words


def _shell(name: str, words: Sequence[str]) -> Between | None:
    text = login = False
    at = 0
    while at < len(words) and words[at].startswith(("-", "+")):
        login = login or _LOGIN.fullmatch(words[at]) is not None
        text = text or _TEXT.fullmatch(words[at]) is not None
        at += 2 if words[at] in _SHELL_WITH_VALUE else 1
    if at >= len(words):
        return None  # it reads its stdin
    if text:
        if execs(words[at]):
            return None
        # bash 5.1 does so with a plain last command; older ones if there is only this command.
        last = _last(words[at])
        gives_way = name == "bash" and not (login or _FORKS.search(last))
        return Between(name, "text", words[at], gives_way, _PIPE.search(last) is not None)
    return Between(name, "script", words[at])


def _last(text: str) -> str:
    """Return the last command of a shell's text, without what is quoted."""
    return re.split(r"[\n;]", _QUOTED.sub("x", text).rstrip(" \t\n;"))[-1]
