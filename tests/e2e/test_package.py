"""The Debian package: what it installs, what it leaves alone, and that it goes away cleanly."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.doctoring import codes
from machine import package, provision
from machine.driver import Machine, Result, unique_name, wait_for
from machine.units import configure, seconds, show

UNITS = ("messenger-worker@.service", "messenger-worker.target")
UNIT_DIRECTORY = "/usr/lib/systemd/system"
COMPLETIONS = (
    "/usr/share/bash-completion/completions/wctl",
    "/usr/share/zsh/vendor-completions/_wctl",
    "/usr/share/fish/vendor_completions.d/wctl.fish",
)
WORKER = "messenger-worker@00"
PACKAGE = "/usr/lib/python3/dist-packages/wctl"


@pytest.fixture(scope="module")
def fresh(suite: str, deb: Path) -> Iterator[Machine]:
    """A machine on which wctl has just been installed; later tests go on with it."""
    with Machine.boot(unique_name(f"fresh-{suite}"), suite) as machine:
        provision.install_wctl(machine, deb)
        yield machine


def listed(machine: Machine) -> tuple[int, list[str]]:
    """Returns the exit code of "wctl status", and each instance with its state."""
    shown = machine.run(["wctl", "status"], check=False)
    return shown.code, [" ".join(line.split()[:2]) for line in shown.out.splitlines()]


def test_installs_the_shipped_files(machine: Machine) -> None:
    """The command, both units, completions, manual pages and the example are where they belong."""
    # Debian 12's debhelper puts units into /lib, which is a link to /usr/lib.
    installed = machine.run("dpkg -L wctl | xargs realpath").out.splitlines()
    expected = ["/usr/bin/wctl", f"{PACKAGE}/worker.py", "/etc/wctl/conf.d"]
    expected += [f"{UNIT_DIRECTORY}/{unit}" for unit in UNITS]
    expected += ["/usr/share/man/man1/wctl.1.gz", "/usr/share/man/man5/wctl.conf.5.gz"]
    expected += ["/usr/share/man/man7/wctl-cookbook.7.gz", "/usr/share/man/man7/wctl.news.7.gz"]
    expected += [provision.EXAMPLE, *COMPLETIONS]
    assert [path for path in expected if path not in installed] == []


@pytest.fixture
def plain(machine: Machine) -> Iterator[None]:
    """The example's application is one that a stop ends at any moment.

    Symfony's console ignores the signals that come shortly before its worker is there.
    """
    machine.run("mv /srv/app /srv/kept && mkdir -p /srv/app/bin")
    machine.write("/srv/app/bin/console", "<?php sleep(1000);\n")
    yield
    machine.run("rm -r /srv/app && mv /srv/kept /srv/app")


def test_completion_in_bash(machine: Machine, example: str, plain: None) -> None:
    """The installed completion of bash knows verbs and programs, the example once it is used."""
    complete = (
        f". {COMPLETIONS[0]}; COMP_LINE='wctl {{}}'; COMP_POINT=${{{{#COMP_LINE}}}};"
        ' _wctl_completion wctl; echo "${{COMPREPLY[*]}}"'
    )
    verbs = machine.run(["bash", "-c", complete.format("sc")]).out
    assert verbs == "scale\n"
    start = ["bash", "-c", complete.format("start mess")]
    assert machine.run(start).out == "\n"
    machine.run(["systemctl", "start", "--no-block", WORKER])
    wait_for(lambda: machine.run(start).out == f"{example}\n", 10, "a worker of the example")
    machine.run(["systemctl", "stop", WORKER])
    assert machine.run(start).out == "\n"
    machine.run(["wctl", "update"])
    assert machine.run(start).out == f"{example}\n"


def test_starts_and_enables_nothing(fresh: Machine) -> None:
    """After the installation, no unit of wctl is loaded, wanted or enabled."""
    machine = fresh
    active = machine.run("systemctl list-units --all --plain --no-legend 'messenger-worker*'").out
    links = machine.run("find /etc/systemd /run/systemd -name 'messenger-worker*'").out
    assert (active, links) == ("", "")


# ---- the example is dormant --------------------------------------------------------------------


def test_fresh_installation_has_no_program(machine: Machine) -> None:
    """Nothing is listed or meant, and one line says how to begin; the example goes by its name."""
    step = (
        "run 'wctl init' in the directory of a Symfony or Laravel application, or describe programs"
        " in /etc/wctl/conf.d/*.conf, as for Supervisor, and run 'wctl update'\n"
    )
    for command, code, out, problem in (
        ("status", 0, "", "no program is installed"),
        ("status --json", 0, "[]\n", "no program is installed"),
        ("doctor", 0, "no findings\n", "no program is installed"),
        ("start all", 0, "", "no program is installed"),
        ("restart all", 0, "", "no program is installed"),
        ("stop all", 0, "", "no program is installed"),
        ("check", 1, "", "/etc/wctl: no configuration, expected wctl.conf or conf.d/*.conf"),
        ("update", 1, "", "/etc/wctl: no configuration, expected wctl.conf or conf.d/*.conf"),
        *((verb, 4, "", "x: no such process") for verb in ("scale x 3", "start x", "logs x")),
    ):
        shown = machine.run(f"wctl {command}", check=False)
        assert (shown.code, shown.out) == (code, out), command
        assert shown.err == f"wctl: {problem}\n      {step}"
    removal = machine.run(["wctl", "remove", "messenger-worker"], check=False)
    assert (removal.code, removal.err.startswith("wctl: messenger-worker: nothing to")) == (1, True)
    named = machine.run(["wctl", "status", "messenger-worker"], check=False)
    assert (named.code, named.out.split()[:2]) == (3, [WORKER, "STOPPED"])


def test_example_is_listed_while_it_is_used(machine: Machine, plain: None) -> None:
    """It wakes when it is started or scaled, and is dormant when it is stopped and disabled.

    A program of its name in /etc takes its place, with the workers that run, and gives it back.
    """
    machine.run(["systemctl", "start", "--no-block", WORKER])
    assert listed(machine) == (0, [f"{WORKER} STARTING"])

    conf = "/etc/wctl/conf.d/messenger-worker.conf"
    changes = "-e 's/startsecs = 5/startsecs = 1/' -e 's/--sleep=1/--sleep=2/'"
    machine.run(f"sed {changes} {provision.EXAMPLE} >{conf}")
    assert machine.run(["wctl", "update"]).out == (
        "messenger-worker: updated process group\n"
        f"{WORKER}: restarted\nmessenger-worker: added process group\n"
    )
    machine.run(["wctl", "stop", "all"])
    assert listed(machine) == (3, [f"{WORKER} STOPPED"])

    # The last file of the configuration is gone, perhaps by mistake.
    machine.run(["rm", conf])
    refused = machine.run(["wctl", "update"], check=False)
    assert (refused.code, "use --prune, or name the programs" in refused.err) == (1, True)
    removed = machine.run(["wctl", "update", "messenger-worker"]).out
    assert removed == "messenger-worker: removed process group\n"
    assert not machine.exists("/etc/systemd/system/messenger-worker@.service")
    assert listed(machine) == (0, [])

    configure(machine, "[program:other]\ncommand = sleep 1000\n")
    machine.run(["wctl", "update"])
    assert machine.run(["wctl", "scale", "2"]).out.endswith("other: scaled to 2\n")
    machine.run(["wctl", "scale", "--no-wait", "messenger-worker", "1"])
    assert listed(machine)[1] == [f"{WORKER} STARTING", "other@00 RUNNING", "other@01 RUNNING"]
    machine.run(["wctl", "scale", "messenger-worker", "0"])
    assert listed(machine) == (0, ["other@00 RUNNING", "other@01 RUNNING"])


def test_doctor_examines_the_example_while_it_is_used(machine: Machine) -> None:
    """doctor finds what is wrong with a shipped program that has no configuration in /etc."""
    machine.run("mv /srv/app /srv/gone")
    try:
        machine.run(["systemctl", "start", WORKER], check=False)
        wait_for(lambda: codes(machine) == {"messenger-worker": {"backoff"}}, 30, "the finding")
    finally:
        machine.run("mv /srv/gone /srv/app")


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_of_ours_say_why(machine: Machine, script: str) -> None:
    """debhelper writes the scripts; our own parts begin with a comment that says why."""
    text = machine.read(f"/var/lib/dpkg/info/wctl.{script}")
    ours = re.sub(
        r"# Automatically added by .*?# End automatically added section", "", text, flags=re.S
    )
    assert ours.startswith("#!/bin/sh\n# Ours: ")


def test_package_has_no_configuration(machine: Machine) -> None:
    """What is in /etc/wctl is the administrator's: no upgrade asks about it."""
    assert machine.run("dpkg-query -W -f '${Conffiles}' wctl").out == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/etc/wctl/env", "root root 700"),  # values of `environment`: secrets
        ("/var/log/wctl", "root adm 755"),
    ],
)
def test_directories(machine: Machine, path: str, expected: str) -> None:
    """Directories have the owner and mode that they need."""
    assert machine.run(["stat", "-c", "%U %G %a", path]).out.strip() == expected


