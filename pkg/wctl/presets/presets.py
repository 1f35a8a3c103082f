"""The frameworks that "wctl init" knows, and the file that it writes for each."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from wctl.errors import Exit, WctlError
from wctl.presets.application import Application
from wctl.trust.text import printable, shell_join

# In a value, a comment begins after a blank; blanks at the end do not count.
_NOT_A_VALUE = re.compile(r"\s[;#]|\s$")


@dataclass(frozen=True)
class Worker:
    """How an application's worker runs."""

    command: tuple[str, ...]
    writable: tuple[str, ...]  # directories of the application that the worker writes to
    options: tuple[str, ...]  # lines of the file, comments included


@dataclass(frozen=True)
class Preset:
    """One framework."""

    title: str
    needs: str  # what an application of this framework has, in words
    name: str  # of the program, by default
    found: Callable[[Application], bool]
    worker: Callable[[Application], Worker]


def _is_symfony(application: Application) -> bool:
    return application.has("bin/console") and "symfony/messenger" in application.packages


def _symfony(application: Application) -> Worker:
    transports = application.transports() or ["async"]
    health: tuple[str, ...] = ()
    if "doctrine/doctrine-bundle" in application.packages:
        health = (
            "",
            '; "wctl doctor" runs this as the worker\'s user to see whether the database answers.',
            'health_command = php bin/console dbal:run-sql "SELECT 1"',
        )
    return Worker(
        ("php", "bin/console", "messenger:consume", *transports,
         "--time-limit=3600", "--memory-limit=128M", "-vv"),
        ("var/cache", "var"),
        (
            "; A worker finishes its current message before it stops. How many seconds may that"
            " take?",
            "stopsignal = TERM",
            "stopwaitsecs = 60",
            *health,
        ),
    )  # fmt: skip


def _is_laravel(application: Application) -> bool:
    return application.has("artisan") and "laravel/framework" in application.packages


def _laravel(application: Application) -> Worker:
    if "laravel/horizon" in application.packages:
        return Worker(
            ("php", "artisan", "horizon"),
            ("storage/framework", "storage"),
            (
                "; Horizon runs the processes of its queues itself, as config/horizon.php says:"
                " leave numprocs at 1.",
                "; It waits for the jobs in hand. How many seconds may they take?",
                "stopsignal = TERM",
                "stopwaitsecs = 3600",
            ),
        )
    return Worker(
        ("php", "artisan", "queue:work", "--sleep=3", "--tries=3", "--timeout=60",
         "--max-time=3600", "--memory=128"),
        ("storage/framework", "storage"),
        (
            "; A worker finishes its current job before it stops: more than --timeout.",
            "stopsignal = TERM",
            "stopwaitsecs = 70",
        ),
    )  # fmt: skip


PRESETS = {
    "symfony": Preset(
        "Symfony's Messenger", "bin/console, and symfony/messenger in composer.json",
        "messenger-worker", _is_symfony, _symfony,
    ),
    "laravel": Preset(
        "Laravel's queue", "artisan, and laravel/framework in composer.json",
        "queue-worker", _is_laravel, _laravel,
    ),
}  # fmt: skip


def choose(application: Application, framework: str | None) -> Preset:
    """Return the preset of a framework, or of the one that the application uses.

    Raises:
        WctlError: the application does not look like one of this framework, or of any.
    """
    wanted = PRESETS if framework is None else {framework: PRESETS[framework]}
    for preset in wanted.values():
        if preset.found(application):
            return preset
    lacks = "; ".join(f"for {preset.title}, {preset.needs}" for preset in wanted.values())
    raise WctlError(
        f"{application.directory}: no application that wctl knows; expected {lacks}",
        hint="go to the application's directory, or name it with --directory",
        exit_code=Exit.UNKNOWN,
    )


def render(preset: Preset, application: Application, name: str, *, user: bool) -> str:
    """Return the configuration of a program; with ``user``, for the systemd of the user alone.

    Raises:
        WctlError: no value can be the name of the application's directory.
    """
    directory = application.directory
    if not directory.isprintable() or _NOT_A_VALUE.search(directory):
        raise WctlError(f"{printable(directory)}: a configuration cannot have this name in it")
    worker = preset.worker(application)
    runs_as = [] if user else [f"user = {application.user(worker.writable)}"]
    lines = [
        f"; Workers of {preset.title}, run by systemd; wctl.conf(5) describes all options.",
        "; After a change, run: wctl check, then wctl update.",
        "",
        f"[program:{name}]",
        f"command = {shell_join(worker.command).replace('%', '%%')}",
        f"directory = {directory.replace('%', '%%')}",
        *runs_as,
        "",
        '; How many workers to run. "wctl scale 3" changes the number on a running machine.',
        "numprocs = 1",
        "",
        '; Start the workers at boot, and when "wctl update" adds the program.',
        "autostart = true",
        "",
        "; A start has succeeded when the worker has lived for 5 seconds. After a failed start,"
        " wctl tries",
        "; again up to 10 times, with longer and longer waits in between, and then gives up.",
        "startsecs = 5",
        "startretries = 10",
        "",
        "; A worker ends itself now and then, so that memory is not lost; systemd starts it again.",
        "autorestart = true",
        "",
        *worker.options,
    ]
    return "\n".join(lines) + "\n"
