"""load: files become programs and groups; conflicts between sections are reported."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from unit.config.configured import CAT, X, Y, Z, configured, findings, program, write
from wctl.config.load import default_files, load, only
from wctl.config.load import program as named
from wctl.config.model import Group
from wctl.errors import Place, WctlError
from wctl.units.host import Host
from wctl.units.render import render

SHARED = "[supervisord]\numask=027\nuser=u\ndirectory=%(here)s\nminfds=9\nminprocs=8\n"


def test_supervisord_has_defaults_for_all_programs(tmp_path: Path) -> None:
    """[supervisord] has defaults for umask, user and directory; its limits are for all programs."""
    config = configured(tmp_path, f"{X}{Y}umask=077\nuser=v\ndirectory=/d\n{SHARED}")
    found = [
        (
            settings.umask,
            settings.user,
            settings.directory and settings.directory.text(0),
            settings.minfds,
            settings.minprocs,
        )
        for settings in (program(config, "x"), program(config, "y"))
    ]
    assert found == [(0o27, "u", str(tmp_path), 9, 8), (0o77, "v", "/d", 9, 8)]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (X, "basic"),
        (f"[supervisord]\n{X}", "off"),
        (f"{X}[supervisord]\numask=022\n", "off"),
        (f"[supervisord]\n{X}hardening=strict\n", "strict"),
        (f"[supervisord]\nwctl_ignore=root-worker\n{X}", "basic"),
        (f"[supervisorctl]\n{X}", "basic"),
    ],
)
def test_a_file_with_supervisord_means_what_it_means_to_supervisor(
    tmp_path: Path, text: str, level: str
) -> None:
    """Such a file, which sets up supervisord, gets no sandbox that it does not ask for."""
    found = program(configured(tmp_path, text), "x")
    assert (found.hardening, found.for_supervisor) == (level, level != "basic")


def test_only_the_file_with_supervisord_and_its_includes_were_written_for_it(
    tmp_path: Path,
) -> None:
    """[supervisord] in one file of several says nothing about the others."""
    write(
        tmp_path,
        {
            "a.conf": f"{X}[include]\nfiles=b.inc\n",
            "b.inc": f"[supervisord]\n{Y}",
            "c.conf": Z,
        },
    )
    found = load([tmp_path / "a.conf", tmp_path / "c.conf"], {})
    assert [each.for_supervisor for each in found.programs] == [True, True, False]


def test_environment_of_supervisord(tmp_path: Path) -> None:
    """Programs have the variables of [supervisord], may replace them, and use them in options."""
    shared = '[supervisord]\nenvironment=A="a %(ENV_PLAIN)s",B="b",USER="u"\n'
    config = configured(tmp_path, f'{shared}{X}user=%(ENV_USER)s\nenvironment=B="%(ENV_A)s",C=c\n')
    found = program(config, "x")
    assert {name: text.text(0) for name, text in found.environment} == {
        "A": "a value", "B": "a value", "USER": "u", "C": "c",
    }  # fmt: skip
    assert found.user == "u"


def test_what_is_wrong_in_supervisord(tmp_path: Path) -> None:
    """wctl reports every bad value of [supervisord], only in that section."""
    text = "[supervisord]\numask=9\nuser=a b\nminfds=y\nminprocs=x\nenvironment=A=%(process_num)d\n"
    text += "directory=srv\n"
    config = configured(tmp_path, text + X)
    assert [
        (diagnostic.place.line, diagnostic.section, diagnostic.key, diagnostic.code)
        for diagnostic in config.diagnostics
    ] == [
        (2, "supervisord", "umask", "bad-value"),
        (3, "supervisord", "user", "bad-value"),
        (4, "supervisord", "minfds", "bad-value"),
        (5, "supervisord", "minprocs", "bad-value"),
        (6, "supervisord", "environment", "bad-value"),
        (7, "supervisord", "directory", "bad-value"),
    ]


def test_default(tmp_path: Path) -> None:
    """[DEFAULT] of any file has defaults for every program."""
    text = f"{X}priority=4\n[DEFAULT]\npriority=3\nnumprocs=2\n[include]\nfiles=conf.d/*\n"
    config = configured(tmp_path, text, a=f"{Y}[DEFAULT]\nnumprocs=5\n")
    found = {program.title: (program.priority, program.numprocs) for program in config.programs}
    assert found == {"x": (4, 5), "y": (3, 5)}


def test_default_of_groups_and_of_supervisord(tmp_path: Path) -> None:
    """[DEFAULT] also has defaults for groups (priority) and for [supervisord] (environment)."""
    text = "[DEFAULT]\npriority=3\nenvironment=A=1,B=2\n[supervisord]\n[group:g]\nprograms=x\n"
    config = configured(tmp_path, f"{text}{X}environment=B=3\n")
    found = program(config, "x").environment
    assert {name: text.text(0) for name, text in found} == {"A": "1", "B": "3"}
    assert [group.priority for group in config.groups] == [3]


def test_names_of_the_machine_and_of_the_groups(tmp_path: Path) -> None:
    """%(host_node_name)s is the machine; %(group_name)s is the program's group, or its own name."""
    text = "command=/bin/echo %(host_node_name)s %(program_name)s %(group_name)s\n"
    config = configured(tmp_path, f"[program:x]\n{text}[program:y]\n{text}[group:g]\nprograms=y\n")
    node = platform.node()
    assert [[word.text(0) for word in program.command[1:]] for program in config.programs] == [
        [node, "x", "x"], [node, "y", "g"],
    ]  # fmt: skip


