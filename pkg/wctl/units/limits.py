"""How much of the machine a worker may use (systemd.resource-control(5))."""

from __future__ import annotations

from wctl.config import frameworks
from wctl.config.model import Program
from wctl.systemd.quantities import exact_size
from wctl.systemd.unit_file import Section


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
        ("LimitNOFILE", program.minfds),
        ("LimitNPROC", program.minprocs),
    ):
        if value is not None:
            service.raw(key, str(value))  # systemd reads no specifiers here: 50% is a share


def _memory_max(service: Section, program: Program) -> None:
    if program.memory_max is not None:
        service.raw("MemoryMax", exact_size(program.memory_max))
    elif limit := frameworks.soft_limit(program):
        service.comment(
            f"The hard limit is twice {limit.written}, at which the worker ends gracefully."
        )
        service.set("MemoryMax", exact_size(str(2 * limit.size)))
