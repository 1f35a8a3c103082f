"""expansion: wctl fills in %(name)s when it loads a file, and the process number later."""

from __future__ import annotations

import pytest

from wctl.config import values
from wctl.config.expansion import LONGEST, PROCESS_NUM, Number, Template, expand, fill

NAMES: dict[str, object] = {
    "program_name": "worker",
    "here": "/etc/wctl 100%",
    "numprocs": 3,
    "ENV_PLAIN": "value",
    "ENV_EMPTY": "",
    "ENV_BAD": "\udcff",
    "ENV_OWN": Template(("n", Number("03d"))),
    PROCESS_NUM: None,
}
TWO = Number("02d")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ()),
        ("plain $HOME", ("plain $HOME",)),
        ("100%%", ("100%",)),
        ("%%%%d%%(here)s", ("%%d%(here)s",)),
        ("%(program_name)s", ("worker",)),
        ("<%(program_name)8s>", ("<  worker>",)),
        ("<%(program_name)-8s>", ("<worker  >",)),
        ("%(program_name).3s%(program_name)r", ("wor'worker'",)),
        ("%(here)s/x", ("/etc/wctl 100%/x",)),
        ("%(numprocs)d %(numprocs)03d %(numprocs)s", ("3 003 3",)),
        ("%(ENV_EMPTY)s", ()),
        ("a%(ENV_PLAIN)s%%b", ("avalue%b",)),
        ("%(process_num)02d", (TWO,)),
        ("a-%(process_num)d%(process_num)02d.log", ("a-", Number("d"), TWO, ".log")),
        ("%(ENV_OWN)s", ("n", Number("03d"))),
        ("a%(ENV_OWN)s%%", ("an", Number("03d"), "%")),
    ],
)
def test_expand(value: str, expected: tuple[str | Number, ...]) -> None:
    """Known names become text, which is not expanded again; the process number stays open."""
    assert expand(value, NAMES) == Template(expected)


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("d", ["0", "7", "123"]),
        ("i", ["0", "7", "123"]),
        ("u", ["0", "7", "123"]),
        ("s", ["0", "7", "123"]),
        ("r", ["0", "7", "123"]),
        ("a", ["0", "7", "123"]),
        ("02d", ["00", "07", "123"]),
        ("2d", [" 0", " 7", "123"]),
        ("-2d", ["0 ", "7 ", "123"]),
        ("4s", ["   0", "   7", " 123"]),
        ("-4s", ["0   ", "7   ", "123 "]),
        ("+d", ["+0", "+7", "+123"]),
        (" d", [" 0", " 7", " 123"]),
        (".2d", ["00", "07", "123"]),
        ("5.2d", ["   00", "   07", "  123"]),
        ("ld", ["0", "7", "123"]),
        ("x", ["0", "7", "7b"]),
        ("#06x", ["0x0000", "0x0007", "0x007b"]),
        ("X", ["0", "7", "7B"]),
        ("o", ["0", "7", "173"]),
        (".1f", ["0.0", "7.0", "123.0"]),
        ("e", ["0.000000e+00", "7.000000e+00", "1.230000e+02"]),
        ("G", ["0", "7", "123"]),
        ("064d", ["0" * 64, "0" * 63 + "7", "0" * 61 + "123"]),
    ],
)
def test_every_format_of_the_number(form: str, texts: list[str]) -> None:
    """Each printf format means the same as in Supervisor, in text and in the wrapper's bytes."""
    template = expand(f"<%(process_num){form}>", NAMES)
    assert [template.text(number) for number in (0, 7, 123)] == [f"<{text}>" for text in texts]
    (number,) = template.numbers
    assert [f"%{number.format}".encode() % value for value in (0, 7, 123)] == [
        text.encode() for text in texts
    ]


_DOES_NOT_FIT = "%({0}){1} does not fit, expected %({0}){2}"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("100%", "a lone % is not allowed, expected %% or %(name)s"),
        ("%s", "a lone % is not allowed, expected %% or %(name)s"),
        ("%%%", "a lone % is not allowed, expected %% or %(name)s"),
        ("%(here)", "a lone % is not allowed, expected %% or %(name)s"),
        ("%(here)*d", "a lone % is not allowed, expected %% or %(name)s"),
        ("%(here", "a lone % is not allowed, expected %% or %(name)s"),
        ("%(program_nam)s", "%(program_nam)s is not known here, did you mean %(program_name)s?"),
        ("%(ENV_PLAI)s", "%(ENV_PLAI)s is not known here, did you mean %(ENV_PLAIN)s?"),
        (
            "%(x)s",
            "%(x)s is not known here, expected one of %(program_name)s, %(here)s, %(numprocs)s,"
            " %(process_num)s, or %(ENV_X)s for a variable X that is set",
        ),
        ("%(here)d", _DOES_NOT_FIT.format("here", "d", "s")),
        ("%(here)c", _DOES_NOT_FIT.format("here", "c", "s")),
        ("%(here)y", _DOES_NOT_FIT.format("here", "y", "s")),
        ("%(ENV_OWN)5s", _DOES_NOT_FIT.format("ENV_OWN", "5s", "s")),
        ("%(process_num)c", _DOES_NOT_FIT.format("process_num", "c", "02d")),
        ("%(process_num)05s", _DOES_NOT_FIT.format("process_num", "05s", "02d")),
        ("%(process_num).1s", _DOES_NOT_FIT.format("process_num", ".1s", "02d")),
        ("%(process_num)65d", "%(process_num)65d is wider than 64 characters"),
        ("%(process_num).99999999999d", "%(process_num).99999999999d is wider than 64 characters"),
        ("%(here)1000000000s", "%(here)1000000000s is wider than 64 characters"),
        ("%(ENV_BAD)s", "%(ENV_BAD)s is not UTF-8, expected a value in UTF-8"),
        ("x" * (LONGEST + 1), "longer than 131,072 characters, expected fewer"),
        ("%(process_num)d" * (LONGEST // 64 + 1), "longer than 131,072 characters, expected fewer"),
        ("%(here)s" * LONGEST, "longer than 131,072 characters, expected fewer"),
    ],
    ids=lambda value: value[:30],
)
def test_what_cannot_be_expanded(value: str, problem: str) -> None:
    """The error names the %(name) that is wrong, and the nearest name or what wctl expected."""
    with pytest.raises(ValueError) as caught:
        expand(value, NAMES)
    assert str(caught.value) == problem