def test_worker_is_byte_compiled(machine: Machine) -> None:
    """Python finds byte code of every module: compiling costs milliseconds at each start."""
    sources = machine.run(f"cd {PACKAGE} && find . -name '*.py'").out.split()
    cached = machine.run(f"cd {PACKAGE} && find . -name '*.pyc'").out
    assert "./wrapper/launch.py" in sources
    for source in sources:
        directory, _, name = source.rpartition("/")
        assert f"{directory}/__pycache__/{name.removesuffix('.py')}.cpython" in cached, source


def test_version_is_the_packages(machine: Machine) -> None:
    """The version of the package, which is in the changelog, is the version of the code."""
    packaged = machine.run("dpkg-query -W -f '${Version}' wctl").out
    assert packaged in machine.run(["wctl", "--version"]).out


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_finds_nothing_to_say_about_the_units(machine: Machine, unit: str) -> None:
    """systemd-analyze exits with 0 even on unknown keys, so its stderr must also be empty."""
    name = unit.replace("@", "@00")
    verified = machine.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=yes", name], check=False
    )
    assert (verified.code, verified.err) == (0, "")


def test_example_runs_right_after_the_installation(fresh: Machine) -> None:
    """`systemctl start` of the shipped unit returns after startsecs, with php as main process."""
    machine = fresh
    provision.install_app(machine)
    machine.run(["systemctl", "start", WORKER])
    main = show(machine, WORKER, "MainPID")["MainPID"]
    assert machine.read(f"/proc/{main}/comm") == "php\n"
    assert seconds(machine, WORKER, "ExecMainStart", "ActiveEnter") >= 5
    machine.run(["wctl", "scale", "--no-wait", "3"])
    others = ["messenger-worker@01 STARTING", "messenger-worker@02 STARTING"]
    assert listed(machine) == (0, [f"{WORKER} RUNNING", *others])


