"""Runs in a virtual machine: carries out the commands that a test sends over the console.

Each line from the test is a JSON object, {"argv": [...], "input": "..."}. Each answer is a JSON
object, {"code", "out", "err"}. The agent's first line says that the machine is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import tty

CONSOLE = "/dev/hvc0"


def carry_out(order: dict[str, object]) -> dict[str, object]:
    # Files, not pipes: we must not wait for processes that a command leaves running.
    done = subprocess.run(
        ["sh", "-c", '"$@" >/run/agent.out 2>/run/agent.err', "sh", *map(str, order["argv"])],  # type: ignore[call-overload]
        input=str(order["input"]),
        text=True,
        check=False,
    )
    texts = []
    for name in ("out", "err"):
        with open(f"/run/agent.{name}", errors="surrogateescape") as file:  # noqa: PTH123
            texts.append(file.read())
    return {"code": done.returncode, "out": texts[0], "err": texts[1]}


def main() -> None:
    console = os.open(CONSOLE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(console)
    with open(console, "r+b", buffering=0) as stream:  # noqa: PTH123
        stream.write(b'{"ready": true}\n')
        line = b""
        while chunk := stream.read(1 << 16):
            line += chunk
            if line.endswith(b"\n"):
                answer = json.dumps(carry_out(json.loads(line))).encode() + b"\n"
                while answer:
                    answer = answer[stream.write(answer) :]
                line = b""


if __name__ == "__main__":
    main()
