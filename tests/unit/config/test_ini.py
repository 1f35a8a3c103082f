"""ini: text becomes sections, and every entry has its place."""

from __future__ import annotations

import pytest

from wctl.config import ini
from wctl.config.ini import Document, Entry
from wctl.errors import Place

FILE = "etc/x.conf"


def parse(text: str | bytes) -> Document:
    """Returns the document of a file with this text."""
    return ini.parse(text.encode() if isinstance(text, str) else text, FILE)


def sections(document: Document) -> dict[str, dict[str, str]]:
    """Returns keys and values by section, including [DEFAULT] if it has any."""
    found = {section.name: section.entries for section in document.sections}
    if document.defaults:
        found["DEFAULT"] = document.defaults
    return {name: {entry.key: entry.value for entry in entries} for name, entries in found.items()}


def findings(document: Document) -> list[str]:
    """Returns the diagnostics as they are shown."""
    return [str(diagnostic) for diagnostic in document.diagnostics]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a]\n; c\n# c\n;k=1\nj=2\n", {"a": {"j": "2"}}),
        ("; c\n# c\n\n[a] ; c\nj=2\n", {"a": {"j": "2"}}),
        ("[a]\nk=1 ; c\nl=2 # c ; d\nm=3\t;c\n", {"a": {"k": "1", "l": "2", "m": "3"}}),
        ("[a]\nk=b;c#d\n", {"a": {"k": "b;c#d"}}),
        ("[a]\nk='b ; c'\nl=\"b # c\"\n", {"a": {"k": "'b", "l": '"b'}}),
        ("[a]\nk=;c\nl= ;c\n", {"a": {"k": ";c", "l": ""}}),
        ("[a]\nk=1\n  two\n\tthree\n", {"a": {"k": "1\ntwo\nthree"}}),
        ("[a]\nk=1\n  2 ; c\n  ; c\n\n  3\n\nj=2\n", {"a": {"k": "1\n2\n\n3", "j": "2"}}),
        ("[a]\nk=\n  two\n", {"a": {"k": "\ntwo"}}),
        ("[a]\nk=1\n  [b]\n  j=2\n", {"a": {"k": "1\n[b]\nj=2"}}),
        ("[a]\n  k=1\n  j=2\n", {"a": {"k": "1", "j": "2"}}),
        ("[a]\nk: 1\nl =2\n", {"a": {"k": "1", "l": "2"}}),
        ("[a]\nk = b:c=d\nl:b=c\n", {"a": {"k": "b:c=d", "l": "b=c"}}),
        ("[a]\nKey Name = 1  \n", {"a": {"key name": "1"}}),
        ("[a]\nk=\nl=''\n", {"a": {"k": "", "l": "''"}}),
        ("[a]\nk=%(x)s %%\n", {"a": {"k": "%(x)s %%"}}),
        ("[a]\nSystemd.Service.KillMode=x\n", {"a": {"systemd.Service.KillMode": "x"}}),
        ("[program: x ]what\nk=1\n", {"program: x ": {"k": "1"}}),
        ("[A]\n[a]\n", {"A": {}, "a": {}}),
        ("[DEFAULT]\nk=1\n[a]\nj=2\n", {"a": {"j": "2"}, "DEFAULT": {"k": "1"}}),
        ("[DEFAULT]\nk=1\n[a]\n[DEFAULT]\nl=3\n", {"a": {}, "DEFAULT": {"k": "1", "l": "3"}}),
        ("[a]\nk=wörker ✓\u2028\x85x\n", {"a": {"k": "wörker ✓\u2028\x85x"}}),
        ("[a]\r\nk=1\r\n  two\r\n", {"a": {"k": "1\ntwo"}}),
        ("[a]\rk=1\r", {"a": {"k": "1"}}),
        ("[a]\nk=1", {"a": {"k": "1"}}),
        ("", {}),
    ],
)  # fmt: skip
def test_syntax(text: str, expected: dict[str, dict[str, str]]) -> None:
    """wctl accepts comments, continuation lines, delimiters, cases and line ends of all kinds."""
    document = parse(text)
    assert (sections(document), findings(document)) == (expected, [])


