"""shutdown, version, open: the verbs about what supervises the processes."""

from __future__ import annotations

from wctl.api.ctl import server
from wctl.api.ctl.face import FAILURE, Face
from wctl.api.ctl.process_verbs import do_status
from wctl.api.ctl.words import without_argument
from wctl.api.faults import Code
from wctl.errors import WctlError

VERSION = "4.3.0"  # of the supervisorctl whose words these are


def _shutdown(face: Face) -> None:
    if not face.really("Really stop all processes y/N? "):
        return
    if not face.is_up(FAILURE):
        return
    failed = [one for one in face.processes.stop_all() if one.code is not Code.SUCCESS]
    for result in failed:
        face.fail(f"{result.full}: ERROR (failed)")
    if not failed:
        face.say("Shut down")


def _version(face: Face) -> None:
    if face.is_up():
        face.say(VERSION)


def do_open(face: Face, argument: str) -> None:
    """Go on with the Supervisor at a URL, which must be this machine's."""
    url = argument.strip()
    if not url.startswith(("unix://", "http://")):
        face.fail("ERROR: url must be http:// or unix://")
        return
    try:
        server.check(url)
    except WctlError as error:
        face.fail(f"ERROR: {error.message}", FAILURE)
        return
    before = face.code
    do_status(face, "")
    face.code = before


do_shutdown = without_argument(_shutdown, "shutdown")
do_version = without_argument(_version, "version")
