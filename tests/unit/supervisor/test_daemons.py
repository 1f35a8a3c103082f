"""daemons: what wctl learns from the command line of a supervisord."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.supervisor import daemons


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("supervisord -n -c /a/b.conf", "/a/b.conf"),
        ("supervisord -cb.conf", "/srv/b.conf"),
        ("supervisord --configuration=b.conf", "/srv/b.conf"),
        ("supervisord --configuration ../b.conf -n", "/srv/../b.conf"),
    ],
)
def test_configuration_of_a_supervisord(words: str, file: str) -> None:
    """The configuration is the file of the option -c, relative to supervisord's directory."""
    assert daemons._configuration(words.split(), Path("/srv")) == Path(file)
