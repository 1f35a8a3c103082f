"""wctl explain before an update: it foretells what systemd makes of the units."""

from __future__ import annotations

from machine.driver import Machine
from machine.units import configure

PROGRAMS = """\
[program:plain]
command=sh -c 'sleep 1000; exit 0' "a$b %%c" 'it''s'
tasks_max=50
nice=3
[program:mailer]
command=sleep 1000
directory=/srv
user=www-data
process_name=%(process_num)02d
numprocs=2
autorestart=unexpected
exitcodes=0,2
stopsignal=INT
stopasgroup=true
stopwaitsecs=90
max_runtime=1h 30min
memory_max=10%%
memory_high=100M
cpu_quota=150%%
hardening=strict
tasks_max=9
nice=5
ready=exec:true
stdout_logfile=/var/log/mailer-%(process_num)02d.log
[program:free]
command=sleep 1000
hardening=off
autorestart=false
stopwaitsecs=0
tasks_max=9
nice=-1
systemd.Service.OOMPolicy=continue
memory_max=1G
"""


def test_it_foretells(machine: Machine) -> None:
    """The sentences are those of the units that the update then installs."""
    configure(machine, PROGRAMS)
    foretold = {}
    for name in ("plain", "mailer", "free"):
        title, *sentences = machine.run(f"wctl explain {name}").out.splitlines()
        assert title == f"{name}, from /etc/wctl/conf.d/test.conf, after 'wctl update {name}':"
        assert machine.run(f"wctl explain --file {name}").out.splitlines()[1:] == sentences
        foretold[name] = sentences
    machine.run("wctl update")
    for name, sentences in foretold.items():
        title, *found = machine.run(f"wctl explain {name}").out.splitlines()
        assert title == f"{name}, from /etc/wctl/conf.d/test.conf:"
        assert found == sentences
    configure(machine, PROGRAMS.replace("stopwaitsecs=90", "stopwaitsecs=7"))
    assert "after 7 s" in machine.run("wctl explain --file mailer").out
    assert "after 1 min 30 s" in machine.run("wctl explain mailer").out
