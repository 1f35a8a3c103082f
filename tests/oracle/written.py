"""Configurations written by hand, one for each rule of the dialect.

A line ``--- NAME`` begins another file. The test adds [supervisord] where it is missing.
"""

from __future__ import annotations


def _program(*lines: str) -> str:
    return "\n".join(["[program:x]", *lines]) + "\n"


_CAT = "command=/bin/cat"
_MANY = ("numprocs=3", "process_name=%(program_name)s_%(process_num)02d")

WRITTEN = {
    "least": _program(_CAT),
    "full-line comments": "; a\n# b\n" + _program("; c", _CAT, "# d", "", "priority=1"),
    "inline comments": _program("command=/bin/echo a;b a#b ; comment", "priority=5 # five"),
    "comment inside quotes": _program("command=/bin/echo 'a ;b' x".replace("'", "")),
    "no blank before a comment": _program("command=/bin/echo a;b#c"),
    "continuation": _program("command=/bin/echo", "  one", "  two ; comment", "\tthree"),
    "continuation with comments": _program("command=/bin/echo", "  ; gone", "  # gone", "  two"),
    "continuation with an empty line": _program("command=/bin/echo", "", "  two", _CAT[0:0]),
    "colon": _program("command: /bin/cat", "priority:7"),
    "blanks around": _program("command   =   /bin/cat   ", "priority  :  7"),
    "keys in any case": _program("COMMAND=/bin/cat", "AutoStart=no"),
    "last key wins": _program("command=/bin/true", _CAT, "priority=1", "priority=2"),
    "sections merge": _program("command=/bin/true") + _program(_CAT) + _program("priority=3"),
    "blanks in a header": "[program: x ]\ncommand=/bin/cat\n",
    "text after a header": "[program:x] what\ncommand=/bin/cat\n",
    "default": "[DEFAULT]\nstartsecs=7\npriority=3\n" + _program(_CAT, "priority=4"),
    "default of a group": "[DEFAULT]\npriority=3\n" + _program(_CAT, "priority=4")
    + "[group:g]\nprograms=x\n",
    "default environment": "[DEFAULT]\nenvironment=A=1,B=2\n[supervisord]\n"
    + _program("command=/bin/echo %(ENV_A)s", "environment=B=3"),
    "carriage returns": _program(_CAT, "priority=1").replace("\n", "\r\n"),
    "lone carriage returns": "[supervisord]\r[program:x]\rcommand=/bin/cat\r",
    "percent": _program("command=/bin/date +%%Y-%%m %%%%"),
    "quotes": _program("""command=/bin/echo 'a b' "c d" e\\ f "it's" 'say "x"' '' "" """),
    "shell syntax": _program("command=/bin/sh -c 'echo $HOME `x` > /dev/null && a | b; c'"),
    "backslashes": _program(r'command=/bin/echo a\\b "a\b" "a\"b" \x \n'),
    "umlauts": _program("command=/bin/echo wörker ✓ 日本"),
    "names": _program("command=/bin/echo %(program_name)s %(group_name)s %(host_node_name)s"),
    "padded names": _program("command=/bin/echo '%(program_name)10s' '%(program_name)-10s'"),
    "here": _program("command=%(here)s/x", "directory=%(here)s"),
    "variables": _program("command=/bin/echo %(ENV_PLAIN)s %(ENV_BLANKS)s '%(ENV_BLANKS)s'"),
    "quotes in a variable": _program("command=/bin/echo %(ENV_QUOTES)s x'"),
    "percent in a variable": _program("command=/bin/echo %(ENV_PERCENT)s"),
    "empty variable": _program("command=/bin/echo %(ENV_EMPTY)s '%(ENV_EMPTY)s'"),
    "variable of other options": _program(_CAT, "environment=PLAIN=x", "user=%(ENV_USER)s")
    .replace("%(ENV_USER)s", "root"),
    "number formats": _program(
        "command=/bin/echo %(process_num)d %(process_num)02d %(process_num)03d %(process_num)s"
        " %(process_num)x %(process_num)o %(process_num)+d %(process_num).3d %(process_num)i",
        *_MANY,
    ),
    "number within a word": _program("command=/bin/echo a%(process_num)02db'%(process_num)d c'",
                                     *_MANY),
    "numprocs": _program("command=/bin/echo %(numprocs)d %(numprocs)03d", *_MANY),
    "numprocs_start": _program("command=/bin/echo %(process_num)d", "numprocs_start=98", *_MANY),
    "no processes": _program(_CAT, "numprocs=0"),
    "process name without a number": _program(_CAT, "process_name=one"),
    "process name of the group": _program(
        _CAT, "numprocs=2", "process_name=%(group_name)s-%(process_num)d"
    ) + "[group:g]\nprograms=x\n",
    "process name with a variable": _program(
        _CAT, "process_name=%(ENV_OWN)s_%(process_num)d", "environment=OWN=o%(process_num)d",
        "numprocs=2"),
    "number in a directory": _program(_CAT, "directory=/tmp/%(process_num)03d", *_MANY),
    "number in a log file": _program(_CAT, "stdout_logfile=%(here)s/log/%(process_num)02d", *_MANY),
    "private use characters": _program("command=/bin/echo \U000f0000 %(process_num)d \U000f0001"),
    "environment": _program(_CAT, """environment=A="1",B='2',C=3,D="a,b",E="it's",F='"x"'"""),
    "environment on several lines": _program(_CAT, "environment=A=1,", "  B=2,", "  C=3"),
    "environment with a last comma": _program(_CAT, 'environment=A="1",B="2",'),
    "environment with blanks": _program(_CAT, 'environment = A = "1" , B = "2"'),
    "environment twice": _program(_CAT, "environment=A=1,A=2"),
    "environment unquoted": _program(_CAT, "environment=A=/x/y.z,B=a-b,C=1+1,D=(x):y"),
    "environment with a comment": _program(_CAT, "environment=A=1#x"),
    "environment expanded": _program(
        _CAT, 'environment=A="%(ENV_PLAIN)s",B="%(program_name)s",C="%(process_num)02d"', *_MANY),
    "environment with percent": _program(_CAT, 'environment=A="100%%",B="%(ENV_PERCENT)s"'),
    "environment with a number sign": _program(_CAT, "environment=PW=se#cret,B=1"),
    "environment with words": _program(_CAT, "environment=B=x?c=1;D=2,A=hello world"),
    "environment as a bomb": _program(_CAT, 'environment=A="%(ENV_PLAIN)s%(ENV_PLAIN)s"'),
    "environment names variables": _program(
        "command=/bin/echo %(ENV_A)s %(ENV_PLAIN)s", 'environment=A="two words",PLAIN="mine"'),
    "environment of a number": _program(
        "command=/bin/echo %(ENV_A)s", 'environment=A="n%(process_num)d"', *_MANY),
    "shared environment": '[supervisord]\nenvironment=A="s",B="s%(ENV_PLAIN)s"\n'
    + _program("command=/bin/echo %(ENV_A)s %(ENV_B)s", 'environment=B="own",C="%(ENV_A)s"'),
    "shared variable in a group": '[supervisord]\nenvironment=P="5"\n'
    + _program(_CAT, "priority=%(ENV_P)s") + "[group:g]\nprograms=x\npriority=%(ENV_P)s\n",
    "shared settings": "[supervisord]\numask=027\nminfds=4096\nminprocs=99\nuser=www-data\n"
    + _program(_CAT) + "[program:y]\ncommand=/bin/cat\numask=077\nuser=root\n",
    "booleans": "".join(
        f"[program:b{word}{number}]\n{_CAT}\nautostart={word}\nredirect_stderr={word}\n"
        for number, word in enumerate(["yes", "TRUE", "On", "1", "no", "False", "OFF", "0"])),
    "autorestart": "".join(
        f"[program:r{word}]\n{_CAT}\nautorestart={word}\n"
        for word in ["yes", "TRUE", "on", "1", "no", "False", "off", "0", "unexpected",
                     "Unexpected"]),
    "numbers": _program(
        _CAT, "startsecs=+7", "startretries=007", "stopwaitsecs=0", "priority=-5"),
    "numbers as Python has them": _program(
        _CAT, "startsecs=1_0", "priority=99999999999", "exitcodes=0, +2,1_0",
        "stdout_logfile_maxbytes=1_0 MB", "numprocs_start=50051", "umask=0000022"),
    "exit codes": _program(_CAT, "exitcodes=0, 2,255,2"),
    "no exit codes": _program(_CAT, "exitcodes="),
    "signals": "".join(
        f"[program:s{word}]\n{_CAT}\nstopsignal={word}\n"
        for word in ["TERM", "term", "SIGTERM", "int", "QUIT", "HUP", "KILL", "USR1", "USR2",
                     "15", "WINCH"]),
    "sizes": "".join(
        f"[program:z{number}]\n{_CAT}\nstdout_logfile_maxbytes={word}\n"
        for number, word in enumerate(["0", "1", "50MB", "1kb", "2GB", "10 KB", "007"])),
    "umask": _program(_CAT, "umask=0027"),
    "octal umask": _program(_CAT, "umask=0o22"),
    "user by number": _program(_CAT, "user=33"),
    "user with zeros": _program(_CAT, "user=0033") + "[program:y]\ncommand=/bin/cat\nuser=00\n",
    "less than no processes": _program(_CAT, "numprocs=-1"),
    "log files": _program(
        _CAT, "stdout_logfile=%(here)s/log/%(program_name)s.log", "stdout_logfile_backups=3",
        "stderr_logfile=%(here)s/log/e"),
    "no log files": _program(_CAT, "stdout_logfile=NONE", "stderr_logfile=off"),
    "automatic log files": _program(_CAT, "stdout_logfile=AUTO", "stderr_logfile=auto"),
    "syslog": _program(_CAT, "stdout_logfile=syslog", "stderr_syslog=yes", "stderr_logfile=NONE"),
    "log file at home": _program(_CAT, "stdout_logfile=~/x.log"),
    "one log file": _program(_CAT, "redirect_stderr=true", "stderr_logfile=%(here)s/log/e"),
    "a shared log file": _program(
        _CAT, "stdout_logfile=%(here)s/log/s", "stderr_logfile=%(here)s/log/s", *_MANY)
    + "[program:y]\ncommand=/bin/cat\nstdout_logfile=%(here)s/log/s\n",
    "devices": _program(_CAT, "stdout_logfile=/dev/null", "stderr_logfile=/proc/1/fd/2")
    + "[program:y]\ncommand=/bin/cat\nstdout_logfile=/dev/stdout\nstderr_logfile=/dev/null\n",
    "groups of processes": _program(_CAT, "stopasgroup=yes")
    + "[program:y]\ncommand=/bin/cat\nkillasgroup=yes\n",
    "server url": _program(_CAT, "serverurl=unix:///run/x.sock"),
    "no server url": _program(_CAT, "serverurl=auto"),
    "captures and events": _program(
        _CAT, "stdout_capture_maxbytes=1MB", "stderr_events_enabled=yes"),
    "group": _program(_CAT) + "[program:y]\ncommand=/bin/echo %(group_name)s\n"
    "[group:g]\nprograms=x, y\npriority=5\n",
    "group with a variable": "[supervisord]\nenvironment=LIST='x,value'\n" + _program(_CAT)
    + "[program:value]\ncommand=/bin/cat\n[program:y]\ncommand=/bin/cat\n"
    "[group:g]\nprograms=%(ENV_LIST)s\n[group:h]\nprograms=y\n",
    "group without programs": _program(_CAT) + "[group:g]\nprograms=\n[group:h]\npriority=1\n",
    "group with a program twice": _program(_CAT) + "[program:y]\ncommand=/bin/cat\n"
    "[group:g]\nprograms=x,y,x\n",
    "group with the name of its program": _program(_CAT) + "[program:y]\ncommand=/bin/cat\n"
    "[group:x]\nprograms=y,x\npriority=5\n",
    "group of itself": _program(_CAT) + "[group:x]\nprograms=x\n",
    "unknown keys": _program(_CAT, "autostrat=no", "wctl_ignore=unknown-key", "memory_max=1G"),
    "unknown sections": _program(_CAT) + "[programme:y]\nx=1\n[ctlplugin:z]\na=b\n",
    "other sections": _program(_CAT) + "[unix_http_server]\nfile=/run/s\n[supervisorctl]\n"
    "serverurl=unix:///run/s\n[inet_http_server]\nport=9001\n",
    "fastcgi": "[fcgi-program:x]\ncommand=/bin/cat\nsocket=unix:///run/%(program_name)s.sock\n"
    "socket_owner=www-data\nsocket_mode=0770\nsocket_backlog=50\n",
    "fastcgi defaults": "[fcgi-program:x]\ncommand=/bin/cat\nsocket=unix:///run/x\nuser=www-data\n",
    "fastcgi with dots": "[fcgi-program:x]\ncommand=/bin/cat\nsocket=unix:///tmp/../run//x\n",
    "fastcgi with an owner": "[fcgi-program:x]\ncommand=/bin/cat\nsocket=unix:///run/x\n"
    "socket_owner=033:00\n",
    "fastcgi by address": "[fcgi-program:x]\ncommand=/bin/cat\nsocket=tcp://127.0.0.1:9000\n",
    "include": "[include]\nfiles=conf.d/*.conf\n--- conf.d/x.conf\n" + _program(_CAT),
    "include before": "[include]\nfiles=conf.d/*.conf\n[program:x]\ncommand=/bin/true\n"
    "--- conf.d/x.conf\n" + _program(_CAT),
    "includes are sorted": "[include]\nfiles=conf.d/*.conf\n--- conf.d/b.conf\n" + _program(_CAT)
    + "--- conf.d/a.conf\n" + _program("command=/bin/true"),
    "includes in order": "[include]\nfiles=conf.d/b*.conf conf.d/a*.conf\n--- conf.d/b.conf\n"
    + _program("command=/bin/true") + "--- conf.d/a.conf\n" + _program(_CAT),
    "include by here": "[include]\nfiles=%(here)s/conf.d/*.conf\n--- conf.d/x.conf\n"
    + _program(_CAT),
    "include without a match": _program(_CAT) + "[include]\nfiles=nonesuch/*.conf\n",
    "include of a directory": _program(_CAT) + "[include]\nfiles=conf.d/* conf.d\n"
    "--- conf.d/y.conf\n[program:y]\ncommand=/bin/cat\n",
    "include of an include": "[include]\nfiles=conf.d/a.conf\n--- conf.d/a.conf\n" + _program(_CAT)
    + "[include]\nfiles=b.conf\n--- conf.d/b.conf\n[program:y]\ncommand=/bin/cat\n",
    "include of itself": _program(_CAT) + "[include]\nfiles=*.conf\n",
    "here of an included file": _program("command=%(here)s/main")
    + "[include]\nfiles=conf.d/*.conf\n--- conf.d/y.conf\n"
    "[program:y]\ncommand=%(here)s/y\nstdout_logfile=%(here)s/log/y\n",
    "included default": "[include]\nfiles=conf.d/*.conf\n" + _program(_CAT)
    + "--- conf.d/d.conf\n[DEFAULT]\npriority=8\n",
    "include split over lines": "[include]\nfiles = conf.d/a.conf\n  conf.d/b.conf\n"
    "--- conf.d/a.conf\n" + _program(_CAT) + "--- conf.d/b.conf\n[program:y]\ncommand=/bin/cat\n",
}  # fmt: skip
