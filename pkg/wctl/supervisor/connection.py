"""Where supervisord listens, and who listens there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from wctl.config import includes, load
from wctl.config.expansion import expand
from wctl.config.includes import Merged
from wctl.config.ini import Entry
from wctl.errors import Diagnostics, Exit, WctlError
from wctl.trust import accounts, files, sockets

_UNIX = "unix://"


class SilentError(WctlError):
    """supervisord does not answer now; one that has just been started soon will."""


@contextmanager
def configuration(file: Path) -> Iterator[str]:
    """Yield a configuration with which supervisorctl finds supervisord, and nothing more.

    supervisorctl imports the modules that its configuration names ([ctlplugin:x]), and included
    files may belong to other users. The configuration is good in the context, which holds the
    socket.

    Raises:
        SilentError: nobody listens at the socket.
        WctlError: somebody else listens than supervisord's user.
    """
    names = load.names_of(load.environ())
    sections = includes.read([file], names, Diagnostics()).by_name
    options = _options(sections, names)
    url = options.get("serverurl", "")
    with ExitStack() as stack:
        if url.startswith(_UNIX):
            path = os.path.join("/", os.path.expanduser(url[len(_UNIX) :]))  # noqa: PTH111, PTH118
            try:
                held, uid = stack.enter_context(sockets.listener(path))
            except OSError as error:
                raise SilentError(
                    f"supervisord does not answer: {path}: {error.strerror or error}",
                    exit_code=Exit.UNKNOWN,
                ) from None
            if uid not in _users(sections, names):
                raise WctlError(
                    f"supervisord does not answer: user {accounts.name(uid)} listens at {path}, so"
                    " wctl sends nothing there",
                    hint=f"start supervisord, or correct the address in {file}",
                    exit_code=Exit.UNKNOWN,
                )
            options["serverurl"] = f"{_UNIX}{held}"
        lines = (f"{key}={value.replace('%', '%%')}\n" for key, value in options.items())
        yield "".join(["[supervisorctl]\n", *lines])


def _options(sections: Mapping[str, Merged], names: Mapping[str, object]) -> dict[str, str]:
    """Return the options of [supervisorctl] that lead to supervisord."""
    found = {}
    for key in ("serverurl", "username", "password"):
        value = _value(sections, "supervisorctl", key, names)
        if value is not None:
            found[key] = value
    path = _value(sections, "unix_http_server", "file", names)
    if path is not None:
        found.setdefault("serverurl", f"{_UNIX}{path}")
    return found


def _users(sections: Mapping[str, Merged], names: Mapping[str, object]) -> set[int]:
    """Return who may listen: root, we, and the user that the configuration gives supervisord."""
    user = _value(sections, "supervisord", "user", names)
    account = accounts.find(user) if user is not None else None
    return {0, os.geteuid()} | ({account.pw_uid} if account is not None else set())


def _value(
    sections: Mapping[str, Merged], section: str, key: str, names: Mapping[str, object]
) -> str | None:
    """Return the value of an option, on one line as Supervisor writes it.

    Raises:
        WctlError: it has an expansion that Supervisor does not know, either; or it comes from an
            included file of others, who could name their own address and get root's password.
    """
    entry = sections[section].entries.get(key) if section in sections else None
    if entry is None:
        return None
    why = _whose(entry) if os.geteuid() == 0 else None
    if why:
        raise WctlError(
            f"{entry.place}: [{section}] {key}: {why}; wctl does not ask supervisord there",
            hint=f"move {key} into a file that root alone can change",
            exit_code=Exit.UNKNOWN,
        )
    try:
        text = expand(entry.value, {**names, "here": includes.here(entry.place)}).text(0)
    except ValueError as error:
        raise WctlError(f"{entry.place}: {key}: {error}") from None
    return " ".join(text.split())


def _whose(entry: Entry) -> str | None:
    try:
        return files.not_roots(entry.place.file)
    except OSError as error:
        return error.strerror
