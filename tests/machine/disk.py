"""Disks for virtual machines: the root file system of a throw-away machine as one file.

make() provisions a throw-away machine (driver.Machine) natively, which is fast, shuts it down, and
turns its files into a disk. Everything that handles disks and kernels runs in another machine that
has QEMU's tools (image "bookworm/qemu"), so that the host needs none of them.
"""

from __future__ import annotations

from pathlib import Path

from machine import provision
from machine.driver import Machine, unique_name
from machine.image import lowers

TOOLS = "bookworm/qemu"
AGENT = Path(__file__).with_name("agent.py")
SIZE = "3G"  # sparse

AGENT_UNIT = """\
[Unit]
Description=Carries out the commands of a test
DefaultDependencies=no
After=dbus.socket systemd-journald.socket
Conflicts=shutdown.target
Before=shutdown.target

[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/agent.py
Environment=HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8

[Install]
WantedBy=sysinit.target
"""

# Units that a virtual machine does not need, beyond those that every throw-away machine leaves out.
# When systemd starts, the disk is mounted and the modules are loaded. No user sits at a terminal.
MASKED = (
    "kmod-static-nodes.service ldconfig.service modprobe@.service serial-getty@hvc0.service"
    " serial-getty@ttyS0.service systemd-firstboot.service systemd-hwdb-update.service"
    " systemd-network-generator.service systemd-pcrmachine.service systemd-random-seed.service"
    " systemd-remount-fs.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service"
    " systemd-udev-trigger.service"
)

MAKE_DISK = """
set -e
mkdir /run/root
mount -t overlay -o ro,lowerdir=$1 overlay /run/root
mkfs.ext4 -q -O ^metadata_csum -E lazy_itable_init=1 -d /run/root "$2/disk.raw" $3
"""

# The smallest initial file system: busybox, and the modules for the disk and the console.
MAKE_BOOT = r"""
set -e
kernel=$(basename /boot/vmlinuz-*)
mkdir -p /run/initrd/bin /run/initrd/dev /run/initrd/proc /run/initrd/root
cd /run/initrd
cp /bin/busybox bin/
cat >init <<'END'
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
END
for module in virtio_pci virtio_blk virtio_console ext4 crc32c; do
    modprobe --set-version "${kernel#vmlinuz-}" --show-depends --ignore-install "$module"
done | sed -n 's/^insmod //p' | awk '!seen[$1]++ { print $1 }' | while read -r path; do
    cp "$path" .
    echo "/bin/busybox insmod /$(basename "$path")" >>init
done
cat >>init <<'END'
until [ -b /dev/vda ]; do /bin/busybox sleep 0.02; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
END
chmod +x init
busybox find . | busybox cpio -o -H newc >"$1/initrd"
cp "/boot/$kernel" "$1/vmlinuz"
"""


def make(suite: str, deb: Path, target: Path) -> None:
    """Makes target/disk.raw, target/vmlinuz and target/initrd: `suite` with wctl and the app."""
    files = target / "files"
    with Machine.boot(unique_name(f"disk-{suite}"), suite, keep=files) as machine:
        provision.install_wctl(machine, deb)
        provision.install_app(machine)
        machine.copy_in(AGENT.parent, "/usr/local/lib", [AGENT.name])
        machine.write("/etc/systemd/system/agent.service", AGENT_UNIT)
        machine.run(["systemctl", "enable", "agent.service"])
        machine.run(["systemctl", "mask", *MASKED.split()])
    layers = [files / "upper", *lowers(suite)]
    binds = [f"{path}:/layers/{number}:ro" for number, path in enumerate(layers)]
    with tools("disk", [*binds, f"{target}:{target}"]) as machine:
        stack = ":".join(f"/layers/{number}" for number in range(len(layers)))
        machine.run(["sh", "-c", MAKE_DISK, "sh", stack, str(target), SIZE], timeout=300)
        machine.run(["sh", "-c", MAKE_BOOT, "sh", str(target)])


def tools(purpose: str, binds: list[str]) -> Machine:
    """Boots a machine that has QEMU and its tools."""
    return Machine.boot(unique_name(f"qemu-{purpose}"), TOOLS, binds=binds)
