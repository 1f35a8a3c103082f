"""The group of verbs, and what they share: the configuration, and the systemd to act on."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from keyword import iskeyword
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wctl.cli.output import echo, go_on
from wctl.cli.verbs import VERBS
from wctl.errors import Exit

if TYPE_CHECKING:
    from wctl.config.model import Config
    from wctl.install.installed import Installed, Layout
    from wctl.operate.inventory import Inventory
    from wctl.systemd.manager import Manager
    from wctl.units.host import Host

F = TypeVar("F", bound=Callable[..., Any])

# Supervisor's verbs that wctl does not have → what to use instead.
_INSTEAD = {
    "avail": "'wctl reread', or 'wctl status'",
    "fg": "'wctl tail -f NAME'",
    "help": "'wctl --help'",
    "open": "'systemctl -H HOST', or ssh",
    "reload": "'wctl update'",
    "shutdown": "'wctl stop all'",
}


def _refuse_to_be_root_for_others(configuration: Path) -> None:
    """Raise WctlError if we are root, and ``configuration`` or our runtime directory are not."""
    from wctl.errors import WctlError
    from wctl.trust import files

    if os.geteuid() != 0:
        return
    for directory in (configuration, os.environ.get("XDG_RUNTIME_DIR") or "/run/user/0"):
        why = files.not_roots(directory)
        if why is not None:
            raise WctlError(
                f"--user manages your own workers, and you are root, but {why}",
                hint="run wctl as that user, without sudo",
            )


@dataclass
class Session:
    """One run of wctl. It makes expensive objects when a verb first asks for them."""

    user: bool = False
    quiet: bool = False
    debug: bool = False
    files: list[Path] = field(default_factory=list)

    @cached_property
    def layout(self) -> Layout:
        """The directories of units, configuration and variables.

        Raises:
            WctlError: root would act in another user's directories.
        """
        from wctl.install.installed import Layout

        if not self.user:
            return Layout.of_system()
        layout = Layout.of_user()
        _refuse_to_be_root_for_others(layout.configuration)
        return layout

    @cached_property
    def config(self) -> Config:
        """The configuration, as far as it could be read; callers must look at its errors.

        Raises:
            NothingYetError: there is no configuration, and no program whose configuration is gone.
        """
        from wctl.install.installed import programs

        if not any(not found.shipped for found in programs(self.layout)):
            self.need_files()
        return self.any_config

    @cached_property
    def any_config(self) -> Config:
        """The configuration; an empty one if there is none."""
        from wctl.config import load

        return load.load(self._config_files, load.environ())

    @property
    def has_files(self) -> bool:
        """Whether there is a configuration."""
        return bool(self._config_files)

    def need_files(self) -> None:
        """Raise NothingYetError if there is no configuration."""
        from wctl.errors import NothingYetError

        if not self.has_files:
            where = self.layout.configuration
            raise NothingYetError(f"{where}: no configuration, expected wctl.conf or conf.d/*.conf")

    @cached_property
    def _config_files(self) -> Sequence[Path]:
        from wctl.config import load

        return self.files or load.default_files(self.layout.configuration)

    def read_again(self) -> None:
        """Forget the configuration and the installed programs: they may have changed meanwhile."""
        for name in ("config", "any_config", "_config_files"):
            self.__dict__.pop(name, None)
        made = {vars(self).get(name) for name in ("inventory", "whole_inventory")}
        for inventory in filter(None, made):  # cached_property keeps its value in vars()
            inventory.refresh()

    @property
    def searched(self) -> tuple[str, ...]:
        """The directories in which we look for configuration files by ourselves."""
        return () if self.files else self.layout.searched

    def valid_config(self, program: str | None = None) -> Config:
        """Return the configuration, if it is right; for one ``program``, that may use the rest.

        Raises:
            ConfigError: the configuration has errors; with ``program``, errors that concern it.
        """
        from wctl.config import blame
        from wctl.errors import ConfigError

        errors = self.config.errors
        if program is not None and errors:
            errors = blame.of_programs(self.config, blame.blame(self.config, errors), {program})
        if errors:
            raise ConfigError(errors)
        return self.config

    @cached_property
    def manager(self) -> Manager:
        """The connection to systemd."""
        from wctl.systemd.manager import Manager

        return Manager(user=self.user)

    @cached_property
    def inventory(self) -> Inventory:
        """The installed programs that came from the files that the user has named, or all of them.

        Raises:
            ConfigError: such a file cannot be read.
        """
        from wctl.operate.inventory import Inventory

        if not self.files:
            return self.whole_inventory
        self._need_readable_files()
        return Inventory(self.layout, self.manager, self._outside)

    @cached_property
    def whole_inventory(self) -> Inventory:
        """The installed programs and their instances, wherever they came from."""
        from wctl.operate.inventory import Inventory

        return Inventory(self.layout, self.manager)

    def _need_readable_files(self) -> None:
        from wctl.errors import ConfigError

        named = set(map(str, self.files))
        errors = [error for error in self.any_config.errors if error.place.file in named]
        unreadable = tuple(error for error in errors if error.code == "unreadable")
        if unreadable:
            raise ConfigError(unreadable)

    def _outside(self, program: Installed) -> str | None:
        """Return why a program is not from the files that the user has named; None if it is."""
        from wctl.install.installed import came_from

        if came_from(program, self.any_config):
            return None
        return f"comes from {program.source}, not from {', '.join(map(str, self.files))}"

    def command(self, *words: str | Path, files: Sequence[Path] = ()) -> str:
        """Return a wctl command for people to paste, about the same systemd and these files."""
        from wctl.trust.text import shell_join

        options = ["--user"] if self.user else []
        options += [word for file in files for word in ("-c", str(file))]
        return shell_join(["wctl", *options, *map(str, words)])

    def host(self, systemd: int | None = None) -> Host:
        """Return the host that units are written for; ``systemd`` defaults to the local version."""
        from wctl.units.host import Host

        return Host(
            systemd=systemd or self._running,
            user=self.user,
            environment_directory=str(self.layout.environment),
        )

    @cached_property
    def _running(self) -> int:
        """The version of systemd here, over D-Bus if we are connected, or from systemctl."""
        from wctl.systemd import version

        connected = "manager" in vars(self)  # cached_property keeps its value there
        return version.number(self.manager.version()) if connected else version.version()


class _Verbs(click.Group):
    """A group that imports a verb's module when the verb is used."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            echo(ctx.get_help(), err=True)
            if not sys.stdin.isatty():
                echo("\nwctl: missing command; wctl reads none from standard input", err=True)
            ctx.exit(Exit.USAGE)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"wctl.cli.{VERBS[cmd_name].module}")
        command = getattr(module, f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            from wctl.errors import nearest

            instead = _INSTEAD.get(args[0])
            hint = f"; use {instead}" if instead else nearest(args[0], VERBS)
            ctx.fail(f"no such command {args[0]!r}{hint}")
        if args and VERBS[args[0]].changes:
            go_on()
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


def shared(command: F) -> F:
    """Give a command the options that users may type before or after the verb."""
    options = (
        click.option(
            "-c", "--configuration", "files", multiple=True, metavar="FILE",
            type=click.Path(path_type=Path), expose_value=False, callback=_set_files,
            help="Read FILE, for example a supervisord.conf, instead of /etc/wctl, and act on its"
            " programs alone.",
        ),
        click.option(
            "--user", is_flag=True, expose_value=False, callback=_set("user"),
            help="Manage the units of your own systemd (the user manager), not the system's.",
        ),
        click.option(
            "-q", "--quiet", is_flag=True, expose_value=False, callback=_set("quiet"),
            help="Print only results and errors.",
        ),
        click.option(
            "--debug", is_flag=True, expose_value=False, callback=_set("debug"),
            help="Print the traceback of an error.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _set(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
        if value:
            setattr(context.ensure_object(Session), name, True)

    return callback


def _set_files(
    context: click.Context, _parameter: click.Parameter, value: tuple[Path, ...]
) -> None:
    context.ensure_object(Session).files += value


pass_session = click.make_pass_decorator(Session)


_MOST = (1 << 31) - 1
MOST_SECONDS = 1_000_000  # the kernel takes milliseconds, in 32 bits (poll(2))


def at_least(
    lowest: int, most: int = _MOST
) -> Callable[[click.Context, click.Parameter, float | None], float | None]:
    """Return the callback of an option that refuses numbers below ``lowest`` or above ``most``.

    click.IntRange and click.FloatRange would put "[x>=0]" into the help.
    """

    def callback(
        _context: click.Context, _parameter: click.Parameter, value: float | None
    ) -> float | None:
        if value is not None and not lowest <= value <= most:  # nan is neither
            raise click.BadParameter(f"expected a number from {lowest} to {most}")
        return value

    return callback


def _version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        from wctl import __version__

        echo(f"wctl {__version__}")
        context.exit()


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: wctl scale 3",
)
@shared
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version,
    help="Print wctl's version.",
)  # fmt: skip
def wctl() -> None:
    """Run queue workers under systemd, from Supervisor's configuration."""
