"""The socket of an [fcgi-program:x] as units: all instances share it while any of them runs.

Supervisor opens the socket with the program's first process and closes it after the last process.
Sockets= (systemd.service(5)) gives every instance the socket, and StopWhenUnneeded= closes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from wctl.config.fcgi import Socket
from wctl.config.model import Program
from wctl.systemd.unit_file import Unit
from wctl.units.host import Host
from wctl.units.marker import name_source, new_unit


def units(program: Program, socket: Socket, host: Host) -> Iterator[Unit]:
    """Yield the socket unit of ``program``, and the service that systemd starts on traffic."""
    yield _socket(program, socket, host)
    yield _served(program)


def _socket(program: Program, socket: Socket, host: Host) -> Unit:
    name = f"{program.name}.socket"
    unit = new_unit(name, program.place.file, f"The socket of all {program.title} workers")
    section = unit.section("Unit")
    section.comment("systemd closes the socket when the last worker stops, as Supervisor does.")
    section.flag("StopWhenUnneeded", True)
    name_source(section, program.place.file)
    section = unit.section("Socket")
    section.set("ListenStream", _path(socket.path) if socket.path else socket.address or "")
    if socket.path is not None:
        if not host.user:
            for key, value in (("SocketUser", socket.owner), ("SocketGroup", socket.group)):
                if value is not None:
                    section.set(key, value)
        section.set("SocketMode", f"{socket.mode:04o}")
        section.flag("RemoveOnStop", True)
    if socket.backlog is not None:
        section.set("Backlog", str(socket.backlog))
    return unit


def _path(path: str) -> str:
    """Return a path as systemd has it, which complains about /var/run at each reload."""
    return path[len("/var") :] if path.startswith("/var/run/") else path


def _served(program: Program) -> Unit:
    """Return the service that a connection starts. It runs nothing, since wctl starts workers."""
    name = f"{program.name}.service"
    description = f"Marks the socket of {program.title} as served by its workers"
    unit = new_unit(name, program.place.file, description)
    section = unit.section("Unit")
    section.comment(
        "Without this unit, a connection would start a worker that was stopped by hand."
    )
    section.set("PartOf", f"{program.name}.socket")
    name_source(section, program.place.file)
    section = unit.section("Service")
    section.set("Type", "oneshot")
    section.flag("RemainAfterExit", True)
    section.set("ExecStart", "/bin/true")
    return unit
