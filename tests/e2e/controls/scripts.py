"""Shell scripts that people run around supervisorctl; each runs with either in PATH."""

from __future__ import annotations

PROGRAMS = """\
[program:solo]
command=sleep 1000
startsecs=0
[program:many]
command=sleep 1000
startsecs=0
numprocs=2
process_name=%(program_name)s_%(process_num)02d
[program:redis]
command=sleep 1000
startsecs=0
autostart=false
[program:mysql]
command=sleep 1000
startsecs=0
[group:db]
programs=mysql,redis
[program:broken]
command=/nonesuch/program
startsecs=0
autostart=false
"""

# What the reports of public repositories come to.
COUNTS = r"""
supervisorctl status | grep -c RUNNING
supervisorctl status | grep RUNNING | wc -l
supervisorctl status all | wc -l
supervisorctl status | awk '$2 != "RUNNING"'
supervisorctl status | awk '$2 != "RUNNING" { print $1; bad = 1 } END { exit bad }'
supervisorctl status | awk '{ count[$2]++ } END { for (s in count) print s, count[s] }' | sort
supervisorctl status | grep 'db:redis' | grep STOPPED | wc -l
supervisorctl status | grep -v RUNNING | cut -d' ' -f1
supervisorctl status | grep -Ev 'RUNNING|STARTING' | awk '{ print $1 }' | tr '\n' ' '
supervisorctl status | sed -n 's/^\([^ ]*\) .*/\1/p'
supervisorctl status | sed 's/ \+/ /g' | cut -d' ' -f1,2
supervisorctl status | cut -c1-33
supervisorctl status | tr -s ' ' '\t' | cut -f1,2
supervisorctl status | awk -F: 'NF > 3 { print $1 }' | sort -u
supervisorctl status | awk '{ print $1 }' | awk -F: '{ print $NF }' | sort
supervisorctl status 2>&1 | grep -q refused; echo $?
"""
ONE = r"""
supervisorctl status solo | awk '/^solo[: ]/{print $2}'
supervisorctl status | awk '/^solo[: ]/{print $2}'
supervisorctl status | awk '$1 == "many:many_01" { print $2 }'
supervisorctl status solo | awk '{ print $2 }'
supervisorctl status solo | grep -q RUNNING && echo up || echo down
supervisorctl status db:redis | grep -q RUNNING && echo up || echo down
supervisorctl status db:redis >/dev/null; echo $?
supervisorctl status solo >/dev/null && echo fine
supervisorctl status nosuch; echo $?
supervisorctl status nosuch | grep 'no such process'
supervisorctl status nosuch 2>/dev/null | grep -c ERROR
supervisorctl status nosuch 2>&1 >/dev/null | wc -c
supervisorctl status solo | awk '{ gsub(",", "", $4); print ($4 > 1) }'
supervisorctl status solo | awk '{ print $6 }' | grep -Ec '^[0-9]+:[0-9]{2}:[0-9]{2}$'
supervisorctl status solo | sed -n 's/.*pid \([0-9]*\),.*/\1/p' | xargs -I{} test -d /proc/{} && echo there
test "$(supervisorctl status solo | awk '{ print $4 }' | tr -d ,)" = "$(supervisorctl pid solo)" && echo same
if [ "$(supervisorctl status solo | tr -s ' ' | cut -d ' ' -f 2)" = RUNNING ]; then echo ok; else exit 2; fi
case $(supervisorctl status db:redis) in *RUNNING*) echo ok ;; *STOPPED*) echo stopped; exit 1 ;; *) exit 3 ;; esac
[ $(supervisorctl status 'many:*' | grep -c RUNNING) -eq 2 ] && echo both
supervisorctl status many: | while read -r name state rest; do echo "$name is $state"; done
set -- $(supervisorctl status solo); echo "$1 $2 $3"
supervisorctl status solo db:redis nosuch | awk '{ print $1, $2 }'; supervisorctl status nosuch solo >/dev/null; echo $?
out=$(supervisorctl status solo) || exit $?; echo "${out%%  *}"
supervisorctl 'status solo' | grep -o 'RUNNING'
supervisorctl status | python3 -c 'import sys; print([line.split()[:2] for line in sys.stdin])'
supervisorctl status | perl -ne 'print "$1=$2\n" if /^(\S+)\s+(\w+)/'
"""
PIDS = r"""
kill -0 $(supervisorctl pid solo) && echo alive
supervisorctl pid solo >/dev/null && echo running
supervisorctl pid db:redis >/dev/null || echo "not running: $?"
test "$(supervisorctl pid db:redis)" = 0 && echo zero
supervisorctl pid nosuch || echo "unknown: $?"
supervisorctl pid all | wc -l
supervisorctl pid all | grep -vc '^0$'
supervisorctl pid many:many_01 solo | wc -l
ps -o comm= -p "$(supervisorctl pid many:many_00)"
test -d /proc/$(supervisorctl pid) && echo daemon
cat /proc/$(supervisorctl pid solo)/cmdline | tr '\0' ' '
for p in $(supervisorctl pid many:many_00 many:many_01); do ps -o args= -p $p; done
supervisorctl pid solo > /tmp/solo.pid && test -s /tmp/solo.pid && echo written
set -e; kill -WINCH $(supervisorctl pid solo); echo sent
"""
ACTS = r"""
supervisorctl start solo | grep -q 'already started' && echo already
supervisorctl stop db:redis | grep 'not running'
supervisorctl restart solo | grep started
supervisorctl restart solo | awk -F': ' '{ print $2 }' | paste -sd,
supervisorctl restart many:* | sort
supervisorctl restart all >/dev/null && echo restarted
supervisorctl stop nosuch | grep ERROR
supervisorctl restart nosuch | grep -c ERROR
supervisorctl stop 'many:*' | grep -c ERROR; supervisorctl start 'many:*' | grep -c started
supervisorctl start all | grep ERROR | sort
supervisorctl stop db:redis; supervisorctl start db:redis; supervisorctl stop db:redis
set -e; supervisorctl signal WINCH solo; supervisorctl signal WINCH 'many:*'; supervisorctl signal WINCH all | sort; echo done
set -e; supervisorctl stop db:redis; supervisorctl stop db:redis; supervisorctl status solo >/dev/null; echo reached
set -e; supervisorctl start db:redis; supervisorctl stop db:redis; supervisorctl start broken; echo not reached
set -e; supervisorctl status db:redis >/dev/null; echo not reached
set -e; supervisorctl pid nosuch; echo not reached
set -o errexit; supervisorctl reread; supervisorctl update; supervisorctl restart solo; supervisorctl status solo | cut -c1-40
supervisorctl reread && supervisorctl update && supervisorctl start 'many:*'; echo $?
supervisorctl reread && supervisorctl update && supervisorctl restart many:; supervisorctl status many:* | awk '{ print $1, $2 }'
(supervisorctl stop many:* && supervisorctl start many:*) > /dev/null && echo deployed
supervisorctl reread | grep -q 'No config updates' && echo unchanged
supervisorctl update | wc -l
supervisorctl stop solo && supervisorctl start solo || { echo failed; exit 1; }
supervisorctl start broken || supervisorctl status broken | awk '{ print $2 }'
supervisorctl start broken | grep -Eo '\(.*\)'; supervisorctl start broken >/dev/null; echo $?
supervisorctl start broken >/dev/null 2>&1 || echo "exit $?"
! supervisorctl start nosuch:* && echo "no group"
supervisorctl status | awk '$1 ~ /^many:/ { print $1 }' | xargs supervisorctl restart | sort
supervisorctl status | awk '{ print $1 }' | grep '^many' | xargs -n1 supervisorctl restart
supervisorctl status | grep ^many | awk '{ print $1 }' | xargs -I% supervisorctl signal WINCH %
for s in $(supervisorctl status | awk '$1 ~ /^many/ { print $1 }'); do supervisorctl restart "$s"; done
supervisorctl avail | awk '$1 == "db:redis" { print $2, $3, $4 }'
supervisorctl avail | awk '{ print NF }' | sort -u
supervisorctl avail | grep -c manual
supervisorctl version | grep -E '^[34]\.'
supervisorctl help | grep -qw restart && echo has restart
supervisorctl nosuch; echo $?
supervisorctl stop solo; sleep 0.1; supervisorctl status solo | grep -q STOPPED && supervisorctl start solo
supervisorctl add solo; supervisorctl add nosuch; echo $?
supervisorctl remove solo; echo $?
supervisorctl clear solo && supervisorctl tail solo | wc -c
supervisorctl tail nosuch; echo $?
supervisorctl tail solo stderr | wc -l
"""
INPUT = r"""
echo status | supervisorctl | grep -c RUNNING
printf 'stop solo\nstart solo\n' | supervisorctl | grep '^supervisor>'
printf 'reread\nupdate\n' | supervisorctl | tail -n 3
echo version | supervisorctl | sed -n 's/supervisor> //p'
(echo start db:redis; echo stop db:redis; echo exit) | supervisorctl | grep -o 'redis: [a-z]*'
echo n | supervisorctl -i shutdown | grep -c 'y/N'; supervisorctl pid >/dev/null && echo still there
"""
TEXTS = (
    # heredocs
    "supervisorctl <<EOF\nrestart solo\nstatus solo\nEOF",
    "supervisorctl <<'EOF' | grep -v '^[^s]'\nstop many:*\nstart many:*\nquit\nEOF",
    "cat <<EOF | supervisorctl >/dev/null; echo $?\nnosuch\nstart nosuch\nEOF",
    # a check of Nagios
    """\
status=$(supervisorctl status solo 2>&1)
case $? in
0) echo "OK: $(echo "$status" | awk '{ print $1, $2 }')"; exit 0 ;;
3) echo "CRITICAL: $status"; exit 2 ;;
*) echo "UNKNOWN: $status"; exit 3 ;;
esac""",
    """\
critical=
for name in solo db:redis nosuch; do
    state=$(supervisorctl status "$name" | awk '{ print $2 }')
    [ "$state" = RUNNING ] || critical="$critical $name=$state"
done
[ -z "$critical" ] || { echo "CRITICAL -$critical"; exit 2; }""",
    """\
supervisorctl status | awk '
    $2 == "RUNNING" { up++ }
    $2 ~ /FATAL|BACKOFF|UNKNOWN/ { down = down " " $1 }
    $2 == "STOPPED" { off = off " " $1 }
    END { printf "up=%d down=%s off=%s\\n", up, down, off; exit(down != "") }'""",
    # wait until it is up
    """\
n=0
until supervisorctl status solo | grep -q RUNNING; do
    n=$((n + 1)); [ $n -lt 50 ] || exit 1; sleep 0.1
done
echo up""",
    # stop, wait until it is down, start
    """\
supervisorctl stop solo
while supervisorctl status solo | grep -Eq 'RUNNING|STOPPING'; do sleep 0.1; done
supervisorctl start solo""",
    # a deployment: Capistrano's and Deployer's manner
    """\
cd / && ( (supervisorctl reread && supervisorctl update) >/dev/null ) && \\
    ( supervisorctl status | grep -q '^many:' && supervisorctl restart 'many:*' | sort ) || \\
    supervisorctl start 'many:*'""",
    """\
set -eu
if supervisorctl status "db:redis" | grep -q "STOPPED"; then
    supervisorctl start "db:redis"
fi
supervisorctl stop "db:redis" || true
supervisorctl reread
supervisorctl update
echo finished""",
    """\
for group in $(supervisorctl status | cut -d: -f1 | awk '{ print $1 }' | sort -u); do
    echo "group $group: $(supervisorctl status "$group:*" | wc -l)"
done""",
    # a service provider: Puppet's and Salt's manner
    """\
state=$(supervisorctl status many: | awk '/^many[: ]/{ print $2 }' | sort -u)
[ "$state" = RUNNING ] && echo running || echo stopped""",
    """\
supervisorctl status all | awk '/^solo[: ]/ { if ($2 == "RUNNING") exit 0; exit 1 }'
echo $?""",
    """\
for name in solo many: db nosuch; do
    if supervisorctl status | awk '{ print $1 }' | grep -q "^$name"; then echo "has $name"
    else echo "to add: $name"; supervisorctl add "${name%:}"; fi
done""",
    # a check of monit
    """\
supervisorctl pid solo | { read -r pid; [ "$pid" -gt 0 ] && kill -0 "$pid"; } && echo "solo runs"
supervisorctl pid db:redis | { read -r pid; [ "$pid" -gt 0 ] && kill -0 "$pid"; } || echo "redis does not" """,
    # reading it all
    """\
supervisorctl status | while read -r name state what; do
    [ "$state" = RUNNING ] || { echo "starting $name"; supervisorctl start "$name"; }
done
supervisorctl stop db:redis""",
    """\
supervisorctl status > /tmp/status.$$; code=$?
grep -c . /tmp/status.$$; rm /tmp/status.$$; exit $code""",
    """\
trap 'echo "failed with $?"' EXIT
set -e
supervisorctl restart solo nosuch
echo not reached""",
    """\
result=$(supervisorctl restart solo 2>&1)
expected='solo: stopped
solo: started'
[ "$result" = "$expected" ] && echo exact || printf '%s\\n' "$result" """,
    """\
supervisorctl status solo | {
    read -r name state _ pid _ uptime
    echo "$name $state ${pid%,}" | sed 's/[0-9][0-9]*$/PID/'
    case $uptime in *:*:*) echo uptime ;; esac
}""",
)  # fmt: skip


def lines() -> list[str]:
    """Returns all scripts, in the order in which they run."""
    short = "".join((COUNTS, ONE, PIDS, ACTS, INPUT)).splitlines()
    return [*filter(None, short), *TEXTS]
