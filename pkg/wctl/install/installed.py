"""The units that wctl has installed on the machine, and the instances that are enabled.

All code that operates workers goes by these units, not by the configuration, because systemd runs
the units.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from wctl.systemd import unit_name
from wctl.trust import accounts
from wctl.units.host import Host
from wctl.units.marker import default_process_name, directives, own_text

if TYPE_CHECKING:
    from wctl.config.model import Config

_TEMPLATE = "@.service"


@dataclass(frozen=True)
class Layout:
    """The directories of systemd and wctl, for the system or for a user."""

    user: bool
    units: Path  # where wctl writes
    vendor: tuple[Path, ...]  # where packages write, in systemd's order
    configuration: Path
    environment: Path

    @classmethod
    def of_system(cls) -> Layout:
        """Return the layout of the system manager."""
        return cls(
            user=False,
            units=Path("/etc/systemd/system"),
            vendor=(Path("/usr/local/lib/systemd/system"), Path("/usr/lib/systemd/system")),
            configuration=Path("/etc/wctl"),
            environment=Path("/etc/wctl/env"),
        )

    @classmethod
    def of_user(cls) -> Layout:
        """Return the layout of the user who runs wctl."""
        home = Path(os.environ.get("XDG_CONFIG_HOME") or accounts.home() / ".config")
        return cls(
            user=True,
            units=home / "systemd/user",
            vendor=(Path("/etc/systemd/user"), Path("/usr/lib/systemd/user")),
            configuration=home / "wctl",
            environment=home / "wctl/env",
        )

    @property
    def runtime(self) -> Path:
        """The directory with a directory for each instance that runs (RuntimeDirectory=)."""
        if self.user:
            return Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}") / "wctl"
        return Path("/run/wctl")

    @property
    def control(self) -> Path:
        """The directory in which systemd keeps what is set until the next boot."""
        if self.user:
            runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
            return Path(runtime) / "systemd/user.control"
        return Path("/run/systemd/system.control")

    @property
    def searched(self) -> tuple[str, ...]:
        """The directories in which wctl looks for configuration files by itself."""
        return str(self.configuration), str(self.configuration / "conf.d")


@dataclass(frozen=True)
class Installed:
    """One installed program, as its unit files describe it."""

    name: str
    file: Path  # its template unit
    source: str
    group: str
    numprocs: int
    numprocs_start: int
    autostart: bool
    enabled: tuple[int, ...]  # the numbers of the instances that its target pulls in
    shipped: bool = False  # a package's units, and no configuration of this machine has others
    at_boot: bool = False  # its target is enabled
    process: str = ""  # Supervisor's name of a process, as a format for process_num
    group_title: str = ""  # the group's name in the configuration

    @property
    def shown(self) -> str:
        """The name as people read and type it."""
        return unit_name.shown(self.name)

    @property
    def configured(self) -> range:
        """The numbers of the instances that were configured when wctl wrote the unit."""
        return range(self.numprocs_start, self.numprocs_start + self.numprocs)

    def dormant(self, *, started: bool) -> bool:
        """Tell whether a package has brought this program, and nobody uses it.

        To use it is to enable its target or an instance ("wctl scale" does), or to start one of its
        units: callers know whether one is ``started``. wctl lists no dormant program, and "all"
        does not mean it. It can be used by its own name, and, as the only program, without a name.
        """
        return self.shipped and not (self.enabled or self.at_boot or started)

    def instance(self, number: int) -> str:
        """Return the unit name of instance ``number``."""
        return f"{self.name}@{number:02d}.service"

    def member(self, number: int) -> Instance:
        """Return instance ``number``, whether it exists or not."""
        return Instance(self.name, self.group, self.instance(number))

    def process_name(self, number: int) -> str:
        """Return Supervisor's name for the process of instance ``number``.

        Where the name has no number, it is that of the first instance: a program that is configured
        as one process may be scaled.
        """
        name = self.process % {"process_num": number}
        fixed = name == self.process % {"process_num": number + 1}
        return f"{name}_{number:02d}" if fixed and number != self.numprocs_start else name

    def number(self, unit: str) -> int | None:
        """Return the number of the instance ``unit``; None if this program has no such instance."""
        match = re.fullmatch(r".*@(\d{2,})\.service", unit, re.ASCII)
        if match and unit == self.instance(int(match[1])):
            return int(match[1])
        return None


def programs(layout: Layout) -> tuple[Installed, ...]:
    """Return all programs that wctl, or packages made with wctl, have installed, sorted by name."""
    found: dict[str, Installed] = {}
    hidden: set[str] = set()
    for directory in (layout.units, *layout.vendor):
        for file in _templates(directory):
            name = file.name[: -len(_TEMPLATE)]
            if name not in hidden:
                hidden.add(name)  # systemd reads only the first directory that has the file
                text = _text(file)
                if text is not None:
                    found[name] = _read(name, file, text, layout)
    return tuple(found[name] for name in sorted(found))


def came_from(program: Installed, config: Config, searched: Container[str] = ()) -> bool:
    """Tell whether a program came from the files of ``config``, or where it would look for files.

    ``searched`` are more directories in which the caller has looked.
    """
    read, files = _places(config.files)
    directory = os.path.dirname(program.source)  # noqa: PTH120 - a str
    if program.source in read or directory in config.searched or directory in searched:
        return True
    # A link may lead to the file, or have led when the program was installed.
    return os.path.realpath(program.source) in files


@lru_cache(maxsize=1)
def _places(read: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the absolute names of the files ``read``, as in the units, and with links followed."""
    absolute = frozenset(map(os.path.abspath, read))
    return absolute, frozenset(map(os.path.realpath, absolute))


