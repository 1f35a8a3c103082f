"""The exit codes with which systemd says why it could not run a unit's command.

They are those of a process that systemd has forked, and that failed before its exec
(systemd.exec(5), "Process Exit Codes"). A worker may exit with the same codes.
"""

from __future__ import annotations

from collections.abc import Mapping

# What an operator sees after "systemd cannot run it: ".
WHY: Mapping[int, str] = {
    200: "its directory cannot be entered",
    201: "its nice level cannot be set",
    202: "its file descriptors cannot be set up",
    203: "its command cannot be executed",
    204: "memory is short",
    205: "its resource limits cannot be set",
    206: "its OOM score adjustment cannot be set",
    207: "its signal mask cannot be set",
    208: "its stdin cannot be set up",
    209: "its stdout cannot be set up",
    210: "its root directory cannot be set",
    211: "its I/O priority cannot be set",
    212: "its timer slack cannot be set",
    213: "its secure bits cannot be set",
    214: "its CPU scheduling policy cannot be set",
    215: "its CPU affinity cannot be set",
    216: "its group is missing or cannot be set",
    217: "its user is missing or cannot be set",
    218: "its capabilities cannot be set",
    219: "its cgroup cannot be set up",
    220: "its session cannot be created",
    221: "somebody at the console refused it",
    222: "its stderr cannot be set up",
    224: "its PAM session cannot be set up",
    225: "its network namespace cannot be set up",
    226: "its namespaces cannot be set up",
    227: "NoNewPrivileges= cannot be set",
    228: "its system call filter cannot be set",
    229: "its SELinux context cannot be set",
    230: "its execution domain (Personality=) cannot be set",
    231: "its AppArmor profile cannot be set",
    232: "its address families cannot be restricted",
    233: "its runtime directory cannot be set up",
    235: "the owner of its socket cannot be set",
    236: "its SMACK label cannot be set",
    237: "its kernel keyring cannot be set up",
    238: "its state directory cannot be set up",
    239: "its cache directory cannot be set up",
    240: "its logs directory cannot be set up",
    241: "its configuration directory cannot be set up",
    242: "its NUMA policy cannot be set",
    243: "its credentials cannot be set up",
    245: "its file systems cannot be restricted",
}
