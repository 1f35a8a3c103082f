"""minfds and minprocs: Supervisor raises a limit that is lower, and never lowers one.

LimitNOFILE= and LimitNPROC= would also lower a limit, on a machine that allows more. And a limit of
processes counts all processes of the worker's user, so a low one keeps the worker from starting.
"""

import resource


def raise_all(unit: str, minfds: int, minprocs: int) -> None:
    """Raise this process's limits of open files and of its user's processes; 0: leave the limit.

    What we may not raise, we raise as far as we may, and say so: the worker matters more.
    """
    for name, kind, least in (
        ("minfds", resource.RLIMIT_NOFILE, minfds),
        ("minprocs", resource.RLIMIT_NPROC, minprocs),
    ):
        got = _raise(kind, least)
        if got < least:
            from .journald import say  # needed only when something is wrong

            say(f"<4>{unit}: {name}={least} is out of reach, the limit stays at {got}")


def _raise(kind: int, least: int) -> int:
    """Raise the soft limit ``kind`` to ``least``, or as far as we may; return what holds now."""
    soft, hard = resource.getrlimit(kind)
    if soft == resource.RLIM_INFINITY or soft >= least:
        return least
    wanted = [(least, hard)]
    if hard != resource.RLIM_INFINITY and hard < least:
        wanted = [(least, least), (hard, hard)]  # only root may raise the hard limit (setrlimit(2))
    for limits in wanted:
        try:
            resource.setrlimit(kind, limits)
        except (OSError, ValueError):
            continue
        return limits[0]
    return soft