def _text(template: Path) -> str | None:
    """Return a template unit of ours; for a mask in its place, the text of the program's target.

    A mask keeps systemd from starting the instances; those that run go on.
    """
    if not is_masked(template):
        return own_text(template)
    return own_text(template.with_name(template.name[: -len(_TEMPLATE)] + ".target"))


def is_masked(path: Path) -> bool:
    """Tell whether a unit file is a mask: a link to /dev/null, or empty (systemd.unit(5))."""
    try:
        return os.path.realpath(path) == "/dev/null" or path.stat().st_size == 0
    except OSError:
        return False  # a link to nowhere


def enabled_since(layout: Layout, instance: Instance) -> float:
    """Return when an instance was enabled (seconds since the epoch); 0 if it is not enabled."""
    link = layout.units / f"{instance.program}.target.wants" / instance.unit
    try:
        return link.lstat().st_mtime
    except OSError:
        return 0.0


def enabled_numbers(layout: Layout, program: str) -> tuple[int, ...]:
    """Return the numbers of the enabled instances, from the links in the .wants directory."""
    try:
        links = os.listdir(layout.units / f"{program}.target.wants")
    except OSError:
        return ()
    pattern = re.compile(rf"{re.escape(program)}@(\d{{2,}})\.service", re.ASCII)
    return tuple(sorted(int(match[1]) for link in links if (match := pattern.fullmatch(link))))


def runs(layout: Layout, program: Installed) -> bool:
    """Tell whether an instance of ``program`` runs, for callers that must not wait for systemd."""
    instances = f"{unit_name.directory(program.name)}@"
    try:
        return any(name.startswith(instances) for name in os.listdir(layout.runtime))
    except OSError:
        return False


def _templates(directory: Path) -> Iterator[Path]:
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        if name.endswith(_TEMPLATE):
            yield directory / name


def _read(name: str, file: Path, text: str, layout: Layout) -> Installed:
    keys = dict(directives(text, "Unit"))
    boot = layout.units / f"{Host(user=layout.user).boot_target}.wants"
    group, numprocs = keys.get("X-Wctl-Group", name), _number(keys.get("X-Wctl-Numprocs"), 1)
    return Installed(
        name=name,
        file=file,
        source=keys.get("X-Wctl-Source", "?"),
        group=group,
        numprocs=numprocs,
        numprocs_start=_number(keys.get("X-Wctl-Numprocs-Start"), 0),
        autostart=_autostart(file.with_name(f"{name}.target")),
        enabled=enabled_numbers(layout, name),
        shipped=file.parent != layout.units,
        at_boot=(boot / f"{name}.target").is_symlink(),
        process=_process(keys.get("X-Wctl-Process"), name, numprocs),
        group_title=unit_name.unquoted(keys.get("X-Wctl-Group-Title", group)),
    )


def _process(word: str | None, name: str, numprocs: int) -> str:
    """Return the format of a program's process names; its default, if the unit has another word."""
    text = unit_name.unquoted(word or "")
    try:
        if text % {"process_num": 0}:
            return text
    except (ValueError, TypeError, KeyError):
        pass
    return default_process_name(unit_name.unquoted(name), numprocs)


def _autostart(target: Path) -> bool:
    keys = dict(directives(own_text(target) or "", "Unit"))
    return keys.get("X-Wctl-Autostart") != "no"


def _number(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() else default


def orphans(layout: Layout, wanted: Iterable[str]) -> tuple[Path, ...]:
    """Return the files that wctl wrote and whose names are not in ``wanted``."""
    names = set(wanted)
    found = []
    for directory, suffixes in (
        (layout.units, (".service", ".target", ".socket")),
        (layout.environment, (".env",)),
    ):
        try:
            files = sorted(directory.iterdir())
        except OSError:
            continue
        found += [
            file
            for file in files
            if file.name.endswith(suffixes)
            and file.name not in names
            and not _is_instance(file)
            and not file.is_symlink()
            and own_text(file) is not None
        ]
    return tuple(found)


def _is_instance(file: Path) -> bool:
    """Tell whether this is x@00.service, a copy that "systemctl edit --full" makes."""
    return "@" in file.name and not file.name.endswith(_TEMPLATE)


@dataclass(frozen=True)
class Instance:
    """An instance, whether systemd has loaded its unit or not."""

    program: str
    group: str
    unit: str  # messenger-worker@00.service

    @property
    def name(self) -> str:
        """The name of the unit without its suffix: messenger-worker@00."""
        return unit_name.short(self.unit)

    @property
    def shown(self) -> str:
        """The name of the instance as people read and type it."""
        return unit_name.shown(self.name)
