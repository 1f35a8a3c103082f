"""Supervisor's ``%(name)s`` expansions.

wctl fills in at once every value that it knows when it reads a configuration. It does not know the
number of the process: one unit serves all instances. So the result is a Template. Its numbers are
filled in later: by wctl for one process, or by systemd and the wrapper for a running instance.
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
# In characters. The kernel allows an argument of this length (MAX_ARG_STRLEN), and systemd still
# reads its line in a unit (1 MiB) if every character is escaped.
LONGEST = 1 << 17
# Characters that stand in for numbers while we split a command into words. They come from Unicode's
# private use area, which has no shell syntax.
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
        """The placeholders for the number of the process, in order."""
        return tuple(part for part in self.parts if isinstance(part, Number))

    def text(self, number: int) -> str:
        """Return the text for process ``number``."""
        return "".join(
            [part if isinstance(part, str) else part.text(number) for part in self.parts]
        )

    def stripped(self) -> Template:
        """Return the template without blanks at its beginning and end."""
        marks = self.marks
        return _unmarked(self.marked(marks).strip(), dict(zip(marks, self.numbers)))

    def split(self) -> tuple[Template, ...]:
        """Split into words as Supervisor does: with shell quoting, but without a shell.

        Raises:
            ValueError: a quote is not closed, nothing follows the last backslash, or the number of
                the process would change the words.
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
        """Return the names and values that ``parse`` finds, given the text and its stand-ins.

        Raises:
            ValueError: ``parse`` refuses the text, or the number of the process would change the
                names and values.
        """
        marks, numbers = self.marks, self.numbers
        by_mark = dict(zip(marks, numbers))
        pairs = {name: _unmarked(text, by_mark) for name, text in parse(self.marked(marks), marks)}
        if numbers:
            plain = {name: text.text(0) for name, text in pairs.items()}
            self.check(plain == dict(parse(self.text(0), "")))
        return pairs

    def check(self, same: bool) -> None:
        """Raise unless ``same``: padding the number must not change how the text is split.

        Raises:
            ValueError: ``same`` is false.
        """
        if not same:
            raise ValueError(
                "a number is padded with blanks outside quotes, expected a format such as %02d"
            )

    def marked(self, marks: str | None = None) -> str:
        """Return the text with a stand-in character for each number, for a parser."""
        free = iter(self.marks if marks is None else marks)
        return "".join([part if isinstance(part, str) else next(free) for part in self.parts])

    @property
    def marks(self) -> str:
        """The stand-ins of marked(), in order: characters that do not occur in the text itself."""
        wanted = len(self.numbers)
        if not wanted:
            return ""
        taken = {character for part in self.parts if isinstance(part, str) for character in part}
        free = (chr(code) for code in count(_FIRST_MARK) if chr(code) not in taken)
        return "".join(islice(free, wanted))


Parser = Callable[[str, str], Iterable[tuple[str, str]]]


def _unmarked(text: str, by_mark: Mapping[str, Number]) -> Template:
    """Return the template for ``text``, a piece of the result of marked()."""
    if not any(mark in text for mark in by_mark):
        return Template((text,) if text else ())
    return Template(_joined(by_mark.get(character, character) for character in text))


def expand(value: str, names: Mapping[str, object]) -> Template:
    """Fill ``names`` into ``value``. PROCESS_NUM, if ``names`` has it, becomes a Number.

    Raises:
        ValueError: a name is unknown, a format does not fit its value, a % begins no directive, or
            the result is too long or not UTF-8.
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
    """Return ``value`` with ``text`` in place of every %(name)s; expand() can still expand it.

    A directive that expand() would refuse stays: it may be in a comment or an unused option.
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
    """Return a format for numbers only: the wrapper formats bytes, so %s becomes %d."""
    if form[-1] in "sra" and re.fullmatch(r"-?([1-9]\d*)?", form[:-1]):
        return f"{form[:-1]}d"
    if form[-1] not in "diuoxXeEfFgG":
        raise ValueError(f"%({PROCESS_NUM}){form} does not fit, expected %({PROCESS_NUM})02d")
    return form


def _check_bytes(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"%({name})s is not UTF-8, expected a value in UTF-8") from None


def _suggestion(name: str, names: Mapping[str, object]) -> str:
    from difflib import get_close_matches  # only for a misspelt name

    close = get_close_matches(name[:_WIDEST], names, n=1)
    if close:
        return f", did you mean %({close[0]})s?"
    known = ", ".join(
        f"%({known_name})s" for known_name in names if not known_name.startswith("ENV_")
    )
    return f", expected one of {known}, or %(ENV_X)s for a variable X that is set"


def _joined(parts: Iterable[str | Number]) -> tuple[str | Number, ...]:
    """Return ``parts`` with neighbouring texts joined, and without empty texts."""
    joined: list[str | Number] = []
    for is_number, run in groupby(parts, key=lambda part: isinstance(part, Number)):
        if is_number:
            joined += run
        else:
            joined.append("".join(part for part in run if isinstance(part, str)))
    return tuple(part for part in joined if part)
