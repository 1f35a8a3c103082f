"""The commands that a command line runs in the end, behind helpers, shells and interpreters.

``nice -n 5 sh -c "cd /srv && exec php -d x=1 bin/console messenger:consume"`` runs the script
bin/console. Programs that start another one in a way we do not know are the command themselves.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ash", "ksh", "mksh"})
_INTERPRETER = re.compile(r"(php|python|pypy|ruby|perl|node|nodejs)[0-9.]*(?:-cli)?")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)


@dataclass(frozen=True)
class _Helper:
    """A program that runs the command in its arguments."""

    valued: str = ""  # its options whose value is the next word
    operands: int = 0  # words between its options and the command
    assignments: bool = False  # NAME=VALUE may stand before the command


_HELPERS = {
    "env": _Helper("-u --unset -C --chdir", assignments=True),
    "nice": _Helper("-n --adjustment"),
    "ionice": _Helper("-c --class -n --classdata"),
    "chrt": _Helper(operands=1),
    "taskset": _Helper(operands=1),
    "stdbuf": _Helper("-i -o -e --input --output --error"),
    "timeout": _Helper("-k --kill-after -s --signal", operands=1),
    "flock": _Helper("-w --wait --timeout -E --conflict-exit-code", operands=1),
    "xvfb-run": _Helper("-n --server-num -s --server-args -e --error-file -f"),
    "chpst": _Helper("-u -U -b -/ -e -n -l -L -m -d -o -p -f -c -r -t"),
    "sudo": _Helper(
        "-u --user -g --group -h --host -p --prompt -C --close-from -D --chdir -T -r -t -U",
        assignments=True,
    ),
    "setpriv": _Helper(
        "--reuid --regid --ruid --rgid --euid --egid --groups --inh-caps --ambient-caps"
        " --bounding-set --securebits --pdeathsig --selinux-label --apparmor-profile"
    ),
    "runuser": _Helper("-u --user -g --group -G --supp-group"),
    "bundle": _Helper(operands=1),  # exec
    "poetry": _Helper(operands=1),  # run
    "pipenv": _Helper(operands=1),
    "uv": _Helper(operands=1),
    **dict.fromkeys(("gosu", "su-exec", "setuidgid", "s6-setuidgid"), _Helper(operands=1)),
    **dict.fromkeys(
        ("exec", "command", "nohup", "setsid", "time", "dumb-init", "tini", "catatonit",
         "with-contenv", "docker-entrypoint.sh", "docker-php-entrypoint", "symfony"),
        _Helper("-a"),
    ),
}  # fmt: skip

# Of interpreters: the options whose value is the next word, and those that are followed by code.
_VALUED = {
    "php": {"-d", "-c", "-z"},
    "python": {"-W", "-X", "--check-hash-based-pycs"},
    "ruby": {"-I", "-r", "-C", "-E"},
    "perl": {"-I"},
    "node": {"-r", "--require", "--import", "--loader", "-C", "--conditions"},
    "sh": {"-o", "-O"},
}
_CODE = {
    "php": {"-r", "-B", "-R", "-E"},
    "python": {"-c"},
    "ruby": {"-e"},
    "perl": {"-e", "-E", "-n", "-p", "-ne", "-pe"},
    "node": {"-e", "--eval", "-p", "--print"},
    "sh": {"-c", "-s"},
}
_TO_SCRIPT = {"-m", "-f", "--file", "--"}  # the script, or module of Python, is the next word
_FAMILY = {"pypy": "python", "nodejs": "node"}
_KEYWORDS = frozenset({"then", "do", "else", "elif", "if", "while", "until", "for", "!", "{"})
_LOOPS = frozenset({"while", "until", "for"})
_TOKEN = re.compile(
    r"(?P<operator>[\n;&|()<>]+)"
    r"|'(?P<single>[^']*)'"
    r"|\"(?P<double>[^\"\\]*(?:\\.[^\"\\]*)*)\""
    r"|\\(?P<escaped>.)"
    r"|(?P<bare>[^\s;&|()<>'\"\\]+)"
    r"|(?P<blanks>\s+)"
    r"|(?P<open>.)",  # a quote that does not end
    re.DOTALL,
)
_ESCAPE = re.compile(r'\\(["\\$`\n])')


@dataclass(frozen=True)
class Call:
    """A command with its arguments."""

    words: tuple[str, ...]  # a program, a script or a module of Python, then its arguments
    interpreter: tuple[str, ...] = ()  # php -d x=1
    helpers: tuple[str, ...] = ()  # all words of helpers
    in_shell: bool = False  # a shell has the command in its -c
    looped: bool = False  # the shell goes on after the command
    background: bool = False  # the shell ends, and leaves the command behind

    @property
    def name(self) -> str:
        """The name of the program, without directories."""
        return base(self.words[0])


@lru_cache(maxsize=64)
def of(words: tuple[str, ...]) -> tuple[Call, ...]:
    """Return the commands that the command line ``words`` runs, in order."""
    return tuple(_calls(words, Call(())))


def base(word: str) -> str:
    """Return the last part of a path."""
    return word.rpartition("/")[2]


def _calls(words: tuple[str, ...], found: Call) -> Iterator[Call]:
    """Yield the commands; ``found`` has what is known of where they stand."""
    while words:
        name = base(words[0])
        script = _script(name, words)
        if script is not None:
            yield from _in_shell(script, found)
            return
        if name not in _HELPERS:
            yield _interpreted(words, found)
            return
        at = of_helper(words)
        found = replace(found, helpers=(*found.helpers, *words[:at]))
        words = words[at:]


def of_helper(words: tuple[str, ...]) -> int:
    """Return how many words belong to the helper that ``words`` begin with; 0 if it is none."""
    helper = _HELPERS.get(base(words[0]))
    if helper is None:
        return 0
    at = _after_options(words, 1, helper.valued.split())
    while helper.assignments and at < len(words) and _ASSIGNMENT.match(words[at]):
        at += 1
    return at + helper.operands


def _after_options(words: tuple[str, ...], at: int, valued: Container[str]) -> int:
    """Return the index of the first word from ``at`` on that is no option and no option's value."""
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            return at + 1
        at += 2 if words[at] in valued else 1
    return at


