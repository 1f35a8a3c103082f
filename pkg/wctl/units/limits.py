"""How much of the machine a worker may use (systemd.resource-control(5))."""

from __future__ import annotations

from wctl.config import frameworks
from wctl.config.model import Program
from wctl.systemd.quantities import exact_size
from wctl.systemd.unit_file import Section

_HARD_FILES = (
    524_288  # that a process may allow itself (DefaultLimitNOFILE=, systemd-system.conf(5))
)
_BESIDES = 256 << 20  # bytes for what the worker starts: its own limit does not count that


def add(service: Section, program: Program) -> None:
    """Write the limits of ``program``."""
    _memory_max(service, program)
    service.set("OOMPolicy", "kill")
    for key, value in (
        ("MemorySwapMax", program.memory_swap_max),
        ("MemoryHigh", program.memory_high),
        ("CPUQuota", program.cpu_quota),
        ("CPUWeight", program.cpu_weight),
        ("IOWeight", program.io_weight),
        ("TasksMax", program.tasks_max),
        ("Nice", program.nice),
    ):
        if value is not None:
            service.raw(key, str(value))  # systemd reads no specifiers here: 50% is a share

    if program.minfds is not None and program.minfds > _HARD_FILES:
        service.comment("The wrapper raises what is lower; only systemd raises the hard limit.")
        service.set("LimitNOFILE", str(program.minfds))


def _memory_max(service: Section, program: Program) -> None:
    if program.memory_max is not None:
        service.raw("MemoryMax", exact_size(program.memory_max))
    elif (limit := frameworks.soft_limit(program)) and not program.for_supervisor:
        twice = limit.size >= _BESIDES
        above = "twice" if twice else f"{_BESIDES >> 20}M above"
        service.comment(
            f"The hard limit is {above} {limit.written}, at which the worker ends gracefully: what"
            " the worker starts counts, too."
        )
        service.set("MemoryMax", exact_size(str(max(2 * limit.size, limit.size + _BESIDES))))
