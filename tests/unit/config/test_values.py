"""values: the text of an option becomes its value, or an error says what wctl expected."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from wctl.config import fcgi, values
from wctl.config.expansion import LONGEST
from wctl.config.options import FCGI_OPTIONS, OPTIONS
from wctl.config.values import Parser

GOOD: Mapping[Parser, Mapping[str, Any]] = {
    values.text: {"": "", " as it is; 'x ": " as it is; 'x "},
    values.command: {"true": ("true",), " sh -c 'a | b' ": ("sh", "-c", "a | b")},
    values.boolean: {
        **dict.fromkeys(("yes", "TRUE", "On", "1"), True),
        **dict.fromkeys(("no", "FALSE", "Off", "0"), False),
    },
    values.autorestart: {
        **dict.fromkeys(("yes", "True", "on", "1"), "true"),
        **dict.fromkeys(("no", "False", "off", "0"), "false"),
        "Unexpected": "unexpected",
    },
    values.byte_size: {
        "0": 0,
        "1048576": 1 << 20,
        "007": 7,
        "512K": 512 << 10,
        "50MB": 50 << 20,
        "50mb": 50 << 20,
        "10 MB": 10 << 20,
        "1G": 1 << 30,
        "2TB": 2 << 40,
        "5B": 5,
    },
    values.log_size: {"50MB": 50 << 20, "1_0 MB": 10 << 20, "+7": 7, "9" * 30: 10**18},
    values.memory_limit: {
        "256M": str(256 << 20),
        "1": "1",
        "10%": "10%",
        "12.5%": "12.5%",
        "100%": "100%",
        "100.00%": "100.00%",
        "0.01%": "0.01%",
        "Infinity": "infinity",
        "18446744073709551614": "18446744073709551614",
    },
    values.swap_limit: {"0": "0", "0%": "0%", "1G": str(1 << 30), "infinity": "infinity"},
    values.percentage: {"50%": "50%", "200%": "200%"},
    values.time_span: {
        span: span for span in ("3600", "1.5", "90min", "1h 30min", "1h30m", "2 days 5", "10us")
    },
    values.stop_signal: {
        "TERM": signal.SIGTERM,
        "sigquit": signal.SIGQUIT,
        "15": signal.SIGTERM,
        "Usr2": signal.SIGUSR2,
        "RTMIN": signal.SIGRTMIN,
    },
    values.exit_codes: {"": (), "0": (0,), "0, 2,255,2": (0, 2, 255, 2), "1,": (1,)},
    values.octal: {
        **{"022": 0o22, "0": 0, "77": 0o77, "0o27": 0o27, "0O27": 0o27},
        **{"0000022": 0o22, "7777": 0o7777},
    },
    values.priority: {"err": 3, "NOTICE": 5, "0": 0, "7": 7},
    values.server_url: {"AUTO": None, "auto ": None, "": None, "unix:///x": "unix:///x"},
    values.account: {
        **{name: name for name in ("www-data", "33", "wörker", "EXAMPLE\\me", "me$", "0x1", "...")},
        **{"0033": "33", "00": "0", "+33": "33", "3_3": "33", "4294967294": "4294967294"},
    },
    values.paths: {"": (), "/a -/b,/c": ("/a", "-/b", "/c"), "/ö": ("/ö",)},
    values.credentials: {"": (), "a:/b c.d:/e": ("a:/b", "c.d:/e"), "a": ("a",)},
    values.words: {"": (), "a, b\nc,,d": ("a", "b", "c", "d")},
    values.readiness: {
        probe: probe
        for probe in (
            "startsecs", "notify", "exec:test -e 'a b'", "tcp:localhost:80", "tcp:::1:80",
            "file:/run/x", "log:^ready: (on|off)$",
        )
    },
    values.environment: {
        "": (),
        "A=1": (("A", "1"),),
        """A="1",B='2', C=3 ,\nD="a,b",""": (("A", "1"), ("B", "2"), ("C", "3"), ("D", "a,b")),
        """A="it's",B='say "x"',C="",_d1=/x/y.z+(1):-""": (
            ("A", "it's"), ("B", 'say "x'), ("C", ""), ("_d1", "/x/y.z+(1):-"),
        ),
        "A=1,B=2,A=3": (("A", "3"), ("B", "2")),
        'A="#;%$`\\ö"': (("A", "#;%$`\\ö"),),
    },
    fcgi.address: {
        "unix:///run/x.sock": "/run/x.sock",
        "tcp://127.0.0.1:9000": "127.0.0.1:9000",
        "tcp://LocalHost:09000": "127.0.0.1:9000",
        "tcp://127.0.0.1:0009000": "127.0.0.1:9000",
        "tcp://0:80": "0.0.0.0:80",
        "tcp://127.1:80": "127.0.0.1:80",
        "unix:///tmp/../run//x/./y.sock": "/run/x/y.sock",
        "unix:////run/x": "/run/x",
    },
    fcgi.owner: {"www-data": ("www-data", "root"), "a:b": ("a", "b"), "033:00": ("33", "0")},
}  # fmt: skip

_SIZE = "expected a size in bytes such as 1048576, 512K, 50MB or 1G"
_MEMORY = (
    "expected a size such as 256M or 1G, a share such as 10%% (% is doubled in the file), or"
    " infinity"
)
_TIME = "expected a time such as 3600, 90min or 1h 30min"
_SIGNAL = "expected a signal such as TERM, INT, QUIT, HUP, USR1, USR2 or KILL"
_READY = "expected startsecs, notify, exec:COMMAND, tcp:HOST:PORT, file:PATH or log:REGEX"
_PATHS = "expected absolute paths, with a - before a file that may be missing"
_SOCKET = "expected unix:///PATH, or tcp://ADDRESS:PORT with an IPv4 address"

BAD: Mapping[Parser, tuple[str, Sequence[str]]] = {
    values.command: (
        "expected a command, with every quote closed",
        ("", "  ", "sh -c 'echo", 'a "b', "a\\"),
    ),
    values.boolean: (
        "expected true or false (also yes, no, on, off, 1, 0)",
        ("", "y", "2", "01", "true false"),
    ),
    values.autorestart: ("expected true, false or unexpected", ("", "always", "on-failure")),
    values.byte_size: (
        _SIZE,
        ("", "-1", "1.5M", "MB", "1 K B", "1KiB", "1P", "٣", "1M x", "1MM", "1\nM"),
    ),
    values.log_size: (_SIZE, ("", "1.5M", "MB", "--1", "1KiB", "1_", "+", "9" * 5000)),
    values.swap_limit: (
        _MEMORY,
        ("", "x", "-1", "10.%", "-5%", "%", "101%", "100.5%", "1.234%", "1,5%", "max", "16777216T"),
    ),
    values.memory_limit: (
        "expected more than 0, such as 256M, 1G, 10%% (% is doubled in the file) or infinity",
        ("0", "00", "0K", "0%", "00.00%"),
    ),
    values.percentage: (
        "expected a percentage of one CPU such as 50%% or 200%% (% is doubled in the file)",
        ("", "50", "0%", "000%", "-1%", "1.5%", "%", "50 %", "٣%", "10000000%"),
    ),
    values.time_span: (
        _TIME,
        ("", "soon", "-1", "1x", "min", "1h x", "1.h", "1 2", "1h,", "٣", "1s " * 40),
    ),
    values.stop_signal: (_SIGNAL, ("", "SIG", "FOO", "0", "99", "-9", "SIGSIGTERM", "TERM INT")),
    values.exit_codes: (
        "expected exit codes from 0 to 255, separated by commas",
        ("256", "-1", "x", "0 2", "0;2", "1.0"),
    ),
    values.octal: (
        "expected an octal number such as 022",
        ("", "8", "0x1f", "-1", "10000", "0" * 5000),
    ),
    values.priority: (
        "expected one of emerg, alert, crit, err, warning, notice, info, debug",
        ("", "error", "8", "-1", "10"),
    ),
    values.account: (
        "expected the name or the number of a user",
        (
            "", "a b", "a:b", "a/b", "%i", "a\nb", "a\x1b", "a\\", "x" * 257, ".", "..", "'a'",
            '"www-data"',
        ),
    ),
    values.paths: (_PATHS, ("a", "/a b", "--/a", "/%i", "/a\\", "/a\x07")),
    values.credentials: (
        "expected NAME:PATH",
        (":/a", "a:", "a:b:c", "a/b:/c", "a:/%i", "ö:/a", "a:'x'"),
    ),
    values.readiness: (
        _READY,
        (
            "", "ready", "notify:", "startsecs:5", "exec:", "exec: ", "exec:'x", "tcp:", "tcp:80",
            "tcp::80", "tcp:h:0", "tcp:h:65536", "tcp:h:x", "tcp:h:-1", "file:x", "file:", "log:",
            "log:(", "log:[", "EXEC:x", "tcp:h:٣", f"tcp:h:{'1' * 5000}", r"log:\u1234",
            "log:a{99999999999}", f"log:{'(' * 5000}{')' * 5000}",
        ),
    ),
    fcgi.address: (
        _SOCKET,
        (
            "", "/run/x", "unix://x", "unix:///a b", "unix:///%i", "unix:///" + "x" * 107,
            "tcp://:80", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://1.2.3.4:65536",
            "tcp://[::1]:80", "udp://1.2.3.4:80",
        ),
    ),
    fcgi.owner: (
        "expected USER or USER:GROUP",
        ("", ":b", "a:", "a b", "a:b:c", "%i", "a:b\\", "a\\:b", "-1", "a:65535", "4294967295"),
    ),
}  # fmt: skip


def cases(table: Mapping[Parser, Any]) -> list[Any]:
    """Returns a parameter for each input of each parser."""
    found: list[Any] = []
    for parse, of_parser in table.items():
        if isinstance(of_parser, tuple):
            expected, inputs = of_parser
            rows = [(value, expected) for value in inputs]
        else:
            rows = list(of_parser.items())
        name = getattr(parse, "__name__", "")
        found += [pytest.param(parse, *row, id=f"{name}-{row[0][:20]!r}") for row in rows]
    return found


@pytest.mark.parametrize(("parse", "value", "expected"), cases(GOOD))
def test_good(parse: Parser, value: str, expected: object) -> None:
    """Each parser turns every spelling that it accepts into a value."""
    assert parse(value) == expected


@pytest.mark.parametrize(("parse", "value", "expected"), cases(BAD))
def test_bad(parse: Parser, value: str, expected: str) -> None:
    """A bad value is an error that says what is expected, never a default."""
    with pytest.raises(ValueError) as caught:
        parse(value)
    assert str(caught.value) == expected


@pytest.mark.parametrize("value", ["-3", "+7", "007", "7", "0_7", "7 "])
def test_whole_numbers(value: str) -> None:
    """Both ends of the range are valid; as in Supervisor, so are a sign and leading zeros."""
    assert values.integer(-3, 7)(value) == int(value)


@pytest.mark.parametrize(
    "value", ["", "-4", "8", "1.0", "1e3", "1_0", "0x1", "1__0", "9" * 5000, "9" * 50]
)
def test_what_is_no_whole_number(value: str) -> None:
    """Any other text, and a number out of range, is an error that names the range."""
    with pytest.raises(ValueError) as caught:
        values.integer(-3, 7)(value)
    assert str(caught.value) == "expected a whole number from -3 to 7"


def test_choice() -> None:
    """A choice accepts its words in upper or lower case; the error names the words."""
    parse = values.choice("off", "basic")
    assert [parse(word) for word in ("off", "Basic")] == ["off", "basic"]
    with pytest.raises(ValueError) as caught:
        parse("of")
    assert str(caught.value) == "expected one of off, basic"


@pytest.mark.parametrize("value", ["-1", "00", "65535", "4294967295", "9" * 30, "9" * 5000])
def test_what_is_no_number_of_a_user(value: str) -> None:
    """chown(2) and systemd keep some numbers for "no user"; 0 is root, however it is written."""
    if int(value[:20]) == 0:
        assert values.account(value) == "0"
        return
    with pytest.raises(ValueError, match=r"^no user has this number, expected the name or the"):
        values.account(value)


@pytest.mark.parametrize("value", ["tcp://h:80", "tcp://*:80", "tcp://1.2.3.4.5:80", "tcp://ö:80"])
def test_names_of_hosts(value: str) -> None:
    """Supervisor looks a name up (there is no *), systemd does not: the error says so."""
    with pytest.raises(ValueError, match=r"^systemd resolves no names, expected tcp://ADDRESS"):
        fcgi.address(value)


@pytest.mark.parametrize(
    ("value", "number", "why"),
    [
        ("-1", 0, "less than 0 means 0, in Supervisor too"),
        ("1000", 99, "wctl counts to 99, and uses that"),
        ("9" * 49, 99, "wctl counts to 99, and uses that"),
    ],
)
def test_numbers_for_ever(value: str, number: int, why: str) -> None:
    """A number that Supervisor takes, and wctl does not count to, is a number with a reason."""
    with pytest.raises(values.Clamped) as caught:
        values.clamped(0, 99)(value)
    assert (caught.value.number, caught.value.why) == (number, why)


def test_sizes_below_0() -> None:
    """A log file of -1 bytes has no limit in Supervisor; no memory limit is meant, or accepted."""
    with pytest.raises(values.Clamped) as caught:
        values.log_size("-1MB")
    assert caught.value.number == 0
    with pytest.raises(ValueError):
        values.byte_size("-1")


def test_numbers_that_may_not_be_clamped() -> None:
    """numprocs has an end: nobody means to run 10,000 processes where a million is written."""
    parse = values.clamped(0, 99, over=False)
    assert parse("99") == 99
    with pytest.raises(ValueError, match=r"^expected a whole number from 0 to 99$"):
        parse("100")
    with pytest.raises(values.Clamped):
        parse("-1")


_NO_NAME = "systemd passes on no variable of this name, expected letters, digits and _"
_PAIRS = 'expected KEY="value",KEY2="value2"'


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("A", _PAIRS),
        ("A=", 'A has no value, expected A=""'),
        ("A=,B=2", 'A has no value, expected A=""'),
        ("A=1,B=,C=3", 'B has no value, expected B=""'),
        ("A 1", _PAIRS),
        (",A=1", _PAIRS),
        ("A=1,,B=2", f"no variable follows the comma after A, {_PAIRS}"),
        ("A=1\nB=2", f"a comma is missing between A and B, {_PAIRS}"),
        ('A="1" B="2" C="3"', f"a comma is missing between A and B, {_PAIRS}"),
        ("A=me@secret", f"the value of A needs quotes, {_PAIRS}"),
        ('A="1', f"no closing quotation, {_PAIRS}"),
        ("1A=1", f"'1A': {_NO_NAME}"),
        ("ö=1", f"'ö': {_NO_NAME}"),
        ("node.name=1", f"'node.name': {_NO_NAME}"),
    ],
)
def test_environment_that_supervisor_refuses(value: str, problem: str) -> None:
    """The error says what is missing, and repeats no value, which may be a secret."""
    with pytest.raises(ValueError) as caught:
        values.environment(value)
    assert str(caught.value) == problem


_AND_QUOTE = "is dropped, as in Supervisor; quote the whole value"


@pytest.mark.parametrize(
    ("value", "pairs", "problems"),
    [
        ('A="1",B=2,', {"A": "1", "B": "2"}, []),
        ("A=hello world", {"A": "hello"}, [f"a word after the value of A {_AND_QUOTE}"]),
        ("A=1;B=2", {"A": "1", "B": "2"}, [f"';' after the value of A {_AND_QUOTE}"]),
        ("A=x?a=1", {"A": "x", "a": "1"}, [f"'?' after the value of A {_AND_QUOTE}"]),
        ("PW=se#cret,B=1", {"PW": "se"}, [f"what follows # {_AND_QUOTE}"]),
        ('A="#1",B=2', {"A": "#1", "B": "2"}, []),
    ],
)
def test_environment_that_loses_something(
    value: str, pairs: dict[str, str], problems: list[str]
) -> None:
    """The variables are Supervisor's; text that Supervisor silently drops is a problem."""
    assert dict(values.environment(value)) == pairs
    also = ", and separate variables with commas"
    assert [problem.replace(also, "") for problem in values.cut(value)] == problems


@pytest.mark.parametrize(
    "value",
    [
        "1" * LONGEST,
        "1" + " " * LONGEST,
        "1h " * (LONGEST // 3) + "x",
        "/a" * (LONGEST // 2) + "%",
        "A=1," * (LONGEST // 4),
    ],
    ids=["digits", "blanks", "spans", "paths", "pairs"],
)
def test_no_expression_takes_forever(value: str) -> None:
    """Every parser accepts or refuses a value of the greatest length in little time."""
    parsers = {option.parse for option in (*OPTIONS, *FCGI_OPTIONS)}
    before = time.process_time()
    for parse in parsers:
        try:
            parse(value)
        except values.Clamped:
            pass
        except ValueError as error:
            assert "expected" in str(error), parse
    assert time.process_time() - before < 3


def test_every_parser_is_in_the_tables() -> None:
    """The tables have good and bad values for every parser that an option uses."""
    used = {option.parse for option in (*OPTIONS, *FCGI_OPTIONS)}
    named = {parse for parse in used if "<locals>" not in parse.__qualname__}
    never_refuse = {values.text, values.words, values.server_url}
    assert named - {*GOOD} == set()
    assert named - {*BAD} - never_refuse == {values.environment}