def _script(name: str, words: tuple[str, ...]) -> str | None:
    """Return the script of a shell's -c; None if it has none, or the program is no shell."""
    if name in SHELLS:
        option = re.compile(r"-[a-zA-Z]*c")
        last = _after_options(words, 1, {"-o", "-O"})
    elif name in ("su", "runuser", "flock"):
        option = re.compile(r"-c|--command|--session-command")
        last = len(words)
    else:
        return None
    for index in range(1, min(last, len(words) - 1)):
        if option.fullmatch(words[index]):
            return words[index + 1]
    return None


def _in_shell(script: str, found: Call) -> Iterator[Call]:
    commands = list(_commands(script))
    waits = any(words[0] == "wait" for words, _ in commands)
    left = bool(commands) and commands[-1][1] == "&" and not waits
    loops = 0
    for words, end in commands:
        at = 0
        while at < len(words) and (words[at] in _KEYWORDS or _ASSIGNMENT.match(words[at])):
            loops += words[at] in _LOOPS
            at += 1
        loops -= words[0] == "done"
        where = replace(
            found,
            in_shell=True,
            looped=found.looped or loops > 0,
            background=found.background or (left and end == "&"),
        )
        yield from _calls(tuple(words[at:]), where)


def _commands(script: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each simple command of a shell's script, and the operator after it."""
    words: list[str] = []
    glued = redirected = False  # the next text belongs to the last word; it is a file
    for token in _TOKEN.finditer(script):
        kind = token.lastgroup or ""
        if kind == "operator" and set(token[0]) & {"<", ">"}:
            if glued and words and words[-1].isdigit():  # a descriptor
                words.pop()
            glued, redirected = False, True
        elif kind == "operator":
            glued = redirected = False
            if words:
                yield words, token[0].strip()
            words = []
        elif kind == "blanks":
            redirected = redirected and not glued
            glued = False
        elif redirected:
            glued = True
        else:
            text = token[kind]
            text = _ESCAPE.sub(r"\1", text) if kind == "double" else text
            words[len(words) - glued :] = [(words[-1] if glued else "") + text]
            glued = True
    if words:
        yield words, ""


def _interpreted(words: tuple[str, ...], found: Call) -> Call:
    """Return the call of ``words``, of its script if it begins with an interpreter."""
    match = _INTERPRETER.fullmatch(base(words[0]))
    call = replace(found, words=words)
    if match is None and base(words[0]) not in SHELLS:
        return call
    family = _FAMILY.get(match[1], match[1]) if match else "sh"
    at = 1
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        if word in _CODE[family]:
            return call
        at += 2 if word in _VALUED[family] else 1
        if word in _TO_SCRIPT:
            break
    if at >= len(words):
        return call
    return replace(call, words=words[at:], interpreter=words[:at])


def runs_code(call: Call) -> bool:
    """Tell whether the command is an interpreter with code of its language in its arguments."""
    match = _INTERPRETER.fullmatch(base(call.words[0]))
    return match is not None and bool(set(call.words[1:]) & _CODE[_FAMILY.get(match[1], match[1])])