def test_default_files(tmp_path: Path) -> None:
    """wctl reads wctl.conf, then conf.d/*.conf by name."""
    assert default_files(tmp_path) == ()
    write(tmp_path, {"conf.d/b.conf": "", "conf.d/a.conf": "", "conf.d/c.txt": ""})
    names = ["conf.d/a.conf", "conf.d/b.conf"]
    assert [str(path.relative_to(tmp_path)) for path in default_files(tmp_path)] == names
    write(tmp_path, {"wctl.conf": ""})
    assert default_files(tmp_path)[0] == tmp_path / "wctl.conf"


def test_only(tmp_path: Path) -> None:
    """only() takes a program's title or its name in units; the error names the nearest program."""
    config = configured(tmp_path, f"{X}[program:a+b]\n{CAT}")
    assert [program.title for program in only(config, "a+b").programs] == ["a+b"]
    assert [program.title for program in only(config, "a\\x2bb").programs] == ["a+b"]
    with pytest.raises(WctlError, match=r"^a_b: no such program, did you mean a\+b\?$"):
        only(config, "a_b")


def test_only_a_group(tmp_path: Path) -> None:
    """Its units, and those of one member, are the same as when all programs are rendered."""
    text = (
        f"[program:one]\n{CAT}priority=1\n[program:two]\n{CAT}autostart=false\nwants=other\n"
        f"[program:other]\n{CAT}[group:g+]\nprograms=one,two\n[group:alone]\nprograms=other\n"
    )
    config = configured(tmp_path, text)
    everything = {file.name: file.text for file in render(config, Host())}

    def rendered(name: str) -> set[str]:
        files = {file.name: file.text for file in render(only(config, name), Host())}
        assert files.items() <= everything.items()
        return set(files)

    one, two = ({f"{name}@.service", f"{name}.target"} for name in ("one", "two"))
    assert rendered("g+") == rendered("g\\x2b") == {*one, *two, "g\\x2b.target"}
    assert rendered("two") == two
    with pytest.raises(WctlError, match=r"^aloe: no such program, did you mean alone\?$"):
        only(config, "aloe")
    with pytest.raises(WctlError, match=r"^g\+: no such program$"):
        named(config, "g+")


def test_groups(tmp_path: Path) -> None:
    """A group has a priority and a list of programs, separated by commas or blanks."""
    config = configured(
        tmp_path, f"{X}{Y}{Z}[group:a+b]\nprograms=y, x\npriority=5\n[group:z]\nprograms=z\n"
    )
    assert config.diagnostics == ()
    assert config.groups == (
        Group("a\\x2bb", "a+b", ("y", "x"), 5, Place(f"{tmp_path}/main", 7)),
        Group("z", "z", ("z",), 999, Place(f"{tmp_path}/main", 10)),
    )
    found = [(program.title, program.group, program.group_title) for program in config.programs]
    assert found == [("x", "a\\x2bb", "a+b"), ("y", "a\\x2bb", "a+b"), ("z", "z", "z")]