@pytest.mark.parametrize(
    ("lost", "problem"),
    [
        ("/srv/app", "No such file or directory: /srv/app"),
        ("/usr/bin/php", "command not found: php"),
    ],
)
def test_without_the_application_one_line_names_the_file_to_edit(
    machine: Machine, lost: str, problem: str
) -> None:
    """`systemctl start` fails at once; one line in the journal says which file to edit."""
    errors = f"journalctl --sync; journalctl -b -u {WORKER} -o cat -p err"
    errors += " | grep -v '^Failed to start' || :"
    before = machine.run(errors).out
    machine.run(["mv", lost, "/srv/lost"])
    try:
        start = machine.run(["systemctl", "start", WORKER], check=False)
        machine.run(["systemctl", "stop", WORKER])  # ends the further tries
    finally:
        machine.run(["mv", "/srv/lost", lost])
    said = machine.run(errors).out.removeprefix(before)
    expected = f"{WORKER}.service: cannot start: {problem} (configured in {provision.EXAMPLE})"
    assert (start.code, said.splitlines()[0]) == (1, expected)


# ---- upgrade, removal, purge -------------------------------------------------------------------

RESIDENT = """\
[program:pumped]
command = sh -c 'while :; do echo tick; sleep 0.05; done'
stdout_logfile = /var/log/wctl/pumped-%(process_num)02d.log
environment = TOKEN="secret"

[program:app+x]
command = sleep 1000
user = www-data
"""
# An administrator's own unit, which explains where it comes from.
OWN_UNIT = """\
[Unit]
# Generated by wctl from an example, then changed by hand
Description=own
"""


