"""Writes wctl(1), wctl.conf(5) and wctl-cookbook(7) from the tables of commands and options.

    PYTHONPATH=pkg python3 pkg/man/make.py

The prose is in the .in files in this directory. make.py replaces each line "@NAME@" in them.
"""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import click

from wctl import __version__
from wctl.check import doctor_codes as codes
from wctl.check.codes import CODES, Code
from wctl.cli.app import wctl
from wctl.cli.top.controls import KEYS
from wctl.cli.verbs import VERBS, Verb
from wctl.config.options import FCGI_OPTIONS, OPTIONS, Option
from wctl.config.unsupported import KINDS, TABLE, Elsewhere
from wctl.errors import Exit
from wctl.units import hardening

HERE = Path(__file__).parent
EXAMPLES: dict[str, str] = runpy.run_path(str(HERE / "examples.py"))["EXAMPLES"]
_EXAMPLE = re.compile(r"^\.EX\n(.*?)^\.EE\n", re.DOTALL | re.MULTILINE)

_EXITS = {
    Exit.OK: "Success. status: every requested instance runs, or is about to run.",
    Exit.FAILURE: "Something failed: the configuration has errors (if update or add has names:"
    " errors that concern these), update or add has an unknown name, a worker did not start in an"
    " update or a scale, a file could not be written. A change was made, but its output could not"
    " be written: a disk is full, for example.",
    Exit.USAGE: "The command line is wrong, has no command, or does not say which program is"
    " meant. top: there is no terminal.",
    Exit.NOT_RUNNING: "status: at least one of the instances is stopped, exited or fatal, or one of"
    " the programs is scaled to 0.",
    Exit.UNKNOWN: "No such program or instance; systemd cannot be reached; not permitted.",
    Exit.NOT_STARTED: "start, restart: a worker did not start, or the program is scaled to 0."
    " signal, pid: a worker does not run. restart --rolling: none of the named workers runs.",
    Exit.INTERRUPTED: "Interrupted by Ctrl-C. systemd still does what wctl asked for.",
}


def pages() -> dict[str, str]:
    """Return the text of every page, by file name."""
    parts = {
        "VERSION": __version__,
        "GLOBAL": _options(wctl),
        "COMMANDS": _commands(),
        "VERBS": "".join(_verb(name, verb) for name, verb in VERBS.items()),
        "EXITS": "".join(f".TP\n.B {code.value}\n{_roff(text)}\n" for code, text in _EXITS.items()),
        "KEYS": "".join(f".TP\n.B {_roff(keys)}\n{_roff(does)}.\n" for keys, does in KEYS.items()),
        "SUPERVISOR": "".join(_option(each) for each in OPTIONS if not each.ours),
        "OURS": "".join(_option(each) for each in OPTIONS if each.ours),
        "FCGI": "".join(map(_option, FCGI_OPTIONS)),
        "ELSEWHERE": "".join(map(_elsewhere, TABLE)),
        "ERRORS": "".join(_code(each) for each in CODES.values() if each.error),
        "WARNINGS": "".join(_code(each) for each in CODES.values() if not each.error),
        "FINDINGS": "".join(map(_code, codes.TABLE)),
        "FROMCHECK": f"{_roff(', '.join(sorted(codes.FROM_CHECK)))}.\n",
        "HARDENING": _hardening(),
    }
    found: dict[str, str] = {
        source.stem: re.sub(r"@([A-Z]+)@\n?", lambda m: parts[m[1]], source.read_text())
        for source in sorted(HERE.glob("*.in"))
    }
    cookbook = "wctl-cookbook.7"
    return {**found, cookbook: _EXAMPLE.sub(_escaped, found[cookbook])}


def _escaped(example: re.Match[str]) -> str:
    text = _roff(f"\n{example[1]}")
    return f".EX{text}.EE\n"


def _commands() -> str:
    context = click.Context(wctl, info_name="wctl")
    text = ""
    for name in wctl.list_commands(context):
        command = wctl.get_command(context, name)
        assert command is not None
        pieces = command.collect_usage_pieces(click.Context(command, info_name=name))
        usage = " ".join(piece for piece in pieces if piece != "[OPTIONS]")
        text += f".SS {_roff(f'{name} {usage}'.strip())}\n{_paragraphs(command.help or '')}"
        text += _options(command, without=wctl)
    return text


def _verb(name: str, verb: Verb) -> str:
    """Return a row of the table of verbs, in tbl(1)'s language."""
    exits = ", ".join(str(int(code)) for code in (Exit.OK, *verb.exits))
    exits = "any" if name == "run" else exits
    blocks = (_roff(verb.systemd), "\n.br\n".join(map(_roff, verb.prints)), exits)
    return "\t".join([name, *(f"T{{\n.na\n{block}\nT}}" for block in blocks)]) + "\n\n"


def _paragraphs(help_text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", help_text.strip())
    return ".PP\n".join(f"{_roff(' '.join(each.split()))}\n" for each in paragraphs)


def _options(command: click.Command, without: click.Command | None = None) -> str:
    shared = {each.name for each in without.params} if without else set()
    text = ""
    for each in command.params:
        if isinstance(each, click.Option) and each.name not in shared:
            record = each.get_help_record(click.Context(command))
            if record is not None:
                text += f".TP\n.B {_roff(record[0])}\n{_roff(record[1])}\n"
    return text


def _option(option: Option) -> str:
    text = f".TP\n.B {_roff(option.name)}\n{_roff(option.help)}\n"
    if option.instead:
        return text + f"Without effect; use {_roff(option.instead)}.\n"
    default = _default(option)
    text += f"Default: {_roff(default)}.\n" if default else ""
    text += f"Implemented by: {_roff(option.becomes)}.\n"
    return text + f".br\nExample: {_roff(f'{option.name} = {EXAMPLES[option.name]}')}\n"


def _elsewhere(row: Elsewhere) -> str:
    section = f"[{row.section}{':NAME' if row.section in KINDS else ''}]"
    title = section if row.option == "*" else f"{section} {row.option}"
    subject = "section" if row.option == "*" else "option"
    text = f"In Supervisor, this {subject} {row.does}. Instead: {row.instead}."
    return f".TP\n.B {_roff(title)}\n{_roff(text)}\n"


def _code(code: Code | codes.Code) -> str:
    name = f".B {_roff(code.name)}"
    if isinstance(code, codes.Code):
        name = f'.BR {_roff(code.name)} " ({code.severity})"'
    return f".TP\n{name}\n{_roff(code.why)} {_roff(code.remedy)}\n"


def _default(option: Option) -> str:
    value = option.default
    if option.name == "process_name":
        return "%(program_name)s"
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if option.name.endswith("maxbytes"):
        return f"{value >> 20}MB" if value else "0"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return getattr(value, "name", str(value)).replace("SIG", "")


def _hardening() -> str:
    levels = (
        ("basic", hardening.directives("basic", user=False, root=False)),
        (
            "basic, for a worker that runs as root",
            hardening.directives("basic", user=False, root=True),
        ),
        ("strict", hardening.directives("strict", user=False, root=False)),
        ("basic and strict, with --user", hardening.directives("basic", user=True, root=False)),
    )
    text = ""
    for title, pairs in levels:
        lines = "".join(f"{_roff(f'{key}={value}')}\n" for key, value in pairs)
        text += f".SS {_roff(title)}\n.EX\n{lines}.EE\n"
    return text


def _roff(text: str) -> str:
    """Return text that roff prints as it is."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return escaped.replace("…", "...").replace("\n.", "\n\\&.")


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (HERE / name).write_text(text)


if __name__ == "__main__":
    main()
