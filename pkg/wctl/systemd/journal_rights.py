"""Who may read the journal: for all others, journalctl shows only what they wrote themselves."""

from __future__ import annotations

import os

NEEDED = "only root and the groups adm and systemd-journal may read all lines"
_READERS = {"adm", "systemd-journal", "wheel"}


def may_read() -> bool:
    """Tell whether we may read the journal of the system."""
    import grp  # lazy: most often, root asks

    if os.geteuid() == 0:
        return True
    mine = {os.getegid(), *os.getgroups()}
    return any(group.gr_gid in mine for group in grp.getgrall() if group.gr_name in _READERS)
