"""One run of wctl: its options, the configuration that it reads, and the systemd to act on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wctl.config.model import Config
    from wctl.install.installed import Installed, Layout
    from wctl.operate.inventory import Inventory
    from wctl.systemd.manager import Manager
    from wctl.units.host import Host


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
    only: frozenset[str] = frozenset()  # the names of the programs that are meant; empty: all

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
        self._refresh()

    def _refresh(self) -> None:
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

    def reconnect(self) -> None:
        """Use another connection from now on: this one may be lost."""
        if "manager" in vars(self):
            self.manager.close()
        for name in ("manager", "inventory", "whole_inventory"):
            self.__dict__.pop(name, None)

    @cached_property
    def inventory(self) -> Inventory:
        """The installed programs that the user means: those of some files or names, or all.

        Raises:
            ConfigError: such a file cannot be read.
        """
        from wctl.operate.inventory import Inventory

        if not (self.files or self.only):
            return self.whole_inventory
        self._need_readable_files()
        return Inventory(self.layout, self.manager, self._outside)

    def current_inventory(self) -> Inventory:
        """Return ``inventory`` as it is now, for a session in which things happen in between."""
        self._refresh()
        return self.inventory

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
        """Return why the user does not mean a program; None if the user does."""
        from wctl.install.installed import came_from

        if self.only:
            return None if program.name in self.only else "is none of the programs that are meant"
        if came_from(program, self.any_config):
            return None
        return f"comes from {program.source}, not from {', '.join(map(str, self.files))}"

    def command(self, *words: str | Path, files: Sequence[Path] = ()) -> str:
        """Return a wctl command for people to paste, about the same systemd and these files."""
        from wctl.trust.text import shell_join

        return shell_join(["wctl", *self.arguments(*words, files=files)])

    def arguments(self, *words: str | Path, files: Sequence[Path] = ()) -> list[str]:
        """Return the arguments of a wctl command about the same systemd, and these files."""
        options = ["--user"] if self.user else []
        options += [word for file in files for word in ("-c", str(file))]
        return [*options, *map(str, words)]

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
