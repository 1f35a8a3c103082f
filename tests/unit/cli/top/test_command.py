"""command: what stands below the list of "wctl top"."""

from __future__ import annotations

from collections.abc import Container, Sequence
from types import SimpleNamespace
from typing import Any

from wctl.cli.status.row import Row
from wctl.cli.top.command import _Top
from wctl.errors import WctlError


class Looker:
    """Reaches systemd at the second look only."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.looks = 0

    def look(self, _visible: Container[str]) -> Sequence[Row]:
        self.looks += 1
        if self.looks == 1:
            raise WctlError("cannot reach systemd")
        return []


def test_an_error_stands_until_the_next_look() -> None:
    """Once systemd answers again, top no longer says that it does not."""
    session: Any = SimpleNamespace(reconnect=lambda: None)
    looker: Any = Looker()
    window: Any = None
    top = _Top(session, looker, window, 1.0)
    top._look()
    assert [span.text for line in top._below(80) for span in line.spans] == ["cannot reach systemd"]
    top._look()
    assert top._below(80) == []
