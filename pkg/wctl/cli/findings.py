"""Prints what check finds about one file."""

from __future__ import annotations

from wctl.check import checker
from wctl.cli.output import echo
from wctl.session.session import Session


def show_findings(session: Session, path: str) -> int:
    """Print the findings about ``path``, as "wctl check" does; return the number of errors."""
    config = session.config
    found = [*config.diagnostics, *checker.check(config, session.layout)]
    here = [finding for finding in found if finding.place.file == path]
    for finding in sorted(here, key=lambda finding: finding.place.line):
        echo(finding, err=True)
    return sum(finding.error for finding in here)