def test_groups_as_supervisor_reads_them(tmp_path: Path) -> None:
    """The list of programs may use names, and name a program twice; a group may be empty."""
    text = (
        f"[program:value]\n{CAT}{X}[supervisord]\nenvironment=LIST='x, x'\n"
        "[group:a]\nprograms=%(ENV_LIST)s\n[group:b]\nprograms=%(ENV_PLAIN)s\n[group:c]\n"
    )
    config = configured(tmp_path, text)
    assert [finding.code for finding in config.diagnostics] == ["empty-group"]
    assert [(group.title, group.programs) for group in config.groups] == [
        ("a", ("x",)),
        ("b", ("value",)),
    ]


def test_a_group_with_the_name_of_its_program(tmp_path: Path) -> None:
    """The group's units have another name; workers see the name that they see in Supervisor."""
    config = configured(tmp_path, f"{X}{Y}[group:x]\nprograms=y,x\npriority=5\n")
    (group,) = config.groups
    assert (group.name, group.title, group.programs) == ("x-group", "x", ("y", "x"))
    found = [(program.name, program.group, program.group_title) for program in config.programs]
    assert found == [("x", "x-group", "x"), ("y", "x-group", "x")]
    assert [len(level) for level in config.levels()] == [2]


def test_levels(tmp_path: Path) -> None:
    """Programs start by their group's priority, then by their own; equals start together."""
    config = configured(
        tmp_path,
        f"{X}priority=1\n{Y}priority=9\n{Z}priority=3\n[program:v]\n{CAT}"
        "[group:g]\nprograms=y,x\npriority=7\n",
    )
    assert [[program.title for program in level] for level in config.levels()] == [
        ["z"], ["x"], ["y"], ["v"],
    ]  # fmt: skip
    assert [
        [program.title for program in level] for level in configured(tmp_path, X + Y).levels()
    ] == [["x", "y"]]


