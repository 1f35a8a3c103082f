"""The sandboxing directives behind hardening = off, basic, strict (systemd.exec(5)).

basic allows everything that an ordinary queue worker does. strict is for workers that write only to
their own directories, which systemd.Service.ReadWritePaths names.
"""

from __future__ import annotations

# These directives work without privileges, through seccomp and no_new_privs.
_UNPRIVILEGED = (
    ("NoNewPrivileges", "yes"),
    ("LockPersonality", "yes"),
    ("RestrictRealtime", "yes"),
    ("RestrictSUIDSGID", "yes"),
    ("RestrictNamespaces", "yes"),
    ("SystemCallArchitectures", "native"),
)

# Capabilities that a worker may need if it runs as root. Workers of other users have none of them,
# whatever this list says.
_CAPABILITIES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_IPC_LOCK CAP_KILL"
    " CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_NICE"
    " CAP_SYS_RESOURCE"
)

# System calls for administering a machine. Not @debug: PHP's slow log and profilers use it.
_NO_SYSTEM_CALLS = "~@clock @cpu-emulation @module @mount @obsolete @raw-io @reboot @swap"

_COMMON = (
    *_UNPRIVILEGED,
    ("ProtectClock", "yes"),
    ("ProtectHostname", "yes"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
    # A refused call returns the same error as without the privilege, and does not kill the worker.
    ("SystemCallErrorNumber", "EPERM"),
)

# Each of these directives gives the worker a mount namespace, which makes a start six times as
# expensive: a hundred starts take 2 s instead of 0.3 s. They protect files that belong to root.
_MOUNTS = (
    ("ProtectControlGroups", "yes"),
    ("ProtectKernelLogs", "yes"),
    ("ProtectKernelModules", "yes"),
    ("ProtectKernelTunables", "yes"),
)

# Not ProtectHome, PrivateTmp, PrivateDevices: applications are deployed below /home, take files
# that a web server has left in /tmp, and compute on graphics cards.
_BASIC = (
    *_COMMON,
    ("CapabilityBoundingSet", _CAPABILITIES),
    ("SystemCallFilter", _NO_SYSTEM_CALLS),
)
# For a worker that runs as root and could therefore write where no other user can.
_BASIC_ROOT = (*_BASIC, *_MOUNTS, ("ProtectSystem", "full"))

# Not RemoveIPC: it would remove IPC objects that other processes of the same user still use. Not
# MemoryDenyWriteExecute: PHP, Node.js and Java compile at run time.
_STRICT = (
    *_COMMON,
    *_MOUNTS,
    ("ProtectSystem", "strict"),
    ("ProtectHome", "read-only"),
    ("ProtectProc", "invisible"),
    ("PrivateDevices", "yes"),
    ("PrivateTmp", "yes"),
    ("CapabilityBoundingSet", ""),
    ("SystemCallFilter", "@system-service"),
)


def directives(level: str, *, user: bool, root: bool) -> tuple[tuple[str, str], ...]:
    """Return the directives of a level.

    A ``user``'s own manager may set only the unprivileged directives. A worker of the system's
    manager that does not run as ``root`` has fewer rights, and needs fewer directives.
    """
    if level == "off":
        return ()
    if user:
        return _UNPRIVILEGED
    if level == "strict":
        return _STRICT
    return _BASIC_ROOT if root else _BASIC
