"""The wrapper's command line."""

from __future__ import annotations

import pytest

from wctl.wrapper import command_line
from wctl.wrapper.command_line import Options, UsageError, log_path, parse


def test_defaults_are_supervisors() -> None:
    """An option that the generator leaves out has Supervisor's default."""
    parsed = parse(["w@00.service", "--", "true"])
    assert (parsed.startsecs, parsed.startretries, parsed.ready) == (1, 3, "startsecs")
    assert (parsed.stdout_maxbytes, parsed.stdout_backups) == (50 << 20, 10)


def test_names_come_from_the_unit() -> None:
    """The program stands before the @ of the unit's name, the instance after it."""
    parsed = parse(["my-worker@07.service", "--", "true"])
    assert (parsed.name, parsed.program, parsed.instance) == ("my-worker@07", "my-worker", "07")


def test_the_command_is_taken_as_it_is() -> None:
    """Everything after -- belongs to the worker, including options and empty arguments."""
    parsed = parse(["--retry", "w@00.service", "--", "cmd", "", "--startsecs=9", "--", "x@y"])
    assert parsed.command == ["cmd", "", "--startsecs=9", "--", "x@y"]
    assert (parsed.startsecs, parsed.retry) == (1, True)


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        ("--startsecs=0", "startsecs", 0),
        ("--ready=log:a=b", "ready", "log:a=b"),
        ("--directory=/a b", "directory", "/a b"),
        ("--expand-env=A,B", "expand_env", ["A", "B"]),
        ("--stderr-priority=3", "stderr_priority", 3),
        ("--sigpipe", "sigpipe", True),
        ("--stdout-file=", "stdout_file", ""),
    ],
)
def test_each_kind_of_option(argument: str, name: str, value: object) -> None:
    """The parser reads numbers, texts, lists and flags, by the type of the option's default."""
    assert getattr(parse([argument, "w@00.service", "--", "true"]), name) == value


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["w@00.service"],
        ["w@00.service", "--"],
        ["w.service", "--", "true"],
        ["--nonesuch=1", "w@00.service", "--", "true"],
        ["--startsecs", "w@00.service", "--", "true"],
        ["--startsecs=soon", "w@00.service", "--", "true"],
        ["--retry=yes", "w@00.service", "--", "true"],
        ["--command=x", "w@00.service", "--", "true"],
        ["--unit=x", "w@00.service", "--", "true"],
        ["--parse=x", "w@00.service", "--", "true"],
    ],
)
def test_what_the_generator_does_not_write_is_refused(arguments: list[str]) -> None:
    """A wrong command line is an error, never a default."""
    with pytest.raises(UsageError):
        parse(arguments)


@pytest.mark.parametrize(
    ("arguments", "resident"),
    [
        ([], False),
        (["--ready=notify"], False),
        (["--ready=exec:true"], False),
        (["--log=none"], False),
        (["--retry"], True),
        (["--log=both"], True),
        (["--log=file"], True),
        (["--ready=log:up"], True),
    ],
)
def test_resident_only_where_something_must_stay(arguments: list[str], resident: bool) -> None:
    """The wrapper stays for log files, for retries with autorestart=false, and for ready=log."""
    assert parse([*arguments, "w@00.service", "--", "true"]).resident is resident


def test_numbers_are_filled_in() -> None:
    """With --expand, %(process_num) formats become the instance's number, and %% becomes %."""
    parsed = parse(["--expand", "w@07.service", "--", "true"])
    assert parsed.expanded(b"n%(process_num)d-%(process_num)03d-100%%") == b"n7-007-100%"
    assert Options().expanded(b"100%%") == b"100%%"  # without --expand nothing is touched


def test_log_files_have_a_name_without_one() -> None:
    """By default, PROGRAM-NN.log and PROGRAM-NN-error.log are in the unit's directory, if any."""
    parsed = parse(["w@07.service", "--", "true"])
    assert log_path(parsed, "/var/log/wctl/w", stderr=False) == "/var/log/wctl/w/w-07.log"
    assert log_path(parsed, "/var/log/wctl/w", stderr=True) == "/var/log/wctl/w/w-07-error.log"
    assert log_path(parsed, None, stderr=False) is None


def test_every_option_has_a_default() -> None:
    """Options.__init__ lists all options, and the parser knows each option from there."""
    for name, default in vars(command_line.Options()).items():
        if name in ("unit", "command"):
            continue
        option = f"--{name.replace('_', '-')}"
        words = [option] if default is False else [f"{option}=1"]
        parsed = parse([*words, "w@00.service", "--", "true"])
        assert getattr(parsed, name) != default or default == 1, name
