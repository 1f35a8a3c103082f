"""migration: wctl's copies of Supervisor's files, with the same programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from wctl.config import ini, load
from wctl.errors import ConfigError, WctlError
from wctl.supervisor.changes import directories
from wctl.supervisor.migration import Migration, migrate

ENVIRON = {"HOME": "/root"}
OFF = "hardening = off ; as under Supervisor\n"


def write(directory: Path, **files: str) -> Path:
    """Writes Supervisor's main file, and others in conf.d; returns the path of the main file."""
    (directory / "conf.d").mkdir()
    for name, text in files.items():
        path = directory / ("supervisord.conf" if name == "main" else f"conf.d/{name}.ini")
        path.write_text(text)
    return directory / "supervisord.conf"


def text_of(found: Migration, name: str) -> str:
    """Returns the text of a copy without its first line, which names the source."""
    copy = next(file for file in found.copies if file.target.name == name)
    first, _, rest = copy.text.partition("\n")
    assert first.startswith(f"; Imported from {copy.source}")
    return rest


def test_comments_stay_and_what_has_no_effect_is_commented_out(tmp_path: Path) -> None:
    """The copy has every line; wctl comments out multi-line values and sections as a whole."""
    main = write(
        tmp_path,
        main="; ours\n[unix_http_server]\nfile=/s ; socket\n\n[program:x] ; x\n# why\n"
        "command=a\n  b\nstdout_capture_maxbytes=1MB\n  \nuser=root\n"
        "[eventlistener:e]\ncommand=c\nevents=A,\n  B\n",
    )
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert text_of(found, "supervisord.conf") == (
        "; ours\n; [unix_http_server]\n; file=/s ; socket\n\n[program:x] ; x\n"
        f"{OFF}# why\n"
        "command=a\n  b\n; stdout_capture_maxbytes=1MB\n  \nuser=root\n"
        "; [eventlistener:e]\n; command=c\n; events=A,\n;   B\n"
    )
    assert sorted((diagnostic.section, diagnostic.key) for diagnostic in found.left_out) == [
        ("eventlistener:e", ""),
        ("program:x", "stdout_capture_maxbytes"),
        ("unix_http_server", "file"),
    ]


def test_here_is_the_directory_that_it_was(tmp_path: Path) -> None:
    """%(here)s in any format becomes the directory of its file; %% and other names stay."""
    odd = tmp_path / "100% here"
    odd.mkdir()
    main = write(
        odd,
        main="[program:x]\ncommand=%(here)s/a %%(here)s\n[include]\nfiles=conf.d/*\n",
        y='[program:y]\ncommand="%(here)20s/b" %(program_name)s ; %(here)s\n',
    )
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert "command=" + str(odd).replace("%", "%%") + "/a %%(here)s\n" in text_of(
        found, "supervisord.conf"
    )
    programs = {program.name: program for program in found.config.programs}
    assert (
        programs["y"].command == {program.name: program for program in found.programs}["y"].command
    )
    assert "; [include]\n; files=conf.d/*\n" in text_of(found, "supervisord.conf")


def test_what_only_looks_like_here_stays(tmp_path: Path) -> None:
    """%(here)d stays in a comment and in the value of an unknown key: wctl expands neither."""
    text = "[program:x]\ncommand=a ; %(here)d\nother=%(here)d\n"
    found = migrate(write(tmp_path, main=text), tmp_path / "wctl", ENVIRON)
    assert text_of(found, "supervisord.conf") == text.replace("]\n", f"]\n{OFF}")


def test_a_file_without_a_program_is_not_written(tmp_path: Path) -> None:
    """wctl copies no file without a program, such as Debian's supervisord.conf."""
    main = write(
        tmp_path,
        main="[supervisord]\nlogfile=/l\n[include]\nfiles=conf.d/*.ini\n",
        x="[program:x]\ncommand=a\n",
    )
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert [file.target for file in found.copies] == [tmp_path / "wctl/conf.d/x.conf"]
    assert found.unused == (main,)


def test_order_is_kept_where_it_matters(tmp_path: Path) -> None:
    """If two files share a section, the copies are numbered, because wctl reads files by name."""
    main = write(
        tmp_path,
        main="[program:x]\ncommand=a\nnumprocs=1\nprocess_name=%(process_num)d\n"
        "[include]\nfiles=conf.d/b.ini conf.d/a.ini\n",
        a="[program:x]\nnumprocs=3\n",
        b="[program:x]\nnumprocs=2\n",
    )
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    names = [file.target.name for file in found.copies]
    assert names == ["00-supervisord.conf", "01-b.conf", "02-a.conf"]
    assert [program.numprocs for program in found.config.programs] == [3]