def test_every_entry_has_its_line() -> None:
    """A value of several lines has the line of its key; a section, that of its first header."""
    document = parse("\n[a]\n; c\nk=1\n  two\n\nj:2\n[DEFAULT]\nd=3\n[b]\r\nk=4\n[a]\nl=5\n")
    a, b = document.sections
    assert (a.name, a.place, b.name, b.place) == ("a", Place(FILE, 2), "b", Place(FILE, 10))
    assert a.entries == (
        Entry("k", "1\ntwo", Place(FILE, 4)),
        Entry("j", "2", Place(FILE, 7)),
        Entry("l", "5", Place(FILE, 13)),
    )
    assert b.entries == (Entry("k", "4", Place(FILE, 11)),)
    assert document.defaults == (Entry("d", "3", Place(FILE, 9)),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a]\nk=1\nK : 2\n", [(3, "a", "k", 2)]),
        ("[a]\nk=1\nk=2\n  two\nk=3\n", [(3, "a", "k", 2), (5, "a", "k", 3)]),
        ("[a]\nk=1\n[b]\nk=2\n[a]\nk=3\n", [(6, "a", "k", 2)]),
        ("[DEFAULT]\nk=1\n[a]\nk=2\n[DEFAULT]\nk=3\n", [(6, "DEFAULT", "k", 2)]),
        ("[a]\nk=1\n  k=2\n", []),
    ],
)
def test_a_repeated_key_is_a_warning(text: str, expected: list[tuple[int, str, str, int]]) -> None:
    """Each repeated key is a warning that names the line of the value that it replaces."""
    assert findings(parse(text)) == [
        f"{FILE}:{line}: [{section}] {key}: warning: replaces the value on line {before},"
        " expected the key only once [repeated-key]"
        for line, section, key, before in expected
    ]


def test_the_last_of_a_repeated_key_counts() -> None:
    """The last value counts, with its own place, also in two sections of the same name."""
    (section,) = parse("[a]\nk=1\nk=2\nj=1\n[a]\nj=2\n").sections
    assert section.entries == (
        Entry("k", "2", Place(FILE, 3)),
        Entry("j", "2", Place(FILE, 6)),
    )


_EXPECTED = "key = value or [section]"
_NOT_UNDERSTOOD = f"cannot understand {{0!r}}, expected {_EXPECTED}"
_NO_SECTION = "{0!r} stands before the first [section]"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("[a]\nj=1\nkey\nk=1\n", 3, _NOT_UNDERSTOOD.format("key")),
        ("[a]\nkey ; =\n", 2, _NOT_UNDERSTOOD.format("key")),
        ("[a]\n= x\n", 2, _NOT_UNDERSTOOD.format("= x")),
        ("[a]\n\n[b\n", 3, _NOT_UNDERSTOOD.format("[b")),
        ("[a]\n[]\n", 2, _NOT_UNDERSTOOD.format("[]")),
        (f"[a]\n{'x' * 100}\n", 2, f"cannot understand '{'x' * 76}…, expected {_EXPECTED}"),
        ("; c\nk=1\n[a]\n", 2, _NO_SECTION.format("k=1")),
        ("what\n", 1, _NO_SECTION.format("what")),
        ("[a\n", 1, _NO_SECTION.format("[a")),
        (b"[a]\nk=1\nj=\xff\nl=\xfe\n", 3, "not UTF-8, expected a text file in UTF-8"),
        ("[a]\nk=w\u00f6\n".encode("latin-1"), 2, "not UTF-8, expected a text file in UTF-8"),
        ("[a]\nk=1\n".encode("utf-16"), 1, "not UTF-8, expected a text file in UTF-8"),
        ("\ufeff[a]\nk=1\n", 1, "begins with a byte order mark, expected plain UTF-8"),
        ("[a]\n\nk=\0\nj=\0\n", 3, "contains a NUL byte, expected a text file"),
    ],
)  # fmt: skip
def test_what_cannot_be_read(text: str | bytes, line: int, problem: str) -> None:
    """Each mistake is one error at its line that says what is wrong and what wctl expected."""
    document = parse(text)
    assert findings(document) == [f"{FILE}:{line}: {problem} [syntax]"]
    assert [diagnostic.error for diagnostic in document.diagnostics] == [True]


