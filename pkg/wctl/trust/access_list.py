"""Who can write to a file by the group bits of its mode, which are the mask of its access list.

ls(1) marks such a file with a "+". See acl(5); the kernel keeps the list as an extended attribute
(linux/posix_acl_xattr.h): a version of 4 bytes, then entries of 8 bytes, little endian.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

_NAME = "system.posix_acl_access"
_HEADER, _ENTRY = 4, 8  # bytes
_USER, _OWNING_GROUP, _GROUP = 0x02, 0x04, 0x08  # tags of entries
_WRITE = 0o2
_NONE = {errno.ENODATA, errno.EOPNOTSUPP}


def writers(fd: int, group: int) -> tuple[set[int], set[int]]:
    """Return the users and groups that may write to a file whose mode has S_IWGRP.

    ``fd`` may be one with O_PATH, which fgetxattr(2) refuses. ``group`` is the file's group.

    Raises:
        OSError: the access list cannot be read.
    """
    try:
        data = os.getxattr(f"/proc/self/fd/{fd}", _NAME)
    except OSError as error:
        if error.errno in _NONE:
            return set(), {group}
        raise
    users, groups = set(), set()
    for tag, identity in _writing(data):
        if tag == _USER:
            users.add(identity)
        elif tag in (_OWNING_GROUP, _GROUP):
            groups.add(group if tag == _OWNING_GROUP else identity)
    return users, groups


def present(path: str) -> bool:
    """Tell whether a file has an access list, so that its mode does not tell everything."""
    try:
        return bool(os.getxattr(path, _NAME))
    except OSError:
        return False


def _writing(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the tag and the ID of each entry with permission w; the mode says that the mask has it.

    An entry has a tag and permissions of 2 bytes each, and an ID of 4 bytes.
    """
    for start in range(_HEADER, len(data), _ENTRY):
        entry = data[start : start + _ENTRY]
        if entry[2] & _WRITE:
            yield int.from_bytes(entry[:2], "little"), int.from_bytes(entry[4:], "little")
