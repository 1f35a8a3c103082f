"""Points in time as users type them, after systemd.time(7): "10 min ago", "today", "09:30"."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta

_UNITS = (
    (("us", "usec"), 1),
    (("ms", "msec"), 1_000),
    (("", "s", "sec", "second", "seconds"), 1_000_000),
    (("m", "min", "minute", "minutes"), 60_000_000),
    (("h", "hr", "hour", "hours"), 3_600_000_000),
    (("d", "day", "days"), 86_400_000_000),
    (("w", "week", "weeks"), 604_800_000_000),
)
_FACTORS = {name: factor for names, factor in _UNITS for name in names}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII)
_EPOCH = re.compile(r"@\d+(\.\d+)?", re.ASCII)
_END = 1 << 63  # microseconds
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_FRACTION = re.compile(r"\.(\d{1,6})\d*", re.ASCII)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", re.ASCII)


def moment(text: str) -> int:
    """Return the microseconds since the epoch that ``text`` means; 0 for a time before the epoch.

    Raises:
        ValueError: ``text`` is not a point in time, or one that the journal cannot count to.
    """
    try:
        found = max(0, _moment(text.strip()))
    except OverflowError:
        found = _END
    if found >= _END:
        raise ValueError("this time is too far away")
    return found


def _moment(word: str) -> int:
    now = time.time_ns() // 1000
    if word == "now":
        return now
    if word in _DAYS:
        midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return _microseconds(midnight + timedelta(days=_DAYS[word]))
    if _EPOCH.fullmatch(word):
        return round(float(word[1:]) * 1_000_000)
    if word.startswith("+"):
        return now + span(word[1:])
    ago = span_or_none(word.lstrip("-").removesuffix("ago") if "-" not in word[1:] else word)
    return _date(word) if ago is None else now - ago


def span(text: str) -> int:
    """Return a length of time, such as "1h 30min", in microseconds.

    Raises:
        ValueError: ``text`` is not a length of time.
    """
    found = span_or_none(text)
    if found is None:
        raise ValueError(f"{text!r} is not a length of time such as 90s, 10min or 1h 30min")
    return found


def span_or_none(text: str) -> int | None:
    """Return a length of time in microseconds, None if ``text`` is not a length of time."""
    parts = _PART.findall(text.strip())
    if not parts or _PART.sub("", text.strip()):
        return None
    if any(unit not in _FACTORS for _, unit in parts):
        return None
    return round(sum(float(number) * _FACTORS[unit] for number, unit in parts))


def _date(word: str) -> int:
    if _CLOCK.fullmatch(word):
        word = f"{datetime.now():%Y-%m-%d} {word.zfill(5) if len(word) < 6 else word}"
    # In Python 3.9 and 3.10, datetime.fromisoformat() takes no "Z", and only fractions of 3 or 6
    # digits.
    iso = re.sub(r"\s*(Z|UTC)$", "+00:00", word)
    iso = _FRACTION.sub(lambda match: f".{match[1]:0<6}", iso)
    try:
        return _microseconds(datetime.fromisoformat(iso))
    except ValueError:
        raise ValueError(
            f"{word!r} is not a time such as '2026-01-31 09:30', 09:30, yesterday, '10 min ago'"
            " or @1767225600"
        ) from None


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
