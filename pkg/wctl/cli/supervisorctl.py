"""supervisorctl: do what Supervisor's own client does, for scripts and people who know it."""

from __future__ import annotations

from pathlib import Path

import click

from wctl.cli.app import pass_session
from wctl.cli.completion import complete_supervisorctl
from wctl.cli.output import Lines, echo, is_lost
from wctl.session.session import Session


class _Output:
    """Prints what the client says."""

    def __init__(self) -> None:
        self._lines = Lines()

    def line(self, text: str) -> None:
        """Print a line."""
        self._lines.flush()
        echo(text)

    def note(self, text: str) -> None:
        """Print a line to stderr."""
        echo(text, err=True)

    def data(self, data: bytes) -> None:
        """Print what a worker wrote."""
        self._lines.write(data)

    def flush(self) -> None:
        """Write out what still waits."""
        self._lines.flush()

    def lost(self) -> bool:
        """Tell whether nobody can read what we print any more."""
        return is_lost()


_LONG = (
    "configuration",
    "help",
    "history_file",
    "interactive",
    "password",
    "serverurl",
    "username",
)


def _completed(word: str) -> str:
    """Return the name of the option that ``word`` begins, as getopt(3) takes it."""
    found = [name for name in _LONG if name.startswith(word.replace("-", "_"))]
    return found[0] if len(found) == 1 and len(word) > 1 else word


@click.command(
    context_settings={
        "allow_interspersed_args": False,
        "help_option_names": ["-h", "-?", "--help"],
        "token_normalize_func": _completed,
    }
)
@click.option(
    "-c", "--configuration", "file", type=click.Path(path_type=Path), metavar="FILE",
    help="Act on the programs of FILE, for example a supervisord.conf.",
)  # fmt: skip
@click.option(
    "-s", "--serverurl", "url", metavar="URL",
    help="Accepted if it is a URL of this machine; wctl needs none.",
)  # fmt: skip
@click.option("-u", "--username", metavar="NAME", expose_value=False, help="Without effect.")
@click.option("-p", "--password", metavar="WORD", expose_value=False, help="Without effect.")
@click.option("-i", "--interactive", is_flag=True, help="Ask before reload and shutdown.")
@click.option(
    "-r", "--history_file", "history", type=click.Path(path_type=Path), metavar="FILE",
    help="Keep what is typed at the prompt in FILE.",
)  # fmt: skip
@click.argument(
    "words", nargs=-1, type=click.UNPROCESSED, metavar="[ACTION [ARGUMENT]...]",
    shell_complete=complete_supervisorctl,
)  # fmt: skip
@pass_session
def supervisorctl(
    session: Session,
    *,
    file: Path | None,
    url: str | None,
    interactive: bool,
    history: Path | None,
    words: tuple[str, ...],
) -> int:
    """Do what supervisorctl does, with its names, words and exit codes.

    Scripts and tools that run supervisorctl need no change. Without an ACTION, wctl reads
    actions from stdin, at a prompt. 'wctl supervisorctl help' shows all actions.

    Example: wctl supervisorctl restart messenger-worker:messenger-worker_00
    """
    from wctl.api.ctl.controller import Controller
    from wctl.api.ctl.face import Face

    if url is not None or file is not None:
        from wctl.api.ctl import server  # lazy: it reads the configuration

        if url is not None:
            server.check(url)
        if file is not None:
            server.choose(session, file)
    face = Face(session, _Output(), interactive=interactive or not words)
    controller = Controller(face)
    if words:
        controller.onecmd(" ".join(words))
        return face.code
    controller.talk(history)
    return 0  # as supervisorctl, whatever has happened