def test_all_errors_are_found_and_the_rest_is_read() -> None:
    """No error hides another error or the lines around it."""
    document = parse("what\n[a]\nkey\nk=1\n  two\nkey2\n[b]\nj=2\nkey3\n")
    assert [diagnostic.place.line for diagnostic in document.diagnostics] == [1, 3, 6, 9]
    assert sections(document) == {"a": {"k": "1\ntwo"}, "b": {"j": "2"}}


def test_a_file_that_is_no_configuration_has_a_hundred_diagnostics() -> None:
    """wctl reports at most a hundred diagnostics of each code: a user cannot read a million."""
    text = "[a]\n" + "what\n" * 300 + "k=1\n" * 300
    codes = [diagnostic.code for diagnostic in parse(text).diagnostics]
    assert (codes.count("syntax"), codes.count("repeated-key")) == (100, 100)


@pytest.mark.full
def test_more_sections_than_memory_is_for() -> None:
    """wctl leaves out the 100,001st section and all after it, with an error at its line."""
    document = parse("".join(f"[{number}]\n" for number in range(100_002)))
    message = "more than 100,000 sections, expected fewer [syntax]"
    assert findings(document) == [f"{FILE}:100001: {message}"]
    assert len(document.sections) == 100_000


@pytest.mark.parametrize(
    "data",
    [b"k" + b" " * 1_000_000 + b"x=1", b"[" * 1_000_000, b"k=" + b" ;" * 500_000],
    ids=["blanks", "brackets", "comments"],
)
def test_no_line_takes_forever(data: bytes) -> None:
    """wctl reads a line of a megabyte in a moment, whatever the line holds."""
    assert len(parse(b"[a]\n" + data).sections) == 1


def test_outline() -> None:
    """The outline has every line as written, with the section and key to which the line belongs."""
    lines = ini.outline(b"; c\n[a] ; c\r\nK = 1 ; c\n  ; c\n  two\n\nwhat\n[b]")
    assert [(line.number, line.text, line.section, line.key) for line in lines] == [
        (1, "; c", "", ""),
        (2, "[a] ; c", "a", ""),
        (3, "K = 1 ; c", "a", "k"),
        (4, "  ; c", "", ""),
        (5, "  two", "a", "k"),
        (6, "", "", ""),
        (7, "what", "a", "k"),
        (8, "[b]", "b", ""),
    ]


@pytest.mark.parametrize("data", [b"\xff", b"\0", b"\xef\xbb\xbf[a]"])
def test_outline_of_no_text(data: bytes) -> None:
    """Data that is not text has no outline; the error says why."""
    with pytest.raises(ValueError, match=r"not UTF-8|NUL byte|byte order mark"):
        ini.outline(data)


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"[a]\nx=[b]\n; [c]\n [program:d] ; e\n", {"a", "program:d"}),
        (b"[program:a\nx=1\rprogram:b]\r\nx]=1\n", {"program:a", "program:b", "x"}),
        (b"[program:a]\n\xff\n[group:\xff]\n\0", {"program:a", "group:\ufffd"}),
        (b"what\n", set()),
    ],
)
def test_headers_of_a_damaged_file(data: bytes, headers: set[str]) -> None:
    """Even a file that wctl cannot understand shows which sections it seems to have."""
    assert ini.headers(data) == headers


@pytest.mark.parametrize("data", [b"[" * 1_000_000, b" " * 1_000_000, b"a:" * 500_000])
def test_headers_are_found_in_a_moment(data: bytes) -> None:
    """The time grows with the length of a line, not with its square."""
    assert len(ini.headers(data)) <= 1
