"""Turns figures into a table in Markdown, and a picture."""

from __future__ import annotations

import math
import os
import platform
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.measures import Figures

TOOLS = ("wctl", "supervisor", "systemd")
TITLES = {"wctl": "wctl", "supervisor": "Supervisor 4.3.0", "systemd": "bare systemd"}
_PERCENTILE = 0.99


def table(figures: Figures) -> str:
    """Returns one row a figure: medians, and wctl's ratio to Supervisor."""
    head = " | ".join(TITLES[tool] for tool in TOOLS)
    rows = [f"| median | {head} | wctl ÷ Supervisor |", "|-|-|-|-|-|"]
    for figure, values in _with_p99(figures).items():
        medians = {tool: statistics.median(samples) for tool, samples in values.items()}
        cells = [_number(medians.get(tool)) for tool in TOOLS]
        rows.append(f"| {figure} | {' | '.join(cells)} | {_ratio(medians)} |")
    return "\n".join(rows) + "\n"


def _with_p99(figures: Figures) -> Figures:
    """Returns the figures, and the 99th percentile of crashes as another figure."""
    found: Figures = {}
    for figure, values in figures.items():
        found[figure] = values
        if figure.startswith("crash"):
            title = figure.replace(", s", ", 99th percentile, s")
            found[title] = {tool: [_p99(samples)] for tool, samples in values.items()}
    return found


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[max(0, math.ceil(len(values) * _PERCENTILE) - 1)]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _ratio(medians: dict[str, float]) -> str:
    theirs = medians.get("supervisor")
    return f"{medians['wctl'] / theirs:.2f}" if theirs and "wctl" in medians else ""


def machine() -> str:
    """Describes the host on which the bench ran."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = cpu[1] if cpu else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, {name}, {memory:.0f} GiB, Linux {platform.release()}, Debian 12;"
        f" load of the host at the end: {load:.1f}"
    )


def picture(figures: Figures, file: Path) -> None:
    """Draws wctl's figures as multiples of Supervisor's: left of 1, wctl needs less."""
    import matplotlib  # type: ignore[import-not-found,unused-ignore]  # for the bench alone

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ratios = {}
    for figure, values in _with_p99(figures).items():
        medians = {tool: statistics.median(samples) for tool, samples in values.items()}
        if medians.get("supervisor", 0) > 0 and medians.get("wctl", 0) > 0:
            ratios[figure] = medians["wctl"] / medians["supervisor"]
    names = list(reversed(ratios))
    colours = ["tab:green" if ("MB/s" in n) == (ratios[n] > 1) else "tab:red" for n in names]
    chart, axes = pyplot.subplots(figsize=(9, 0.45 * len(names) + 1.2), layout="constrained")
    bars = axes.barh(names, [ratios[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_title("wctl, in multiples of Supervisor's figure (green: better)")
    chart.savefig(file, dpi=120)