_NO_PROGRAMS = "no programs, so the group has no effect; expected a list of programs [empty-group]"
_NAME = "expected a name without blanks, control characters, ':' and '/'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[group:g]\nprograms=p\n",
            "2: [group:g] programs: there is no [program:p] [unknown-program]",
        ),
        (
            f"[program:worker]\n{CAT}[group:g]\npriority=1\nprograms=workr\n",
            "5: [group:g] programs: there is no [program:workr], did you mean worker?"
            " [unknown-program]",
        ),
        ("[group:g]\n", f"1: [group:g] programs: warning: {_NO_PROGRAMS}"),
        ("[group:g]\nprograms=\n", f"2: [group:g] programs: warning: {_NO_PROGRAMS}"),
        (
            "[group:g]\nprograms=%(ENV_NONESUCH)s\n",
            "2: [group:g] programs: '%(ENV_NONESUCH)s': %(ENV_NONESUCH)s is not known here,"
            " expected one of %(host_node_name)s, %(here)s, or %(ENV_X)s for a variable X that is"
            " set [bad-value]",
        ),
        (
            f"{X}{Y}[group:g]\nprograms=x\n[group: g]\nprograms=y\n",
            "7: [group: g]: [group:g] has the same name, and both would be one group [name]",
        ),
        (
            f"{X}[group:g]\nprograms=x\n[group:h]\nprograms=x\n",
            "6: [group:h] programs: x is also in [group:g], expected in one group only"
            " [two-groups]",
        ),
        (
            f"{X}{Y}[group:x]\nprograms=y\n",
            "5: [group:x]: a program has this name, and both would be the same target, expected"
            " another name [name]",
        ),
        (
            f"{X}{Y}[group:x]\nprograms=x,y\n",
            "5: [group:x]: warning: a program of the group has this name, so wctl calls the group"
            " x-group [group-renamed]",
        ),
        (
            f"{X}{Y}[program:x-group]\n{CAT}[group:x]\nprograms=x,y\n",
            "7: [group:x]: a program has this name, and both would be the same target, expected"
            " another name [name]",
        ),
        (
            f"{X}[group:g]\nprograms=x\npriority=high\n",
            "5: [group:g] priority: 'high': expected a whole number from"
            " -1000000000000000 to 1000000000000000 [bad-value]",
        ),
        (
            f"{X}[group:a b]\nprograms=x\n",
            f"3: [group:a b]: 'a b' is not a valid name: {_NAME} [name]",
        ),
        (f"[program:a b]\n{CAT}", f"1: [program:a b]: 'a b' is not a valid name: {_NAME} [name]"),
        (f"[program:a:b]\n{CAT}", f"1: [program:a:b]: 'a:b' is not a valid name: {_NAME} [name]"),
        (f"[program:a/b]\n{CAT}", f"1: [program:a/b]: 'a/b' is not a valid name: {_NAME} [name]"),
        (f"[program:]\n{CAT}", f"1: [program:]: '' is not a valid name: {_NAME} [name]"),
        (
            f"[program:{'ö' * 60}]\n{CAT}",
            f"1: [program:{'ö' * 60}]: '{'ö' * 60}' is not a valid name: expected at most 185"
            " characters, it has 480 [name]",
        ),
        (
            f"{X}[program: x]\n{CAT}",
            "3: [program: x]: [program:x] has the same name, and both would be the same units"
            " [name]",
        ),
        (
            f"{X}[fcgi-program:x]\n{CAT}socket=unix:///s\n",
            "3: [fcgi-program:x]: [program:x] has the same name, and both would be the same units"
            " [name]",
        ),
        (
            f"{X}after=y.service worker\n[program:workers]\n{CAT}",
            "3: [program:x] after: worker: neither a program nor the name of a unit, did you"
            " mean workers? [unknown-program]",
        ),
        (
            f"{X}wants=/run\n",
            "3: [program:x] wants: /run: neither a program nor the name of a unit"
            " [unknown-program]",
        ),
        ("[program]\ncommand=c\n", "1: [program]: warning: unknown section [unknown-section]"),
        (
            "[programme:x]\n",
            "1: [programme:x]: warning: unknown section, did you mean program? [unknown-section]",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_between_sections(tmp_path: Path, text: str, expected: str) -> None:
    """Each conflict is one finding at its line, with the nearest name if there is one."""
    assert findings(tmp_path, configured(tmp_path, text)) == [f"main:{expected}"]


def test_a_group_of_the_same_name_as_its_only_program(tmp_path: Path) -> None:
    """A group may have the name of its only program: Supervisor itself makes such groups."""
    assert configured(tmp_path, f"{X}[group:x]\nprograms=x\n").diagnostics == ()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"{X}autostrt=1\nwctl_ignore=unknown-key\n", []),
        (f"{X}autostrt=1\nwctl_ignore=no-effect\n", ["unknown-key"]),
        (f"{X}autostrt=1\n[DEFAULT]\nwctl_ignore=a, unknown-key\n", []),
        (f"{X}autostrt=1\n{Y}wctl_ignore=unknown-key\n", ["unknown-key"]),
        ("[DEFAULT]\nnice=1\nnice=1\nwctl_ignore=repeated-key\n", []),
        (f"{X}umask=9\nwctl_ignore=bad-value\n", ["bad-value"]),
        ("[supervisord]\nlogfile=/l\nx=1\nwctl_ignore=no-effect\n", ["unknown-key"]),
        ("[programme:x]\na=1\nwctl_ignore=unknown-section\n", []),
    ],
)
def test_warnings_are_silenced_by_section(tmp_path: Path, text: str, left: list[str]) -> None:
    """wctl_ignore silences codes in its section, or from [DEFAULT] in all sections; errors stay."""
    assert [diagnostic.code for diagnostic in configured(tmp_path, text).diagnostics] == left


def test_everything_that_is_wrong_is_found_at_once(tmp_path: Path) -> None:
    """wctl reports the errors of all files, by file and line, and loads programs without errors."""
    config = configured(
        tmp_path,
        f"{X}umask=9\n[group:g]\nprograms=z\n[supervisord]\nuser=a b\nlogfile=/l\n{Y}"
        "[include]\nfiles=conf.d/*\n[programme:p]\n",
        a="what\n[program:z\n",
    )
    found = [
        (Path(diagnostic.place.file).name, diagnostic.place.line, diagnostic.code)
        for diagnostic in config.diagnostics
    ]
    assert found == [
        ("a", 1, "syntax"),
        ("a", 2, "syntax"),
        ("main", 3, "bad-value"),
        ("main", 5, "unknown-program"),
        ("main", 7, "bad-value"),
        ("main", 8, "no-effect"),
        ("main", 13, "unknown-section"),
    ]
    assert [program.title for program in config.programs] == ["y"]