def apt(machine: Machine, *arguments: str) -> Result:
    """Runs apt as a script would."""
    return machine.run(
        ["apt-get", "--yes", "--quiet", "-o", "Dpkg::Options::=--force-confold", *arguments],
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )


def other_version(machine: Machine, deb: Path, version: str) -> str:
    """Makes another version of the package, with another example and other units."""
    target = f"/root/wctl_{version}_all.deb"
    machine.run(
        f"""
        set -e
        rm -rf /root/other
        dpkg-deb -R {provision.KEPT}/{deb.name} /root/other
        cd /root/other
        sed -i 's/^Version: .*/Version: {version}/' DEBIAN/control
        echo '; of version {version}' >>.{provision.EXAMPLE}
        find . -name 'messenger-worker@.service' -exec \\
            sed -i 's/^Description=.*/Description=of version {version}/' {{}} +
        dpkg-deb --root-owner-group -Zgzip -b . {target} >/dev/null
        """
    )
    return target


@pytest.fixture
def running(fresh: Machine, deb: Path) -> Machine:
    """A machine with an earlier version, the example from its packaged unit, and a log file."""
    machine = fresh
    provision.reset(machine)
    provision.install_app(machine)
    apt(machine, "install", "--allow-downgrades", other_version(machine, deb, "0.0.1"))
    machine.write("/srv/pumped.conf", RESIDENT)
    machine.run(["wctl", "-c", "/srv/pumped.conf", "update"])
    machine.run(["systemctl", "start", WORKER])
    return machine


def main_pids(machine: Machine) -> list[str]:
    return [show(machine, unit, "MainPID")["MainPID"] for unit in (WORKER, "pumped@00")]


def test_upgrade_leaves_running_workers_alone(running: Machine, deb: Path) -> None:
    """Messages flow on, no worker is restarted, and systemd has loaded the new units."""
    before = main_pids(running)
    dispatch = "php bin/console app:dispatch --shuffle slow=20:300"
    running.run(dispatch, user="www-data", cwd="/srv/app")
    apt(running, "install", f"{provision.KEPT}/{deb.name}")
    assert main_pids(running) == before
    assert show(running, WORKER, "Description", "NeedDaemonReload") == {
        "Description": "messenger-worker worker 00",
        "NeedDaemonReload": "no",
    }
    handled = f"journalctl -b -u {WORKER} -o cat | grep -c 'was handled successfully'"
    wait_for(lambda: running.run(handled, check=False).out == "300\n", 60, "300 messages")
    assert main_pids(running) == before
    ticks = running.read("/var/log/wctl/pumped-00.log").count("tick\n")
    wait_for(
        lambda: running.read("/var/log/wctl/pumped-00.log").count("tick\n") > ticks,
        10,
        "the log file to grow",
    )


def test_upgrade_respects_what_the_administrator_wrote(running: Machine, deb: Path) -> None:
    """An upgrade replaces the example, but not its copy, and says nothing of workers."""
    conf = "/etc/wctl/conf.d/messenger-worker.conf"
    running.run(["cp", provision.EXAMPLE, conf])
    assert running.read(conf).endswith("; of version 0.0.1\n")
    upgrade = apt(running, "install", f"{provision.KEPT}/{deb.name}")
    assert "of version" not in running.read(provision.EXAMPLE)
    assert running.read(conf).endswith("; of version 0.0.1\n")
    assert "wctl: " not in upgrade.out + upgrade.err


LINK = "/usr/local/bin/supervisorctl"
OURS = "/usr/lib/wctl/supervisorctl"


