"""How the selected instance ended, and what its worker wrote last, if it does not run."""

from __future__ import annotations

from contextlib import suppress

from wctl.cli.top.listing import Item
from wctl.errors import WctlError
from wctl.operate.states import STOPPED_STATES, Process, State
from wctl.session.session import Session
from wctl.trust.text import printable

_WORDS = 5  # lines of the worker


class LastRun:
    """What is known of last runs; the journal is asked once about each."""

    def __init__(self, session: Session) -> None:
        """Know nothing yet."""
        self._session = session
        self._known: dict[tuple[str, State, float | None], list[str]] = {}

    def lines(self, item: Item | None) -> list[str]:
        """Return what is known of an instance that has ended; nothing of what has not."""
        if item is None or item.row is None or "@" not in item.row.process.unit:
            return []
        process = item.row.process
        if process.state not in STOPPED_STATES or process.since is None:
            return []
        run = (process.unit, process.state, process.since)
        if run not in self._known:
            with suppress(WctlError):  # the next look at the states says what is wrong
                self._known[run] = [printable(text) for text in self._ask(process)]
        return self._known.get(run, [])

    def _ask(self, process: Process) -> list[str]:
        from wctl.operate.last_exits import last_exits  # lazy: most workers run
        from wctl.operate.last_words import last_words

        manager = self._session.manager
        last = last_exits(manager, [process], {})[process.unit]
        said = [f"last exit: {last.words}"] if last else []
        if process.state is State.FATAL:
            said += last_words(manager, process.unit, since=0.0).worker[-_WORDS:]
        return said
