"""The prompt of wctl supervisorctl at a terminal: keys, completion, history and questions."""

from __future__ import annotations

from machine.driver import Machine
from machine.talk import Talk
from machine.units import configure, states

TEXT = """
[program:a]
command=sh -c 'echo hello; exec sleep 1000'
startsecs=0
[program:w]
command=sleep 1000
startsecs=0
numprocs=2
process_name=%(program_name)s_%(process_num)02d
[group:g]
programs=w
"""
START = "wctl supervisorctl -r /root/history; echo code $?\r"
PROMPT = r"^supervisor> $"
CTRL_C, CTRL_D, CTRL_P = "\x03", "\x04", "\x10"  # CTRL_P: the line before in the history


def test_a_session_at_a_terminal(machine: Machine) -> None:
    """Keys do what they do in supervisorctl; the next session has the lines that were typed."""
    configure(machine, TEXT)
    machine.run(["wctl", "update"])
    talk = Talk(machine)
    talk(
        (START, rf"^a +RUNNING .*^g:w_00 +RUNNING .*^g:w_01 +RUNNING .*{PROMPT}"),
        ("sta\t\t", r"^start +status.*^supervisor> sta$"),
        ("tu\t", r"^tus $"),
        ("a\r", rf"^a +RUNNING [^\n]*\n{PROMPT}"),
        ("stop g:\t\t", r"^g:\* +g:w_00 +g:w_01.*^supervisor> stop g:$"),
        ("w_01\t\r", rf"^g:w_01: stopped\r\n{PROMPT}"),
        ("upd\tg\t\r", rf"^update g \r\n{PROMPT}"),
        ("nosuch\r", rf"^\*\*\* Unknown syntax: nosuch\r\n{PROMPT}"),
        ("stop nosuch\r", rf"^nosuch: ERROR \(no such process\)\r\n{PROMPT}"),
        # The journal may have lines of a@00 from other tests.
        ("tail -f a\r", r"^==> Press Ctrl-C to exit <==\r\n.*^hello\r\n"),
        (CTRL_C, PROMPT),
        ("reload\r", r"y/N\? $"),
        ("\r", PROMPT),
        ("shutdown\r", r"y/N\? $"),
        (CTRL_D, PROMPT),
        (CTRL_D, r"^\r\ncode 0\r\n"),
    )
    assert states(machine) == {"a@00": "RUNNING", "w@00": "RUNNING", "w@01": "STOPPED"}
    typed = machine.read("/root/history").splitlines()
    assert typed[:2] == ["status a", "stop g:w_01 "]
    assert "tail -f a" in typed and typed[-1] == "shutdown"
    talk(
        (START, PROMPT),
        (CTRL_P * 2, r"shutdown.*reload"),
        ("\r", r"y/N\? $"),
        ("y\r", rf"^Restarted supervisord\r\n{PROMPT}"),
        ("status\r", rf"^a +RUNNING .*^g:w_01 +RUNNING .*{PROMPT}"),
        ("shutdown\r", r"y/N\? $"),
        ("y\r", rf"^Shut down\r\n{PROMPT}"),
        ("half a li", r"half a li$"),
        # Python misses a signal that comes just before it waits for a key; the next key wakes it.
        (CTRL_C + "\r", r"^\r\ncode 0\r\n"),
    )
    assert set(states(machine).values()) == {"STOPPED"}
