"""Turns the host's apt sources into those of a test machine.

The tests contain no addresses: a machine uses the host's Debian sources, with the name of the
wanted release in place of the host's.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


class SourceError(Exception):
    """The host has no suitable apt source."""


def host_release() -> tuple[str, str]:
    """Returns ID and VERSION_CODENAME of os-release(5), for example ("debian", "bookworm")."""
    values = {}
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        values[key] = value.strip("\"'")
    return values.get("ID", ""), values.get("VERSION_CODENAME", "")


@dataclass(frozen=True)
class Source:
    """One stanza of sources.list(5) in its deb822 form."""

    fields: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        return next((value for key, value in self.fields if key.lower() == name.lower()), "")

    def for_suite(self, release: str, suite: str) -> Source | None:
        """Returns this source for `suite` instead of `release`; None if it is not Debian's.

        Third parties, whose servers may be slow or gone, name their suites differently
        (bookworm-pgdg), or have no component "main" (bookworm stable).
        """
        ours = {release: suite, f"{release}-updates": f"{suite}-updates"}
        ours[f"{release}-security"] = f"{suite}-security"
        suites = [ours[name] for name in self.get("Suites").split() if name in ours]
        enabled = self.get("Enabled").lower() not in ("no", "false", "0")
        if not (
            enabled and suites and self._has("Types", "deb") and self._has("Components", "main")
        ):
            return None
        others = tuple(field for field in self.fields if field[0] not in ("Suites", "Types"))
        return Source((("Types", "deb"), ("Suites", " ".join(suites)), *others))

    def _has(self, name: str, word: str) -> bool:
        return word in self.get(name).split()

    def __str__(self) -> str:
        return "".join(f"{key}: {value}\n" for key, value in self.fields)


def parse_deb822(text: str) -> Iterator[Source]:
    for stanza in text.split("\n\n"):
        fields: list[tuple[str, str]] = []
        for line in stanza.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":  # a folded value, such as a key in Signed-By
                key, value = fields.pop()
                fields.append((key, f"{value}\n{line}"))
            else:
                key, _, value = line.partition(":")
                fields.append((key.strip(), value.strip()))
        if fields:
            yield Source(tuple(fields))


def parse_one_line(text: str) -> Iterator[Source]:
    """Yields sources in the older form: deb [option=value ...] uri suite component ..."""
    names = {"arch": "Architectures", "lang": "Languages", "target": "Targets"}
    for line in text.splitlines():
        words = line.partition("#")[0].replace("[", " [ ").replace("]", " ] ").split()
        if not words or words[0] not in ("deb", "deb-src"):
            continue
        options: list[tuple[str, str]] = []
        if "[" in words:
            inside = words[words.index("[") + 1 : words.index("]")]
            words = words[:1] + words[words.index("]") + 1 :]
            for option in inside:
                key, _, value = option.partition("=")
                options.append((names.get(key, key.title()), value.replace(",", " ")))
        kind, uri, suite, *components = words
        yield Source(
            (
                ("Types", kind),
                ("URIs", uri),
                ("Suites", suite),
                ("Components", " ".join(components)),
                *options,
            )
        )


def configured_sources() -> Iterator[Source]:
    etc = Path("/etc/apt")
    for path in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        if path.is_file():
            yield from parse_one_line(path.read_text())
    for path in sorted((etc / "sources.list.d").glob("*.sources")):
        yield from parse_deb822(path.read_text())


def debian_sources(suite: str) -> str:
    """Returns the host's Debian sources, changed to `suite`, as the text of a .sources file."""
    release = host_release()[1]
    found = (source.for_suite(release, suite) for source in configured_sources())
    stanzas = [str(source) for source in found if source]
    if not stanzas:
        raise SourceError(f"no Debian source for {release or 'this host'} is set up in /etc/apt")
    return "\n".join(stanzas)


def apt_transport_options() -> str:
    """Returns the host's settings for reaching apt sources: proxies, certificates, date checks."""
    dump = subprocess.run(
        ["apt-config", "dump", "--no-empty", "Acquire"], capture_output=True, text=True, check=True
    )
    wanted = ("Acquire::http", "Acquire::Check-", "Acquire::Max-", "Acquire::AllowInsecure")
    return "".join(f"{line}\n" for line in dump.stdout.splitlines() if line.startswith(wanted))


def proxy_environment() -> list[str]:
    names = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy")
    return [f"{name}={os.environ[name]}" for name in names if name in os.environ]
