"""Which fields of a journal entry to believe, as matches for the journal.

Every user may write entries with any field, so a field alone proves nothing. journald itself adds
the fields that begin with an underscore, and nobody else can (systemd.journal-fields(7), "Trusted
Journal Fields"). So entries about a unit count only with the trusted fields of a writer that knows:
the service manager, journald, or wctl run by root. journalctl --unit= has the same rule.
"""

from __future__ import annotations

import os

# The fields that may hold the name of the unit, the most significant first; the last is trusted.
UNIT_FIELDS = {
    False: ("UNIT", "OBJECT_SYSTEMD_UNIT", "COREDUMP_UNIT", "_SYSTEMD_UNIT"),
    True: ("USER_UNIT", "OBJECT_SYSTEMD_USER_UNIT", "COREDUMP_USER_UNIT", "_SYSTEMD_USER_UNIT"),
}


def of_manager(*, user: bool) -> tuple[str, ...]:
    """Return the matches for what the service manager writes.

    A user's own manager cannot be told from the user's other processes, which only the user runs.
    """
    return (f"_UID={os.getuid()}",) if user else ("_PID=1", "_UID=0")


def of_journald() -> tuple[str, ...]:
    """Return the matches for what journald writes itself."""
    return ("_TRANSPORT=driver",)


def of_administrator(*, user: bool) -> tuple[str, ...]:
    """Return the matches for what the owner of the units writes: systemd, systemd-coredump, wctl.

    That owner is root, or with ``user`` the user.
    """
    return (f"_UID={os.getuid() if user else 0}",)
