"""The directory that holds a log file, by a descriptor: no other user can make us leave it.

A path is looked up anew at each use, so the owner of a directory on the way could exchange it for a
link between two uses, and make root's wrapper write and rename files anywhere. So the path is used
to find the directory, and then only to notice that it leads elsewhere by now.

Decided here:
- For root, each step on the way must be one that nobody else decides: from root's directory or link
  to anything, from another user's only to what the same user owns. Links of root lead anywhere.
- Other users' wrappers find the directory as the kernel does. They can do no more harm than their
  users, and the layouts of deployment tools are full of links of another user.
- A log file that is itself a link is followed, for root by the same rule. Other users' wrappers
  follow a link of root or of their own: any other could lead to a file that is theirs alone.
- The directory is the one that holds the file itself, at the end of the links. The older files are
  there, too. So the link stays, and "tail -F" on it goes on; Supervisor renames the link.
"""

import posix

_HANDLE = posix.O_PATH | posix.O_CLOEXEC
_DIRECTORY = _HANDLE | posix.O_DIRECTORY
_MODE = 0o750
_EPERM, _ELOOP = 1, 40
_TYPE, _LINK = 0o170000, 0o120000  # of st_mode; importing the stat module would cost more
_LINKS = 40  # on one path, as in the kernel (path_resolution(7))


class Directory:
    """The directory of the log file ``path``: its descriptor, and what we know about its owner."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = ""  # of the file, in this directory
        self.fd = -1
        self.owner = 0
        self.shared = False  # users other than its owner, root and us may write to it

    def open(self) -> None:
        """Find the directory, or make it, if it is not open.

        Raises:
            OSError: it cannot be found or made, or another user could have led us to it.
        """
        if self.fd >= 0:
            return
        self.fd, self.name = locate(self.path)
        status = posix.fstat(self.fd)
        self.owner = status.st_uid
        self.shared = bool(status.st_mode & 0o022)

    def leads_to(self, identity: "tuple[int, int]") -> bool:
        """Tell whether the path still leads to the file of this device and number."""
        try:
            status = posix.stat(self.path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == identity

    def close(self) -> None:
        """Close the directory; open() finds it again."""
        if self.fd >= 0:
            posix.close(self.fd)
        self.fd = -1


def locate(path: str) -> "tuple[int, str]":
    """Return a descriptor of the directory that holds the file ``path``, and the file's name there.

    Raises:
        OSError: as from reach(), or the file is a link that we must not follow.
    """
    above, _, name = path.rpartition("/")
    here = reach(above or "/")
    try:
        for _ in range(_LINKS):
            step = _follow(here, name)
            if step is None:
                return here, name
            posix.close(here)
            here, target = step
            end = target.rfind("/") + 1
            name = target[end:]
            if end:
                below = _find(target[:end], here)
                posix.close(here)
                here = below
        raise OSError(_ELOOP, "its path has too many links")
    except OSError:
        posix.close(here)
        raise


def _follow(here: int, name: str) -> "tuple[int, str] | None":
    """Return where the link ``name`` leads: its target, and where that begins; None if no link."""
    try:
        below = posix.open(name, _HANDLE | posix.O_NOFOLLOW, dir_fd=here)
    except FileNotFoundError:
        return None
    try:
        status = posix.fstat(below)
        if status.st_mode & _TYPE != _LINK:
            return None
        if posix.geteuid() == 0:
            _check(here, below, name)
        elif status.st_uid not in {0, posix.geteuid()}:
            raise OSError(_EPERM, f"user {status.st_uid} decides where {name} leads")
        return _target(here, below, name)
    finally:
        posix.close(below)


def reach(path: str) -> int:
    """Return a descriptor of the directory ``path``; make it where nobody can have set a trap.

    Raises:
        OSError: it cannot be found or made, or another user could have led us to it.
    """
    try:
        return _find(path)
    except FileNotFoundError:
        _make(path)
    return _find(path)


def _make(path: str) -> None:
    """Make the directory ``path`` in one that only we, or root, can write to."""
    above, _, name = path.rpartition("/")
    parent = reach(above or "/")
    try:
        status = posix.fstat(parent)
        if status.st_uid in {0, posix.geteuid()} and not status.st_mode & 0o022:
            posix.mkdir(name, _MODE, dir_fd=parent)
    except OSError:
        pass  # finding the directory fails next, and that error says more
    finally:
        posix.close(parent)


def _find(path: str, here: "int | None" = None) -> int:
    """Open the directory ``path``, which begins in the directory ``here``."""
    # In a directory such as /tmp, the kernel follows no link of another user (proc(5),
    # protected_symlinks). So let the kernel follow links wherever our rule is not stricter.
    if posix.geteuid():
        return posix.open(path, _DIRECTORY, dir_fd=here)
    return _walk(path, here)


def _walk(path: str, start: "int | None" = None) -> int:
    """Open the directory ``path`` step by step, as root; it begins in the directory ``start``.

    Raises:
        OSError: it cannot be opened, or another user decides where a step leads.
    """
    names = path.split("/")[::-1]
    links = 0
    begin = "/" if start is None or path.startswith("/") else "."
    here = posix.open(begin, _DIRECTORY, dir_fd=start)
    try:
        while names:
            name = names.pop()
            if name in {"", "."}:
                continue
            below, target = _step(here, name)
            posix.close(here)
            here = below
            if target is not None:
                links += 1
                if links > _LINKS:
                    raise OSError(_ELOOP, "its path has too many links")
                names += target.split("/")[::-1]
    except OSError:
        posix.close(here)
        raise
    return here


def _step(here: int, name: str) -> "tuple[int, str | None]":
    """Open ``name`` in the directory ``here``.

    Return the next directory, and for a link its target, which begins in that directory.
    """
    try:
        below = posix.open(name, _DIRECTORY | posix.O_NOFOLLOW, dir_fd=here)
    except NotADirectoryError:
        below = posix.open(name, _HANDLE | posix.O_NOFOLLOW, dir_fd=here)
    try:
        _check(here, below, name)
        if posix.fstat(below).st_mode & _TYPE != _LINK:
            return posix.dup(below), None
        return _target(here, below, name)
    finally:
        posix.close(below)


def _target(here: int, link: int, name: str) -> "tuple[int, str]":
    """Return the directory in which the target of the ``link`` begins, and the target."""
    target = posix.readlink("", dir_fd=link)  # of the link that we hold (readlink(2))
    base = posix.open("/" if target.startswith("/") else ".", _DIRECTORY, dir_fd=here)
    try:
        if posix.geteuid() == 0:
            _check(link, base, name)
    except OSError:
        posix.close(base)
        raise
    return base, target


def _check(here: int, below: int, name: str) -> None:
    """Refuse a step that another user decides: he may lead us only to what is his own.

    Raises:
        OSError: the step leads from one user's to another user's.
    """
    owner = posix.fstat(here).st_uid
    if owner not in {0, posix.fstat(below).st_uid}:
        raise OSError(_EPERM, f"user {owner} decides where {name} leads")
