"""Builds the Debian package of the working tree in a machine: the host stays as it is.

    python3 -m machine.package [SUITE]          print its path; the default is the host's release
    python3 -m machine.package --tested SUITE   print the path of what tests install on SUITE

The result is cached by the content of the source files: nothing is built twice.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

from machine.driver import FULL, Machine, MachineError, unique_name
from machine.image import CACHE, SUITES, ImageError, atomic_directory, digest, locked, remove, say
from machine.sources import SourceError, host_release

TREE = Path(__file__).resolve().parents[2]
KEPT_BUILDS = 10

# The host's PATH may hold shims (pyenv), through which pybuild finds a Python without modules.
BUILD_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    # tests/run runs the unit tests itself; test_package.py has a build with unit tests.
    "DEB_BUILD_OPTIONS": "nocheck",
    "DEB_BUILD_PROFILES": "nocheck",
}
BUILD = "dpkg-buildpackage --no-sign --build=binary"


DAY = 86_400  # seconds


def source_files() -> list[str]:
    """Returns the files that a commit of the working tree would hold, without the tests."""
    # git refuses a tree that belongs to another user, unless we declare it safe.
    git = ["git", "-c", f"safe.directory={TREE}", "-C", str(TREE), "ls-files", "-z"]
    listed = subprocess.run(
        [*git, "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    names = sorted(name for name in listed.stdout.split("\0") if name)
    return [
        name
        for name in names
        if not name.startswith(("tests/", ".ci/")) and (TREE / name).is_file()
    ]


def unit_tests() -> list[str]:
    """Returns the further files that a build with unit tests needs."""
    found = [TREE / "tests/conftest.py", *(TREE / "tests/unit").rglob("*")]
    files = (path for path in found if path.is_file() and "__pycache__" not in path.parts)
    return sorted(str(path.relative_to(TREE)) for path in files)


def tree_hash(files: list[str]) -> str:
    parts = []
    for name in files:
        path = TREE / name
        mode = path.stat().st_mode & 0o111
        parts.append([name, mode, hashlib.sha256(path.read_bytes()).hexdigest()])
    return digest(parts)


def build(suite: str) -> Path:
    """Returns the path of wctl's .deb for `suite`, and builds the .deb if it is not cached."""
    files = source_files()
    target = CACHE / "debs" / f"{suite}-{tree_hash(files)}"
    with locked(f"deb-{suite}"):
        if not target.exists():
            say(f"{suite}: building the package ...")
            with atomic_directory(target) as work:
                build_in_machine(suite, files, work)
            remove_old_builds(keep=target)
    return next(target.glob("*.deb"))


def tested(suite: str) -> Path:
    """Returns the path of the .deb that tests install on `suite`.

    It was built on the first release, as a published package, which all releases share. With
    --full, every release has its own.
    """
    return build(suite if FULL else SUITES[0])


def build_in_machine(suite: str, files: list[str], results: Path) -> None:
    with Machine.boot(unique_name(f"package-{suite}"), f"{suite}/build") as machine:
        machine.copy_in(TREE, "/build/wctl", files)
        built = machine.run(BUILD, cwd="/build/wctl", env=BUILD_ENVIRONMENT, timeout=300)
        (results / "build.log").write_text(built.out + built.err)
        for name in machine.run("ls /build", cwd="/build").out.split():
            if name.endswith((".deb", ".changes", ".buildinfo")):
                machine.copy_out(f"/build/{name}", results / name)


def remove_old_builds(keep: Path) -> None:
    builds = sorted((CACHE / "debs").glob("[!.]*"), key=lambda path: path.stat().st_mtime)
    for path in builds[:-KEPT_BUILDS]:
        # Another test run may still be using a recent package.
        if path != keep and path.stat().st_mtime < time.time() - DAY:
            remove(path)


def main(arguments: list[str]) -> int:
    make = tested if arguments[:1] == ["--tested"] else build
    try:
        print(make(arguments[-1] if arguments else host_release()[1]))
    except (ImageError, SourceError, MachineError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
