"""The apt sources of a host become those of a test machine."""

from __future__ import annotations

import pytest

from machine.sources import Source, parse_deb822, parse_one_line

DEB822 = """\
# a comment
Types: deb deb-src
URIs: mirror:/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: mirror:/vendor
Suites: bookworm
Components: stable

Enabled: no
Types: deb
URIs: mirror:/debian
Suites: bookworm
Components: main
"""


def test_only_debians_own_entries_are_kept_and_renamed() -> None:
    """Third-party, disabled and backports entries are dropped; the key block stays as it is."""
    sources = [source.for_suite("bookworm", "trixie") for source in parse_deb822(DEB822)]
    assert [str(source) for source in sources if source] == [
        "Types: deb\n"
        "Suites: trixie trixie-updates\n"
        "URIs: mirror:/debian\n"
        "Components: main contrib\n"
        "Signed-By: \n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
        " .\n"
        " -----END PGP PUBLIC KEY BLOCK-----\n"
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "deb mirror:/debian bookworm main",
            "Types: deb\nSuites: trixie\nURIs: mirror:/debian\nComponents: main\n",
        ),
        (
            "deb [arch=amd64,i386 signed-by=/k.gpg] mirror:/s bookworm-security main # why",
            "Types: deb\nSuites: trixie-security\nURIs: mirror:/s\nComponents: main\n"
            "Architectures: amd64 i386\nSigned-By: /k.gpg\n",
        ),
        ("deb mirror:/postgresql bookworm-pgdg main", None),
        ("deb mirror:/docker bookworm stable", None),
        ("deb-src mirror:/debian bookworm main", None),
    ],
)
def test_one_line_entries(line: str, expected: str | None) -> None:
    """A one-line entry for Debian's binary packages becomes a deb822 stanza; others are dropped."""
    (source,) = parse_one_line(line)
    found: Source | None = source.for_suite("bookworm", "trixie")
    assert (str(found) if found else None) == expected
