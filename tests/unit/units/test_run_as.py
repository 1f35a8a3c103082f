"""run_as: as whom systemd runs a program, by its options and by its unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.doctor.programs import program
from wctl.units import run_as
from wctl.units.host import Host
from wctl.units.run_as import RunAs
from wctl.units.service import Service


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ("", RunAs()),
        ("user=a", RunAs("a")),
        ("user=a\nsystemd.Service.User=b", RunAs("b")),
        ("user=a\nSystemd.Service.User =", RunAs()),
        ("user=a\nsystemd.Service.user=b\nsystemd.Unit.User=c", RunAs("a")),
        ("systemd.Service.User=\n  b", RunAs("b")),
        (
            "systemd.Service.Group=g\nsystemd.Service.SupplementaryGroups=h i",
            RunAs("", "g", ("h", "i")),
        ),
        ("systemd.Service.DynamicUser=TRUE", RunAs(dynamic=True)),
        ("systemd.Service.DynamicUser=Off", RunAs()),
    ],
)
def test_options_and_unit_agree(tmp_path: Path, options: str, who: RunAs) -> None:
    """What counts is the unit's last word, and the unit has the directives of the program."""
    found = program(tmp_path, f"command=true\n{options}")
    assert run_as.of(found) == who
    unit = Service(found, Host(), {}, ()).unit()
    assert run_as.written(unit.text()) == run_as.directives(found)
