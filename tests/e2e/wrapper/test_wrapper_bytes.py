"""argv and environment arrive byte for byte: from the INI file through systemd to the worker."""

from __future__ import annotations

import json
import os
import shlex

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from e2e.wrapper.fleet import Fleet
from machine.driver import wait_for

PROBE = """
import json, os
def read(name):
    with open(f"/proc/self/{name}", "rb") as file:
        return [each.decode("latin-1") for each in file.read().split(b"\\0")[:-1]]
name = os.environ["SUPERVISOR_GROUP_NAME"]
with open(f"/run/bytes/{name}.new", "w") as file:
    json.dump([read("cmdline")[4:], read("environ")], file)
os.rename(f"/run/bytes/{name}.new", f"/run/bytes/{name}")
"""
COLLECT = """
import json, os
os.chdir("/run/bytes")
print(json.dumps({name: json.load(open(name)) for name in os.listdir()}))
"""
FULL = "WCTL_TEST_FULL" in os.environ
AT_ONCE = 60  # programs in one reload

NASTY = "'\"%$\\ ;#\n\t`{}[]()=,:@!*?~&|<>^-+/é€😀\x01\x1b\x7f"
WORDS = st.text(
    st.one_of(
        st.sampled_from(NASTY),
        st.sampled_from("abcNn0"),
        # Without the characters that the parser refuses: those that end a line, for example.
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]),
    ),
    max_size=12,
)
ARGUMENTS = st.lists(WORDS, max_size=4)
# Values that Supervisor's list syntax allows: one kind of quote around the value, none at its ends.
VALUES = WORDS.map(
    lambda text: text.replace('"', "'").replace("\n", "").strip("' \t;#").replace("\t", "")
).filter(lambda text: " ;" not in text and " #" not in text)
CASES = st.lists(st.tuples(ARGUMENTS, VALUES), min_size=AT_ONCE, max_size=AT_ONCE)


def ini(word: str) -> str:
    """Returns a word for `command`: quoted as in a shell, and without a comment in it."""
    text = shlex.quote(word).replace("%", "%%")
    # Inside quotes, '' closes and reopens them: white space then neither begins a comment nor is at
    # the beginning or end of a line.
    for white in (" ", "\t"):
        text = text.replace(white, f"{white}''")
    return text.replace("\n", "''\n    ''")


@pytest.fixture
def bytes_probe(fleet: Fleet) -> Fleet:
    """The fleet, with the probe in its machine."""
    fleet.machine.write("/opt/probe/bytes.py", PROBE)
    fleet.machine.run("mkdir -p /run/bytes")
    return fleet


# derandomize: the seed depends on the source of this function, docstring included.
@settings(
    max_examples=3 if FULL else 1, deadline=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(cases=CASES)
def test_every_byte_arrives(bytes_probe: Fleet, cases: list[tuple[list[str], str]]) -> None:
    """Whatever an argument or a variable holds, the worker gets it unchanged."""
    fleet = bytes_probe
    fleet.programs.clear()
    fleet.machine.run("rm -f /run/bytes/*")
    for number, (arguments, value) in enumerate(cases):
        words = " ".join(map(ini, arguments))
        escaped = value.replace("%", "%%")
        fleet.add(
            f"bytes{number}", f"command=/usr/bin/python3 -I -S /opt/probe/bytes.py {words}",
            f'environment=X="{escaped}"', "startsecs=0", "autorestart=false",
        )  # fmt: skip
    fleet.run()
    wait_for(
        lambda: (
            fleet.machine.run("ls /run/bytes | grep -vc new", check=False).out.strip()
            == str(len(cases))
        ),
        60,
        "all probes",
    )
    found = json.loads(fleet.machine.run(["python3", "-c", COLLECT]).out)
    wrong = []
    for number, (arguments, value) in enumerate(cases):
        argv, environ = found[f"bytes{number}"]
        got = [_text(each) for each in argv]
        variable = [_text(each[2:]) for each in environ if each.startswith("X=")]
        if (got, variable) != (arguments, [value]):
            wrong.append(f"{arguments!r} arrived as {got!r}, {value!r} as {variable!r}")
    assert not wrong, "\n".join(wrong)


def _text(latin: str) -> str:
    return latin.encode("latin-1").decode("utf-8", "surrogateescape")
