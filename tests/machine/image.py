"""Root file systems for the test machines: built once, cached, stacked as overlay lowers.

    python3 -m machine.image lowers IMAGE   print its lower directories, top first
    python3 -m machine.image binds IMAGE    print the options that give a machine the apt caches

IMAGE is SUITE or SUITE/LAYER, for example bookworm/build; without a layer it is "e2e".

An image is a root and one layer of packages on top of it, or two. The root is the host's own
"/" where the host runs the wanted Debian release (nothing to download, nothing to copy), else
what mmdebstrap makes. A layer is what a machine wrote (`bed up --keep`) while apt installed
the layer's packages in it.

Everything is cached in $WCTL_TEST_CACHE (default /var/cache/wctl-tests), under names that
carry a hash of what went in; downloaded .deb files and package lists are kept there as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from machine.sources import (
    SourceError,
    apt_transport_options,
    debian_sources,
    host_release,
    proxy_environment,
)

BED = Path(__file__).with_name("bed")
CACHE = Path(os.environ.get("WCTL_TEST_CACHE", "/var/cache/wctl-tests"))
# The Debian releases to test on, for example "bookworm trixie".
SUITES = os.environ.get("WCTL_TEST_SUITES", "bookworm").replace(",", " ").split()
WITHOUT_CGROUP_V1 = ("forky", "sid")  # systemd 258 and newer
UNUSED_DAYS = 14  # we remove a root or layer that no run has used for so long
FORMAT = 3  # part of every hash: raise it when the way of building changes

# What an mmdebstrap root needs to boot, beyond Essential packages and apt.
ROOT_PACKAGES = (
    "systemd systemd-sysv dbus dbus-user-session libpam-systemd procps iproute2 kmod python3"
    " ca-certificates"
)

# What the .deb depends on: in the layers, so that tests install the .deb without a network.
WCTL_DEPENDS = "python3 python3-click python3-jeepney python3-systemd python3-sdnotify systemd dbus"

SYMFONY = (
    "php-cli php-sqlite3 php-symfony-messenger php-symfony-doctrine-messenger php-symfony-console"
    " php-symfony-event-dispatcher php-doctrine-dbal php-doctrine-persistence"
    " php-symfony-framework-bundle php-symfony-yaml"
)

TEST_TOOLS = (
    "dbus-user-session libfcgi-bin libpam-systemd php-cgi procps python3-jsonschema python3-venv"
    " strace tmux"
)

BUILD_TOOLS = (
    "build-essential debhelper devscripts dh-python fakeroot lintian pybuild-plugin-pyproject"
    " python3-all python3-hypothesis python3-pytest python3-setuptools python3-wheel"
)

# What pip needs in order to compile systemd-python.
HEADERS = "build-essential libsystemd-dev pkg-config python3-dev python3-venv"

AUTOPKGTEST = "autopkgtest dpkg-dev python3-hypothesis python3-pytest"

# A database server without its unit and its user: a test makes both.
MARIADB = "mariadb-server-core mariadb-client-core php-mysql"

# Workers that are neither PHP nor Messenger's, and their broker.
RQ = "python3-rq redis-server"

# What runs virtual machines: see vm.py.
QEMU = "qemu-system-x86 qemu-utils busybox-static e2fsprogs linux-image-cloud-amd64"

LAYERS = {
    "base": "",  # a fresh Debian: only its apt is made plain, see prepare_apt
    "e2e": f"{WCTL_DEPENDS} {SYMFONY} {TEST_TOOLS}",
    "supervisor": "supervisor",
    "rq": f"{WCTL_DEPENDS} {RQ}",
    "wheel": f"{HEADERS} dbus-user-session libpam-systemd",
    "mariadb": f"{WCTL_DEPENDS} {SYMFONY} {MARIADB} supervisor",
    "build": f"{WCTL_DEPENDS} {BUILD_TOOLS}",
    "autopkgtest": f"{WCTL_DEPENDS} {SYMFONY} {AUTOPKGTEST}",
    "qemu": QEMU,
}
# The layers that lie on another one, not on the root: apt has less to install.
ON = {"supervisor": "e2e"}

# The host's apt may remove downloaded packages, leave out man pages, or run hooks after each call
# (container images do all three). In our machines apt behaves as Debian installs it, with two
# exceptions: apt keeps downloads, and dpkg does not wait for the disk, whose content we can remake.
APT_CONF = """\
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Keep-Downloaded-Packages "true";
Binary::apt::APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::Retries "3";
DPkg::Options:: "--force-unsafe-io";
"""


class ImageError(Exception):
    """An image cannot be made; the message names the image and the reason."""


# ---- the cache -------------------------------------------------------------------------------


def say(text: str) -> None:
    print(f"image: {text}", file=sys.stderr, flush=True)


def digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps([FORMAT, *parts]).encode()).hexdigest()[:12]


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Holds a lock file of the cache: one process builds, the others wait and find it built."""
    locks = CACHE / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    with (locks / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def atomic_directory(target: Path) -> Iterator[Path]:
    """Yields a directory next to `target`: renamed to `target` on success, otherwise removed.

    The caller holds the lock of `target`, so another such directory is left from a killed run.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f".{target.name}.*"):
        remove(left)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        work.chmod(0o755)
        yield work
        work.rename(target)
    finally:
        remove(work)


def remove(directory: Path) -> None:
    """Removes a directory, but nothing that is mounted in it.

    While mmdebstrap works, and after it was killed, the /proc and /sys of this host are there.
    """
    subprocess.run(["rm", "-rf", "--one-file-system", "--", directory], check=False)


def touch_used(entry: Path) -> None:
    stamp = CACHE / "used" / entry.name
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()


def remove_unused() -> None:
    """Removes roots and layers that other hosts, or earlier lists of packages, have left behind."""
    # Not the hidden ones, which other runs are making: mmdebstrap gives them the date of a package.
    for entry in [*CACHE.glob("roots/[!.]*"), *CACHE.glob("layers/[!.]*")]:
        stamp = CACHE / "used" / entry.name
        newest = max(path.stat().st_mtime for path in (entry, stamp) if path.exists())
        if time.time() - newest > UNUSED_DAYS * 86400:
            say(f"removing {entry.name}, unused for {UNUSED_DAYS} days")
            remove(entry)
            stamp.unlink(missing_ok=True)


# ---- roots -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Root:
    suite: str
    path: Path
    key: str


def root(suite: str) -> Root:
    if host_release() == ("debian", suite):
        # A layer holds the package database of the root it was made on: another host's
        # packages, or an upgrade of this one's, need another layer.
        return Root(suite, Path("/"), digest(suite, Path("/var/lib/dpkg/status").read_text()))
    key = digest("root", suite, ROOT_PACKAGES)
    path = CACHE / "roots" / f"{suite}-{key}"
    with locked(f"root-{suite}"):
        if not path.exists():
            bootstrap(suite, path)
    touch_used(path)
    return Root(suite, path, key)


def bootstrap(suite: str, target: Path) -> None:
    say(f"{suite}: making a root file system (about a minute) ...")
    with atomic_directory(target) as work, tempfile.TemporaryDirectory() as scratch:
        sources, options = Path(scratch, "debian.sources"), Path(scratch, "transport.conf")
        sources.write_text(debian_sources(suite))
        options.write_text(apt_transport_options())
        command = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"]
        command += [f"--include={','.join(ROOT_PACKAGES.split())}", f"--aptopt={options}"]
        command += keep_downloads(apt_cache(suite, "archives"))
        done = subprocess.run(
            [*command, suite, str(work), str(sources)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ImageError(f"mmdebstrap {suite}: exit {done.returncode}\n{done.stderr}")


def keep_downloads(archives: Path) -> list[str]:
    """mmdebstrap's options (from its manual) that reuse and keep downloaded packages."""
    inside = '"$1"/var/cache/apt/archives'
    return [
        "--skip=download/empty,essential/unlink,cleanup/apt",
        f"--setup-hook=mkdir -p {inside}; cp -n {archives}/*.deb {inside}/ || :",
        f"--customize-hook=cp -n {inside}/*.deb {archives}/; rm -f {inside}/*.deb",
    ]


# ---- layers ----------------------------------------------------------------------------------


def apt_cache(suite: str, kind: str) -> Path:
    """Returns the directory for a suite's packages ("archives") or package lists ("lists")."""
    path = CACHE / kind / suite
    (path / "partial").mkdir(parents=True, exist_ok=True)
    return path


def bed(*arguments: str | Path, stdin: str | None = None) -> None:
    done = subprocess.run(
        [str(BED), *map(str, arguments)],
        input=stdin or "",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        command = " ".join(map(str, arguments))
        raise ImageError(f"bed {command}: exit {done.returncode}\n{done.stdout}")


def apt_binds(suite: str) -> list[str]:
    """bed's options that give a machine the cached downloads; see also `locked("apt-SUITE")`."""
    archives, lists = apt_cache(suite, "archives"), apt_cache(suite, "lists")
    return [
        "--bind",
        f"{archives}:/var/cache/apt/archives",
        "--bind",
        f"{lists}:/var/lib/apt/lists",
    ]


def prepare_apt(machine: str, suite: str) -> None:
    """Resets the machine's apt and dpkg to those of a plain Debian, with only Debian's sources."""
    clean = (
        "cd /etc/apt && rm -rf sources.list sources.list.d/* preferences.d/* /usr/sbin/policy-rc.d"
        " && { grep -ls path-exclude /etc/dpkg/dpkg.cfg.d/* | xargs -r rm; true; }"
    )
    bed("sh", machine, "sh", "-c", clean)
    for path, text in (
        ("/etc/apt/sources.list.d/debian.sources", debian_sources(suite)),
        ("/etc/apt/apt.conf.d/zz-tests", APT_CONF),
    ):
        bed("sh", machine, "sh", "-c", 'cat >"$1"', "sh", path, stdin=text)


def apt_get(machine: str, *arguments: str) -> None:
    environment = ["DEBIAN_FRONTEND=noninteractive", *proxy_environment()]
    bed(
        "sh",
        machine,
        "env",
        *environment,
        "apt-get",
        "-q",
        "-y",
        "--no-install-recommends",
        *arguments,
    )


def cgroups(suite: str) -> str:
    """Returns a suite's cgroup layout: "v1", which enforces limits, if systemd supports it."""
    return "v2" if suite in WITHOUT_CGROUP_V1 else "v1"


def build_layer(base: Root, layer: str, below: list[Path], target: Path) -> None:
    packages = LAYERS[layer].split()
    say(f"{base.suite}: making layer {layer}, {len(packages)} packages and what they need ...")
    machine = f"image-{base.suite}-{layer}-{os.getpid()}"
    # apt's lock on the archives does not wait, so only one machine may use them at a time.
    with locked(f"apt-{base.suite}"), atomic_directory(target) as work:
        try:
            stack = [word for path in below for word in ("--lower", str(path))]
            options = ["--keep", str(work), "--net", "host", "--cg", cgroups(base.suite)]
            bed("up", machine, *stack, *options, *apt_binds(base.suite))
            prepare_apt(machine, base.suite)
            if packages:
                apt_get(machine, "update")
                (CACHE / "lists" / f"{base.suite}.fetched").touch()
                apt_get(machine, "install", *packages)
                # Otherwise man-db's trigger would index all pages, for 4 s, when wctl is installed.
                bed("sh", machine, "rm", "-f", "/var/lib/man-db/auto-update")
        finally:
            subprocess.run([str(BED), "down", machine], check=False)
        settle(work)


# The paths that belong to the one machine in which a layer was made.
TRANSIENT = (
    "run tmp root var/tmp var/log/journal var/cache/apt var/lib/apt/lists"
    " etc/machine-id etc/hostname etc/hosts etc/resolv.conf"
)


def settle(work: Path) -> None:
    """Turns the files that a machine has kept into a layer."""
    for name in TRANSIENT.split():
        path = work / "upper" / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    shutil.rmtree(work / "work")  # overlayfs's own
    (work / "prepared").unlink()


def split(image: str) -> tuple[str, str]:
    suite, _, layer = image.partition("/")
    layer = layer or "e2e"
    if layer not in LAYERS:
        raise ImageError(f"image {image}: no layer {layer}; there are {', '.join(LAYERS)}")
    return suite, layer


def lowers(image: str) -> list[Path]:
    """Returns the lower directories of an image, top first, and builds those that are missing."""
    suite, layer = split(image)
    base = root(suite)
    below = lowers(f"{suite}/{ON[layer]}") if layer in ON else [base.path]
    parts = [LAYERS[name] for name in (layer, ON.get(layer)) if name is not None]
    key = digest(base.key, *parts, APT_CONF, debian_sources(suite))
    path = CACHE / "layers" / f"{suite}-{layer}-{key}"
    with locked(f"layer-{suite}-{layer}"):
        if not path.exists():
            started = time.monotonic()
            build_layer(base, layer, below, path)
            say(f"{suite}: layer {layer} made in {time.monotonic() - started:.0f} s")
            with locked("unused"):
                remove_unused()
    touch_used(path)
    return [path / "upper", *below]


def main(arguments: list[str]) -> int:
    try:
        if len(arguments) == 2 and arguments[0] == "lowers":
            print(*lowers(arguments[1]), sep="\n")
        elif len(arguments) == 2 and arguments[0] == "binds":
            print(*apt_binds(split(arguments[1])[0]), sep="\n")
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (ImageError, SourceError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
