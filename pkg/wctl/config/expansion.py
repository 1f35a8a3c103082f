"""Supervisor's ``%(name)s`` expansions.

What is known when a configuration is read is filled in at once. The number of the process is
not: one unit serves all instances. So the result is a Template, whose numbers are filled in
later, by us for one process or by systemd and the wrapper for the instance that runs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import count, groupby, islice

from wctl.config import shell_words

PROCESS_NUM = "process_num"

_DIRECTIVE = re.compile(
    r"%(?:%|\((?P<name>[^()]*)\)(?P<format>[-+ #0]*\d*(?:\.\d+)?[hlL]?[a-zA-Z])|)"
)
_WIDEST = 64  # "%(process_num)1000000000d" would fill the memory
# Characters: as long as the kernel lets one argument be (MAX_ARG_STRLEN), and with every character
# escaped still a line that systemd reads (1 MiB).
LONGEST = 1 << 17
# Stand-ins for numbers while a command is split into words: from Unicode's private use area,
# where no shell syntax is.
_FIRST_MARK = 0xF0000


@dataclass(frozen=True)
class Number:
    """The number of the process, in a printf format such as ``02d``."""

    format: str

    def text(self, number: int) -> str:
        """Return the number in this format."""
        return f"%{self.format}" % number


@dataclass(frozen=True)
class Template:
    """A text that may depend on the number of the process."""

    parts: tuple[str | Number, ...]

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The places that depend on the process."""
        return tuple(part for part in self.parts if isinstance(part, Number))

    def text(self, number: int) -> str:
        """Return the text for process ``number``."""
        return "".join(
            [part if isinstance(part, str) else part.text(number) for part in self.parts]
        )

    def stripped(self) -> Template:
        """Return the template without blanks at its ends."""
        marks = self.marks
        return _unmarked(self.marked(marks).strip(), dict(zip(marks, self.numbers)))

    def split(self) -> tuple[Template, ...]:
        """Split into words as Supervisor does: shell quoting, no shell.

        Raises:
            ValueError: a quote is not closed, or the words depend on the number.
        """
        numbers = self.numbers
        if not numbers:
            return tuple(
                Template((word,) if word else ()) for word in shell_words.split(self.text(0))
            )
        marks = self.marks
        by_mark = dict(zip(marks, numbers))
        words = tuple(_unmarked(word, by_mark) for word in shell_words.split(self.marked(marks)))
        self.check([word.text(0) for word in words] == shell_words.split(self.text(0)))
        return words

    def pairs(self, parse: Parser) -> dict[str, Template]:
        """Return the names and values that ``parse`` finds, given a text and its stand-ins.

        Raises:
            ValueError: it finds something wrong, or they depend on the number.
        """
        marks, numbers = self.marks, self.numbers
        by_mark = dict(zip(marks, numbers))
        pairs = {name: _unmarked(text, by_mark) for name, text in parse(self.marked(marks), marks)}
        if numbers:
            plain = {name: text.text(0) for name, text in pairs.items()}
            self.check(plain == dict(parse(self.text(0), "")))
        return pairs

    def check(self, same: bool) -> None:
        """Refuse a number whose padding would be split: ``same``, for number 0 it is not.

        Raises:
            ValueError: it would.
        """
        if not same:
            raise ValueError("a number is padded with blanks outside quotes, expected %02d or such")

    def marked(self, marks: str | None = None) -> str:
        """Return the text with a stand-in character for each number, to parse it further."""
        free = iter(self.marks if marks is None else marks)
        return "".join([part if isinstance(part, str) else next(free) for part in self.parts])

    @property
    def marks(self) -> str:
        """The stand-ins of marked(), in order: characters that the text itself does not have."""
        wanted = len(self.numbers)
        if not wanted:
            return ""
        taken = {each for part in self.parts if isinstance(part, str) for each in part}
        free = (chr(code) for code in count(_FIRST_MARK) if chr(code) not in taken)
        return "".join(islice(free, wanted))


Parser = Callable[[str, str], Iterable[tuple[str, str]]]


