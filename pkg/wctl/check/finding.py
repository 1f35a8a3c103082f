"""What the checks of a program yield."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wctl.config.program import Program


@dataclass(frozen=True)
class Found:
    """A finding, before it has its place."""

    code: str
    key: str
    problem: str


Check = Callable[[Program], Iterator[Found]]