def test_remove_reinstall_purge(running: Machine, deb: Path) -> None:
    """After a removal, workers run on, and fail with the reason when they end.

    The removal says so, and takes back the administrator's supervisorctl. After the next
    installation the workers start again. After a purge, nothing is left.
    """
    running.run(["systemctl", "start", "app\\x2bx@00"])
    before = main_pids(running)
    assert not running.exists(LINK)
    running.run(["update-alternatives", "--install", LINK, "supervisorctl", OURS, "10"])
    assert running.run([LINK, "version"]).out == "4.3.0\n"
    said = apt(running, "remove", "wctl").out
    assert main_pids(running) == before
    assert running.run(
        f"test -L {LINK} || test -L /etc/alternatives/supervisorctl", check=False
    ).code
    found = re.search(r"these workers still run .*:\n((?: +1 .*\n)+)They go on without wctl", said)
    assert found, said
    running_units = [r"app\x2bx@.service", "messenger-worker@.service", "pumped@.service"]
    assert found[1].split() == [word for unit in running_units for word in ("1", unit)]

    running.run(["systemctl", "kill", "--signal=KILL", "pumped@00"])
    wait_for(lambda: show(running, "pumped@00", "ActiveState")["ActiveState"] == "failed", 30, "it")
    status = running.run(["systemctl", "status", "--lines=50", "pumped@00"], check=False).out
    assert "wctl-is-not-installed.conf" in status
    assert status.count("pumped@00[") == 1
    assert "wctl is not installed, and no worker starts without it\n" in status

    apt(running, "install", f"{provision.KEPT}/{deb.name}")
    assert main_pids(running) == [before[0], "0"]
    running.run(["wctl", "start", "pumped"])
    assert "0" not in main_pids(running)

    running.write("/etc/systemd/system/own.target", OWN_UNIT)
    running.write("/etc/systemd/system/.wctl-update", '{"changed": ["pumped"]}')
    purged = apt(running, "purge", "wctl").out
    for program in ("app\\x2bx", "messenger-worker", "pumped"):
        assert f"wctl: stopping the workers of {program}: a purge deletes their unit\n" in purged
    assert running.read("/etc/systemd/system/own.target") == OWN_UNIT
    left = running.run(
        "find /etc /usr /lib /run/systemd /var/lib /var/log -path /usr/share/doc -prune -o "
        "-path /var/lib/systemd -prune -o "
        "\\( -name '*wctl*' -o -name 'messenger-worker*' -o -name 'pumped*'"
        " -o -name 'app*x2bx*' \\) -print"
    ).out
    units = running.run(
        "systemctl list-units --plain --no-legend 'pumped*' 'messenger-worker*' 'app*'"
    ).out
    assert (left, units) == ("", "")


# ---- the build ---------------------------------------------------------------------------------


def lintian(machine: Machine, changes: str) -> tuple[int, str]:
    """Returns lintian's exit code and hints."""
    command = "lintian --allow-root --pedantic --fail-on error,warning,pedantic"
    hints = machine.run(f"{command} {changes}", check=False, timeout=240)
    return hints.code, hints.out


def test_lintian_has_no_hints(suite: str, deb: Path) -> None:
    """The package keeps all rules that Debian can check, the pedantic ones included."""
    with Machine.boot(unique_name(f"lintian-{suite}"), f"{suite}/build") as machine:
        machine.copy_in(deb.parent, "/srv", sorted(path.name for path in deb.parent.iterdir()))
        assert lintian(machine, "/srv/*.changes") == (0, "")


@pytest.mark.full
def test_build_is_reproducible(suite: str, deb: Path) -> None:
    """A build with unit tests, elsewhere, at another time, makes the same package.

    lintian has no hints for that package.
    """
    with Machine.boot(unique_name(f"rebuild-{suite}"), f"{suite}/build") as machine:
        files = [*package.source_files(), *package.unit_tests()]
        machine.copy_in(package.TREE, "/srv/elsewhere", files)
        environment = {"PATH": package.BUILD_ENVIRONMENT["PATH"], "TZ": "Pacific/Auckland"}
        machine.run(
            "umask 027; dpkg-buildpackage --no-sign",
            cwd="/srv/elsewhere",
            env=environment,
            timeout=300,
        )
        rebuilt = machine.run(f"sha256sum </srv/{deb.name}").out.split()[0]
        assert lintian(machine, "/srv/*.changes") == (0, "")
    assert rebuilt == hashlib.sha256(deb.read_bytes()).hexdigest()