def _unmarked(text: str, by_mark: Mapping[str, Number]) -> Template:
    """Return the template that ``text``, a piece of marked(), stands for."""
    if not any(mark in text for mark in by_mark):
        return Template((text,) if text else ())
    return Template(_joined(by_mark.get(each, each) for each in text))


def expand(value: str, names: Mapping[str, object]) -> Template:
    """Fill ``names`` into ``value``; where PROCESS_NUM is among them it stays open.

    Raises:
        ValueError: an unknown name, not a directive at all, or a result that nothing can use.
    """
    parts: list[str | Number] = []
    end = length = 0
    for match in _DIRECTIVE.finditer(value):
        parts.append(value[end : match.start()])
        end = match.end()
        if match[0] == "%%":
            parts.append("%")
        elif match["name"] is None:
            raise ValueError("a lone % is not allowed, expected %% or %(name)s")
        else:
            filled = _filled(match["name"], match["format"], names)
            parts += filled
            length += sum(_WIDEST if isinstance(part, Number) else len(part) for part in filled)
            if length > LONGEST:
                break
    parts.append(value[end:])
    if length + len(value) > LONGEST:
        raise ValueError(f"longer than {LONGEST:,} characters, expected fewer")
    return Template(_joined(parts))


def fill(value: str, name: str, text: str) -> str:
    """Return ``value``, which is still to be expanded, with every %(name)s in it filled in.

    What expand() would refuse stays: it may be in a comment, or in an option that nobody reads.
    """

    def filled(match: re.Match[str]) -> str:
        if match["name"] != name:
            return match[0]
        try:
            return expand(match[0], {name: text}).text(0).replace("%", "%%")
        except ValueError:
            return match[0]

    return _DIRECTIVE.sub(filled, value)


def _filled(name: str, form: str, names: Mapping[str, object]) -> tuple[str | Number, ...]:
    if name not in names:
        raise ValueError(f"%({name})s is not known here{_suggestion(name, names)}")
    if any(int(width) > _WIDEST for width in re.findall(r"\d+", form)):
        raise ValueError(f"%({name}){form} is wider than {_WIDEST} characters")
    if name == PROCESS_NUM:
        return (Number(_number_format(form)),)
    value = names[name]
    if isinstance(value, Template):  # a variable that depends on the number of the process
        if form != "s":
            raise ValueError(f"%({name}){form} does not fit, expected %({name})s")
        return value.parts
    try:
        filled = f"%{form}" % (value,)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"%({name}){form} does not fit, expected %({name})s") from None
    if not filled.isprintable():
        _check_bytes(name, filled)
    return (filled,)


def _number_format(form: str) -> str:
    """Return a format for numbers alone, as the wrapper has to fill in bytes: %s becomes %d."""
    if form[-1] in "sra" and re.fullmatch(r"-?([1-9]\d*)?", form[:-1]):
        return f"{form[:-1]}d"
    if form[-1] not in "diuoxXeEfFgG":
        raise ValueError(f"%({PROCESS_NUM}){form} does not fit, expected %({PROCESS_NUM})02d")
    return form


def _check_bytes(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"%({name})s is not UTF-8, expected a variable that is") from None


def _suggestion(name: str, names: Mapping[str, object]) -> str:
    from difflib import get_close_matches  # only where something is misspelt

    close = get_close_matches(name[:_WIDEST], names, n=1)
    if close:
        return f", did you mean %({close[0]})s?"
    known = ", ".join(f"%({each})s" for each in names if not each.startswith("ENV_"))
    return f", expected one of {known} or %(ENV_X)s of a variable that is set"


def _joined(parts: Iterable[str | Number]) -> tuple[str | Number, ...]:
    """Return ``parts`` with neighbouring texts made one."""
    joined: list[str | Number] = []
    for is_number, run in groupby(parts, key=lambda part: isinstance(part, Number)):
        if is_number:
            joined += run
        else:
            joined.append("".join(part for part in run if isinstance(part, str)))
    return tuple(part for part in joined if part)