def test_a_secret_stays_one(tmp_path: Path) -> None:
    """The copy of a file that others may not read has the same mode."""
    main = write(tmp_path, main='[program:x]\ncommand=a\nenvironment=PASSWORD="p"\n')
    main.chmod(0o640)
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert [file.mode for file in found.copies] == [0o640]


def test_what_wctl_has_already_is_heeded(tmp_path: Path) -> None:
    """An import takes account of what wctl has configured already.

    A program of the same name is an error, and so is an imported program that would change. A
    configured program that the imported [supervisord] changes is named.
    """
    main = write(tmp_path, main="[supervisord]\nminfds=10\n[program:x]\ncommand=a\n")
    ours = tmp_path / "wctl/conf.d/ours.conf"
    ours.parent.mkdir(parents=True)
    ours.write_text("[program:y]\ncommand=b\n")
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert ("y", "is not imported, but the import changes: minfds") in found.changes
    ours.write_text("[program:x]\ncommand=b\n")
    with pytest.raises(WctlError, match=r"x is already configured in .*ours\.conf:1"):
        migrate(main, tmp_path / "wctl", ENVIRON)
    ours.write_text("[supervisord]\numask=077\n")
    with pytest.raises(WctlError, match="x: umask would differ"):
        migrate(main, tmp_path / "wctl", ENVIRON)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("[supervisord]\n", WctlError, "there is no program in this file"),
        ("[program:x]\ncommand=a\nnumprocs=n\n", ConfigError, "1 error in the configuration"),
        ("[program:x]\ncommand=%(ENV_NONESUCH)s\n", ConfigError, "1 error in the configuration"),
    ],
)
def test_bad_files_are_refused(
    tmp_path: Path, text: str, error: type[WctlError], message: str
) -> None:
    """A configuration that has errors, or no programs, is not imported."""
    with pytest.raises(error, match=message):
        migrate(write(tmp_path, main=text), tmp_path / "wctl", ENVIRON)


def test_changes_are_named(tmp_path: Path) -> None:
    """wctl names the changes for workers: log files, and variables from outside."""
    main = write(
        tmp_path,
        main="[program:x]\ncommand=a %(ENV_STAGE)s\n"
        "[program:y]\ncommand=b\nstdout_logfile=/var/log/y.log\nmemory_max=1G\n"
        "[program:z]\ncommand=c\nstdout_logfile=NONE\nstderr_logfile=NONE\n",
    )
    found = migrate(main, tmp_path / "wctl", {"STAGE": "prod"})
    assert [(name, change.split()[0]) for name, change in found.changes] == [
        ("x", "output"),
        ("y", "output"),
        ("y", "new"),
        ("all programs", "after"),
        (str(main), "%(ENV_STAGE)s"),
    ]


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ("stdout_logfile=/l\nuser=www-data\n", "new log files belong to www-data"),
        ("stdout_logfile=/l\nlog=journal\n", ""),
        ("stopwaitsecs=3600\n", "a reboot waits up to 1 h for a worker to stop"),
        ("stopwaitsecs=90\n", ""),
        ("directory=/srv\n", ""),
        ("[supervisord]\ndirectory=/srv\n", "the directory is /srv, which supervisord enters only"),
        ("[unix_http_server]\nfile=/s\n", "SUPERVISOR_SERVER_URL is missing"),
        ("serverurl=http://s\n[unix_http_server]\nfile=/s\n", ""),
        ("[program:y]\ncommand=b\n", ""),
        ("priority=1\n[program:y]\ncommand=b\n", "a program starts when those with a lower"),
        ("[eventlistener:e]\ncommand=b\nevents=TICK_60\n", "wctl does not run it"),
    ],
)
def test_each_change_is_named_where_it_is_one(tmp_path: Path, options: str, change: str) -> None:
    """The report names what changes beside the output and the end of children, and only that."""
    everywhere = "stderr_logfile=NONE\nkillasgroup=true\n"
    main = write(tmp_path, main=f"[program:x]\ncommand=a\n{everywhere}{options}")
    found = migrate(main, tmp_path / "wctl", ENVIRON).changes
    told = [what for _, what in found if not what.startswith(("output ", "after stopwaitsecs"))]
    assert len(told) == bool(change)
    assert "".join(told).startswith(change)


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        ("", "automatic log files (AUTO)"),
        ("stdout_logfile=/dev/stdout\nstderr_logfile=/dev/fd/2\n", "/dev/fd/2 and /dev/stdout"),
        ("stdout_logfile=/dev/null\nstderr_logfile=/dev/stderr\n", "/dev/stderr"),
    ],
)
def test_what_the_journal_has_instead(tmp_path: Path, options: str, instead: str) -> None:
    """Output that went to a container's own is in the journal; /dev/null is not."""
    main = write(tmp_path, main=f"[program:x]\ncommand=a\n{options}")
    changes = migrate(main, tmp_path / "wctl", ENVIRON).changes
    assert changes[0] == ("x", f"output goes to the journal ('wctl tail'), not to {instead}")


