"""Makes the pictures of the README: what a person sees who types commands on a real machine.

    PYTHONPATH=pkg:tests python3 tests/pictures/make.py

It needs root and what tests/run installs, and takes a minute. The commands are real, and so is what
they print; only process IDs and times differ from one run to the next.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator
from pathlib import Path

from machine import package, provision
from machine.driver import Machine, unique_name, wait_for
from machine.screen import Screen, screen
from machine.units import configure, states

HERE = Path(__file__).parent
PROGRAMS = """\
[program:mailer]
command = sleep 100000
user = www-data
numprocs = 3
process_name = %(program_name)s_%(process_num)02d
memory_max = 256M
[program:broken]
command = sh -c 'echo "SQLSTATE[HY000] [2002] Connection refused"; exit 1'
user = www-data
startretries = 1
[program:resize]
command = sleep 100000
user = www-data
[program:import]
command = sleep 100000
user = www-data
autostart = false
[group:shop]
programs = resize,import
"""
STYLE = re.compile(r"\x1b\[([0-9;]*)m")
COLOURS = {
    "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff",
    "36": "#56d4dd",
}  # fmt: skip
# What a code ends: 39 the colour, 22 bold and dim, 27 reverse, 0 all.
ENDS = {
    "0": (*COLOURS, "1", "2", "7"), "22": ("1", "2"), "27": ("7",), "39": tuple(COLOURS),
}  # fmt: skip
INK, PAPER = "#e6edf3", "#0d1117"
WIDTH, HEIGHT, MARGIN = 8.4, 18, 14  # pixels, of a character and around the screen


def spans(line: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yields the pieces of a line with their SVG attributes."""
    codes: list[str] = []
    for index, piece in enumerate(STYLE.split(line)):
        if index % 2:
            for code in piece.split(";"):
                over = ENDS.get(code or "0", ())
                codes = [*(each for each in codes if each not in over), code]
        elif piece:
            yield piece, attributes(codes)


def attributes(codes: list[str]) -> dict[str, str]:
    found = {"fill": next((COLOURS[code] for code in reversed(codes) if code in COLOURS), INK)}
    if "1" in codes:
        found["font-weight"] = "bold"
    if "2" in codes:
        found["opacity"] = "0.6"
    if "7" in codes:
        found["reverse"] = found["fill"]
        found["fill"] = PAPER
    return found


def svg(lines: list[str], columns: int) -> str:
    """Returns the picture of a terminal."""
    width, height = columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}">',
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14"'
        ' xml:space="preserve">',
    ]
    for row, line in enumerate(lines):
        column, top = 0, MARGIN + row * HEIGHT
        for text, how in spans(line):
            x, length = MARGIN + column * WIDTH, len(text) * WIDTH
            back = how.pop("reverse", None)
            if back is not None:
                parts.append(
                    f'<rect x="{x:.1f}" y="{top}" width="{length:.1f}" height="{HEIGHT}"'
                    f' fill="{back}"/>'
                )
            if text.strip():
                rest = "".join(f' {name}="{value}"' for name, value in how.items())
                parts.append(
                    f'<text x="{x:.1f}" y="{top + 14}" textLength="{length:.1f}"{rest}>'
                    f"{html.escape(text)}</text>"
                )
            column += len(text)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def shot(terminal: Screen, name: str, columns: int) -> None:
    lines = terminal.lines(colours=True)
    (HERE / f"{name}.svg").write_text(svg(lines, columns))


def main() -> None:
    deb = package.build("bookworm")
    with Machine.boot(unique_name("pictures"), "bookworm/e2e") as machine:
        provision.install_wctl(machine, deb)
        configure(machine, PROGRAMS)
        machine.run("wctl update", check=False)
        wait_for(lambda: states(machine)["broken@00"] == "FATAL", 60, "a program to be given up")
        time.sleep(65)  # an uptime that looks like one
        with screen(machine, 100, 16) as terminal:
            terminal.type("clear; wctl status")
            terminal.wait("^ +resize@00 ")
            shot(terminal, "status", 100)
            terminal.type("clear; wctl top")
            terminal.wait("^broken@00: ")
            shot(terminal, "top", 100)


if __name__ == "__main__":
    main()