def test_longest() -> None:
    """A value of 131,072 characters is not too long."""
    assert len(expand("x" * LONGEST, NAMES).text(0)) == LONGEST


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("php a", [("php",), ("a",)]),
        ("""'a b' "c d"e\\ f '' """, [("a b",), ("c de f",), ()]),
        ("a%(process_num)02db c", [("a", TWO, "b"), ("c",)]),
        ("'%(process_num)d %(process_num)02d'x", [(Number("d"), " ", TWO, "x")]),
        ("'n %(process_num)5d'", [("n ", Number("5d"))]),
        ("%(ENV_OWN)s\\%(process_num)02d", [("n", Number("03d"), TWO)]),
        ("\U000f0000%(process_num)02d \U000f0001", [("\U000f0000", TWO), ("\U000f0001",)]),
        ("%%i $x `y` ü;\n  z", [("%i",), ("$x",), ("`y`",), ("ü;",), ("z",)]),
        ("", []),
    ],
)
def test_split(value: str, expected: list[tuple[str | Number, ...]]) -> None:
    """wctl splits a command into words as a shell does, whatever numbers and quotes are in them."""
    assert expand(value, NAMES).split() == tuple(map(Template, expected))


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a 'b", "No closing quotation"),
        ("a%(process_num)d \\", "No escaped character"),
        ("a %(process_num)5d", "a number is padded with blanks outside quotes"),
        ("a %(process_num)-3dx", "a number is padded with blanks outside quotes"),
    ],
)
def test_what_cannot_be_split(value: str, problem: str) -> None:
    """An open quote is an error, and so is a number whose padding would change the words."""
    with pytest.raises(ValueError, match=problem):
        expand(value, NAMES).split()


def test_pairs() -> None:
    """The values of an environment keep their process numbers, quoted or not."""
    template = expand('A="n %(process_num)02d",B=%(process_num)02d-x,C="%%",D=""', NAMES)
    assert template.pairs(values.environment) == {
        "A": Template(("n ", TWO)),
        "B": Template((TWO, "-x")),
        "C": Template(("%",)),
        "D": Template(()),
    }


@pytest.mark.parametrize("value", ["A=%(process_num)3d", "A%(process_num)d=1", "%(process_num)02d"])
def test_pairs_that_depend_on_the_number(value: str) -> None:
    """A process number that is padded with blanks, or part of a variable's name, is an error."""
    with pytest.raises(
        ValueError, match=r"a number is padded|no variable of this name|expected KEY"
    ):
        expand(value, NAMES).pairs(values.environment)


def test_stripped() -> None:
    """stripped() removes blanks at both ends, but not blanks that pad a number."""
    stripped = expand(" \n a %(process_num)3d ", NAMES).stripped()
    assert stripped == Template(("a ", Number("3d")))
    assert expand("%(process_num)3d", NAMES).stripped() == Template((Number("3d"),))
    assert expand("  ", NAMES).stripped() == Template(())


def test_marks_stand_for_the_numbers() -> None:
    """marked() replaces each number by a different character that the text does not contain."""
    template = expand("\U000f0000%(process_num)d%(process_num)02d\U000f0002", NAMES)
    assert template.marked() == "\U000f0000\U000f0001\U000f0003\U000f0002"
    assert template.numbers == (Number("d"), TWO)
    assert expand("plain", NAMES).marked() == "plain"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("%(here)s/a %(here)s", "/a b/100%%/a /a b/100%%"),
        ("<%(here)12s> <%(here)-12s>", "<   /a b/100%%> </a b/100%%   >"),
        ("%%(here)s %(there)s %% %", "%%(here)s %(there)s %% %"),
        ("%(process_num)02d", "%(process_num)02d"),
        ("%(here)d ; %(here)c %(here)s", "%(here)d ; %(here)c /a b/100%%"),
        ("%(here)999999999999s", "%(here)999999999999s"),
    ],
)
def test_fill(value: str, expected: str) -> None:
    """fill() replaces one name, so that the result expands to the same text as before."""
    assert fill(value, "here", "/a b/100%") == expected