def test_the_places_are_those_of_the_copies(tmp_path: Path) -> None:
    """The check of the imported programs finds everything in files and lines that will exist."""
    main = write(tmp_path, main="[program:x]\ncommand=a\n[group:g]\nprograms=x\nfoo=1\n")
    config = migrate(main, tmp_path / "wctl", ENVIRON).config
    target = str(tmp_path / "wctl/conf.d/supervisord.conf")
    (program,) = config.programs
    assert {place.file for place in program.places.values()} == {target}
    assert (program.place_of("command").line, config.groups[0].place.line) == (4, 5)
    assert [(each.place.file, each.place.line) for each in config.diagnostics] == [(target, 7)]
    assert config.files == (target,)


def test_a_second_import_has_files_of_its_own(tmp_path: Path) -> None:
    """A copy never replaces that of another source; the same source has the same copy again."""
    wctl = tmp_path / "wctl"
    for number in "123":
        (tmp_path / number).mkdir()
        main = write(tmp_path / number, main=f"[program:x{number}]\ncommand=a\n")
        for _ in range(2):
            for copy in migrate(main, wctl, ENVIRON).copies:
                copy.target.parent.mkdir(parents=True, exist_ok=True)
                copy.target.write_text(copy.text)
    names = ["supervisord-2.conf", "supervisord-3.conf", "supervisord.conf"]
    assert sorted(path.name for path in (wctl / "conf.d").iterdir()) == names


def test_an_error_of_wctls_own_files_is_no_obstacle(tmp_path: Path) -> None:
    """Only errors of the imported files, or that come with them, are in the way of an import."""
    ours = tmp_path / "wctl/conf.d/ours.conf"
    ours.parent.mkdir(parents=True)
    ours.write_text("[program:y]\nnumprocs=z\n")
    main = write(tmp_path, main="[program:x]\ncommand=a\n")
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert [program.title for program in found.config.programs] == ["x"]


def test_wctls_own_defaults_do_not_come_with_an_import(tmp_path: Path) -> None:
    """An imported program gets no sandbox and no memory limit, unless its file asks for them."""
    main = write(
        tmp_path,
        main="[program:x]\ncommand=a messenger:consume --memory-limit=64M\n"
        "[program:y]\nhardening=strict\nmemory_max=1G\ncommand=a messenger:consume -m 64M\n"
        "[program:x]\nuser=root\n",
    )
    found = migrate(main, tmp_path / "wctl", ENVIRON)
    assert text_of(found, "supervisord.conf") == (
        f"[program:x]\n{OFF}memory_max = infinity ; as under Supervisor\n"
        "command=a messenger:consume --memory-limit=64M\n"
        "[program:y]\nhardening=strict\nmemory_max=1G\ncommand=a messenger:consume -m 64M\n"
        "[program:x]\nuser=root\n"
    )
    assert [(each.hardening, each.memory_max) for each in found.config.programs] == [
        ("off", "infinity"),
        ("strict", str(1 << 30)),
    ]


def test_outline_and_parser_agree() -> None:
    """For each entry of the parser, the outline has the same section and key at its line."""
    data = (
        b"[a]\nk=1\n # no\n  more\n\n  yet\nK2 : 2 ; [b]\n[b ; c]\n[d] ; e\nx=[y]\n"
        b"systemd.Unit.After = z\n[a]\nk = 3\n"
    )
    lines = ini.outline(data)
    for section in ini.parse(data, "f").sections:
        for entry in section.entries:
            line = lines[entry.place.line - 1]
            assert (line.section, line.key) == (section.name, entry.key)
    assert [line.number for line in lines if line.key == "k"] == [2, 4, 6, 13]


def test_programs_in_the_directory_of_supervisord(tmp_path: Path) -> None:
    """Somebody may have started supervisord beside a program with a relative path."""
    file = tmp_path / "s.conf"
    file.write_text("[supervisord]\n[program:x]\ncommand=a\n[program:y]\ncommand=a\ndirectory=/d\n")
    programs = load.load([file], {}).programs
    (change,) = directories(programs, Path("/srv"))
    assert change[0] == "x" and "directory = /srv keeps that" in change[1]
    assert list(directories(programs, Path("/"))) == []
    assert list(directories(programs, None)) == []
