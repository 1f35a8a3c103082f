"""service: Supervisor's own service, what an administrator has set for it, whether it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from wctl.supervisor import service
from wctl.systemd.manager import Manager, Unit


class Known:
    """A manager that has one unit."""

    def __init__(self, unit: Unit | None = None, **properties: object) -> None:
        self.unit = unit
        self.known = properties

    def properties(self, wanted: Iterable[tuple[str, Iterable[str]]]) -> Mapping[str, Any]:
        return {unit: self.known for unit, _ in wanted}

    def units(self, _names: Iterable[str]) -> list[Unit]:
        return [self.unit] if self.unit else []


def manager(unit: Unit | None = None, **properties: object) -> Manager:
    """Returns such a manager."""
    return cast(Manager, Known(unit, **properties))


def test_what_an_administrator_has_set(tmp_path: Path) -> None:
    """Only names are told; variables, and what concerns supervisord alone, are left out."""
    drop_in, own = tmp_path / "a.conf", tmp_path / "supervisord.service"
    drop_in.write_text(
        "[Unit]\nAfter=mysql.service\n[Service]\nEnvironment=A=b\n# Nice=1\nLimitNOFILE = 9\n"
    )
    own.write_text("[Unit]\nAfter=network.target\n[Service]\nExecStart=/x\nRestartSec=1\n")
    found = manager(FragmentPath=str(own), DropInPaths=[str(drop_in), str(tmp_path / "gone")])
    assert list(service.settings(found, "s.service")) == [(str(drop_in), "After, LimitNOFILE")]
    packaged = manager(FragmentPath="/usr/lib/systemd/system/dbus.service", DropInPaths=[])
    assert list(service.settings(packaged, "s.service")) == []


@pytest.mark.parametrize(
    ("active", "sub", "runs"),
    [
        ("active", "running", True),
        ("activating", "start", True),
        ("activating", "auto-restart", False),
        ("activating", "auto-restart-queued", False),
        ("failed", "failed", False),
    ],
)
def test_what_waits_for_a_restart_does_not_run(active: str, sub: str, runs: bool) -> None:
    """A supervisord that cannot start is started anew by --back, as one that is down."""
    found = manager(Unit("s.service", "loaded", active, sub))
    assert service.runs(found, "s.service") is runs
    assert not service.runs(manager(), "s.service")
