"""Virtual machines: a kernel and cgroups (version 2) of their own, and a power plug.

    with VM.boot("power", disk_directory) as vm:
        vm.run(["wctl", "scale", "3"])
        vm.power_cut()
        vm.start()

QEMU runs inside a throw-away machine (see disk.py) and emulates the processor: everything takes
10 to 20 times as long as elsewhere. When QEMU is killed, data that the guest has not yet written to
its disk is lost, as on a real machine that loses its power.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from machine import disk
from machine.driver import Command, CommandError, MachineError, Result, wait_for
from machine.image import CACHE

MEMORY = "1G"
BOOT_TIMEOUT = 400  # seconds, on a busy host

# We leave out what only costs time: checks of the disk, mitigations against other tenants.
KERNEL_ARGUMENTS = (
    "root=/dev/vda rw quiet panic=-1 console=ttyS0 systemd.show_status=0 fsck.mode=skip"
    " mitigations=off nokaslr tsc=reliable audit=0 systemd.unified_cgroup_hierarchy=1"
)


class VM:
    """A virtual machine with its own disk; the machine is on or off."""

    def __init__(self, purpose: str, base: Path) -> None:
        self.name = purpose
        self._base = base
        # Short: the path of a socket has 107 characters at most.
        (CACHE / "vm").mkdir(exist_ok=True)
        self._directory = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=CACHE / "vm"))
        binds = [f"{path}:{path}" for path in (base, self._directory)]
        self._host = disk.tools(purpose, binds)
        overlay = ["-b", str(base / "disk.raw"), "-F", "raw", str(self._directory / "disk.qcow2")]
        self._host.run(["qemu-img", "create", "-q", "-f", "qcow2", *overlay])
        self._qemu: subprocess.Popen[str] | None = None
        self._console: socket.socket

    @classmethod
    def boot(cls, purpose: str, base: Path) -> VM:
        """Boots a machine from a copy of the disk that disk.make() has put into `base`."""
        vm = cls(purpose, base)
        try:
            vm.start()
        except BaseException:
            vm.close()
            raise
        return vm

    # ---- power ---------------------------------------------------------------------------

    def start(self) -> None:
        """Switches the machine on; returns when it takes commands and has booted."""
        assert self._qemu is None, f"{self.name} is on"
        path = self._directory / "console"
        path.unlink(missing_ok=True)
        self._qemu = self._host.popen(self._command(path), stdout=subprocess.DEVNULL)
        self._console = socket.socket(socket.AF_UNIX)
        wait_for(lambda: self._connects(path), 20, "QEMU to listen")
        self._receive(BOOT_TIMEOUT)  # {"ready": true}
        self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=BOOT_TIMEOUT)
        self.run(["date", "--set", f"@{time.time():.0f}"])

    def power_cut(self) -> None:
        """Cuts the power: kills the process of QEMU."""
        assert self._qemu is not None, f"{self.name} is off"
        self._host.stop(self._qemu, signal.SIGKILL)
        self._console.close()
        self._qemu = None

    def reboot(self) -> None:
        """Shuts down as `systemctl reboot` does, then starts again."""
        assert self._qemu is not None, f"{self.name} is off"
        self.run(["systemctl", "--no-block", "reboot"])
        self._qemu.wait(BOOT_TIMEOUT)  # -no-reboot: a reset ends QEMU
        self._console.close()
        self._qemu = None
        self.start()

    def close(self) -> None:
        """Ends the machine; nothing of it is left."""
        self._host.kill()
        if self._qemu is not None:
            self._qemu.communicate(timeout=60)
        shutil.rmtree(self._directory)

    def __enter__(self) -> VM:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _command(self, console: Path) -> list[str]:
        # No more CPUs than we may use: with two on one core, the guest's kernel locks up at boot.
        cpus = min(2, len(os.sched_getaffinity(0)))
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max"]
        command += ["-smp", str(cpus), "-m", MEMORY, "-nodefaults", "-no-user-config"]
        command += ["-display", "none", "-no-reboot", "-serial", f"file:{self._directory}/serial"]
        command += ["-kernel", str(self._base / "vmlinuz"), "-initrd", str(self._base / "initrd")]
        command += ["-append", KERNEL_ARGUMENTS]
        command += ["-drive", f"if=none,id=disk,file={self._directory}/disk.qcow2,format=qcow2"]
        command += ["-device", "virtio-blk-pci,drive=disk", "-device", "virtio-serial-pci"]
        command += ["-chardev", f"socket,id=agent,path={console},server=on,wait=off"]
        return [*command, "-device", "virtconsole,chardev=agent"]

    def _connects(self, path: Path) -> bool:
        assert self._qemu is not None
        if self._qemu.poll() is not None:
            raise MachineError(f"QEMU ended: {self._qemu.communicate()[1]}")
        try:
            self._console.connect(str(path))
        except OSError:
            return False
        return True

    # ---- commands ------------------------------------------------------------------------

    def run(
        self,
        command: Command,
        *,
        check: bool = True,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str = "/",
        timeout: float = 120,
        input: str | None = None,
    ) -> Result:
        """Runs a command, as Machine.run() does."""
        argv = ["sh", "-c", command] if isinstance(command, str) else list(command)
        setting = [f"{key}={value}" for key, value in (env or {}).items()]
        argv = ["env", f"--chdir={cwd}", *setting, *argv]
        argv = ["runuser", "-u", user, "--", *argv] if user else argv
        order = json.dumps({"argv": argv, "input": input or ""}) + "\n"
        self._console.sendall(order.encode())
        answer = self._receive(timeout, command)
        result = Result(int(str(answer["code"])), str(answer["out"]), str(answer["err"]))
        if check and result.code != 0:
            raise CommandError(self.name, command, result)
        return result

    def write(self, path: str, text: str) -> None:
        """Writes a file, with its directories."""
        self.run(["install", "-D", "-m", "644", "/dev/stdin", path], input=text)

    def _receive(self, timeout: float, command: Command = "boot") -> dict[str, object]:
        deadline = time.monotonic() + timeout
        line = b""
        while not line.endswith(b"\n"):
            self._console.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                chunk = self._console.recv(1 << 16)
            except TimeoutError:
                raise MachineError(self._tell(command, f"no answer in {timeout:g} s")) from None
            if not chunk:
                raise MachineError(self._tell(command, "QEMU ended"))
            line += chunk
        answer = json.loads(line)
        assert isinstance(answer, dict)
        return answer

    def _tell(self, command: Command, why: str) -> str:
        said = (self._directory / "serial").read_text(errors="replace")[-2000:]
        line = command if isinstance(command, str) else shlex.join(command)
        return f"on {self.name}: {line}: {why}\n{said}"
