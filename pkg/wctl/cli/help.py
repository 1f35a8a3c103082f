"""help: what a command does, as --help shows it; and the pages of the manual, by topics."""

from __future__ import annotations

from pathlib import Path

import click

from wctl.cli.output import echo
from wctl.cli.verbs import SYNONYMS, VERBS
from wctl.errors import WctlError, nearest

# Names of pages, and what else people call them.
_PAGES = {
    "wctl": "man1/wctl.1",
    "manual": "man1/wctl.1",
    "wctl.conf": "man5/wctl.conf.5",
    "configuration": "man5/wctl.conf.5",
    "options": "man5/wctl.conf.5",
    "wctl-cookbook": "man7/wctl-cookbook.7",
    "cookbook": "man7/wctl-cookbook.7",
    "wctl.news": "man7/wctl.news.7",
    "news": "man7/wctl.news.7",
}
_MAN = Path("share/man")
_TOPICS = ", ".join(_PAGES)


@click.command(epilog=f"Topics: {_TOPICS}.")
@click.argument("topic", required=False, metavar="[COMMAND | TOPIC]")
@click.pass_context
def help(context: click.Context, topic: str | None) -> None:
    """Show what a command does, all commands, or a page of the manual.

    Example: wctl help configuration
    """
    group = context.find_root()
    if topic is None:
        echo(group.get_help())
        return
    assert isinstance(group.command, click.Group)
    if topic in _PAGES:
        _show(_PAGES[topic])
        return
    if topic not in (*VERBS, *SYNONYMS):
        near = nearest(topic, _PAGES)
        if near:
            raise click.UsageError(f"no such topic {topic!r}{near}")
    name, found, _ = group.command.resolve_command(group, [topic])
    assert found is not None
    echo(found.get_help(click.Context(found, group, info_name=name)))


def _show(page: str) -> None:
    """Show a page of the manual, wherever wctl was installed: man(1) may not look there.

    Raises:
        WctlError: the page, or man(1), is not there.
    """
    from wctl.trust import commands

    file = _find(page)
    code = commands.show_page(file)
    if code == commands.NOT_FOUND:
        raise WctlError("man is not installed", hint=f"the page is {file}")
    if code:
        raise WctlError(f"man: ended with exit status {code}", hint=f"the page is {file}")


def _find(page: str) -> Path:
    """Return the file of a page.

    Raises:
        WctlError: it is not there.
    """
    here = Path(__file__)
    names = [_MAN / page, _MAN / f"{page}.gz"]
    # A wheel has it in the share/ of its prefix, and a source tree beside the package.
    candidates = [above / name for above in here.parents for name in names]
    candidates.append(here.parents[2] / "man" / Path(page).name)
    for file in candidates:
        if file.is_file():
            return file
    raise WctlError(f"this installation has no manual page {Path(page).name}")
