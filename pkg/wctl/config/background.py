"""Commands that go to the background by themselves, and how to keep them in the foreground.

wctl, as Supervisor, takes the end of the first process for the end of the worker. What an option
such as -d means, each program decides: sshd needs -D, and php has -d for a setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from wctl.config import calls
from wctl.config.calls import Call


@dataclass(frozen=True)
class Background:
    """A command that ends at once, and leaves a process behind."""

    written: str  # what sends it to the background
    remedy: str
    sure: bool = True  # no file of the program's may say otherwise


# Programs with options that send them to the background.
_FLAGS = {
    "gunicorn": "-D --daemon",
    "uwsgi": "-d --daemonize --daemonize2",
    "unicorn": "-D --daemonize",
    "puma": "-d --daemon",
    "thin": "-d --daemonize",
    "sidekiq": "-d --daemon",
    "airflow": "-D --daemon",
    "gearmand": "-d --daemon",
    "memcached": "-d --daemon",
    "mongod": "--fork",
    "mysqld": "--daemonize -D",
    "mariadbd": "--daemonize",
    "haproxy": "-D",
    "rabbitmq-server": "-detached",
    "elasticsearch": "-d --daemonize",
    "kafka-server-start.sh": "-daemon",
    "zookeeper-server-start.sh": "-daemon",
    "mosquitto": "-d --daemon",
    "openvpn": "--daemon",
    "pgbouncer": "-d --daemon",
    "nutcracker": "-d --daemonize",
    "smbd": "-D --daemon",
    "nmbd": "-D --daemon",
    "autossh": "-f",
    "start-stop-daemon": "-b --background",
    "exim4": "-bd",
    "exim": "-bd",
    "php-fpm": "-D --daemonize",
}
# Programs that go there without one of these options, and the option to add.
_UNLESS = {
    "sshd": ("-D -d -t -T -i -G", "-D"),
    "cron": ("-f", "-f"),
    "crond": ("-f -n -d -x", "-f, or -n"),
    "atd": ("-f -d", "-f"),
    "rsyslogd": ("-n -N -v", "-n"),
    "syslog-ng": ("-F --foreground", "-F"),
    "named": ("-f -g", "-f"),
    "dnsmasq": ("-k -d --keep-in-foreground --no-daemon --test", "-k"),
    "lighttpd": ("-D -t -tt -1", "-D"),
    "varnishd": ("-F -d -C -V -x", "-F"),
    "squid": ("-N --foreground -z -k", "-N"),
    "dovecot": ("-F", "-F"),
    "proftpd": ("-n --nodaemon", "-n"),
    "snmpd": ("-f", "-f"),
    "slapd": ("-d", "-d 0"),
    "zabbix_agentd": ("-f --foreground -t -p", "-f"),
    "keepalived": ("-n --dont-fork", "-n"),
    "xinetd": ("-dontfork -d", "-dontfork"),
    "supervisord": ("-n --nodaemon", "-n"),
    "fail2ban-server": ("-f", "-f"),
}
# Programs that do so with one of these commands, and what to write instead.
_COMMANDS = {
    "celery": ("multi", "celery worker"),
    "delayed_job": ("start restart", "{} run"),
    "catalina.sh": ("start", "{} run"),
    "zkServer.sh": ("start", "{} start-foreground"),
    "postfix": ("start", "{} start-fg"),
    "pg_ctl": ("start restart", "postgres itself"),
    "pm2": ("start restart resurrect reload", "pm2-runtime"),
    "forever": ("start", "the script itself"),
    "caddy": ("start", "{} run"),
    "fail2ban-client": ("start", "fail2ban-server -f"),
    "daemonize": ("", "the program behind it"),
    "service": ("", "the program that the service runs, or leave it to systemd"),
    "invoke-rc.d": ("", "the program that the service runs, or leave it to systemd"),
    "systemctl": ("start restart reload", "the program that the unit runs, or leave it to systemd"),
}
_INSTEAD = {
    "nginx": ("daemon +off| -[tTvVsh]", 'nginx -g "daemon off;"'),
    "php-fpm": (" (-[a-zA-Z]*F|--nodaemonize|-[tivhm])", "{} -F"),
    **dict.fromkeys(
        ("apachectl", "apache2ctl", "apache2", "httpd"),
        ("FOREGROUND|NO_DETACH| (-[XtSvVlLf]|configtest|status)", "{} -D FOREGROUND"),
    ),
}  # programs that do so unless the pattern matches their arguments; each has a setting for it, too
_OF_APPLICATIONS = ("./", "../", "/app/", "/home/", "/srv/", "/var/")  # a script cron is no cron(8)
_CONTAINERS = ("docker", "podman", "docker-compose")
_NO_VALUE = re.compile(r"-[ditPq]+|--(rm|detach|init|interactive|privileged|read-only|tty)")


def of(words: tuple[str, ...]) -> Background | None:
    """Return what sends the command line ``words`` to the background; None if nothing is known."""
    found = calls.of(words)
    if any(call.background for call in found):
        return Background("the & at the end of the shell's command", "leave out the &")
    # A shell ends with its last command, and goes on after the others.
    return next((sent for call in found[-1:] if not call.looped for sent in _of(call)), None)


def _of(call: Call) -> Iterator[Background]:
    if "setsid" in map(calls.base, call.helpers) and not {"-w", "--wait"} & set(call.helpers):
        yield Background("setsid", "leave out setsid: each worker has a session of its own")
    name = call.name
    own = call.interpreter or call.words[0].startswith(_OF_APPLICATIONS)
    kind = "php-fpm" if re.fullmatch(r"php-fpm[0-9.]*", name) else name
    arguments = call.words[1:]
    if "/init.d/" in call.words[0] and "start" in arguments:
        yield Background(f"{call.words[0]} start", "run the program that it starts")
    for word in (*_flags(kind, arguments), *_of_container(kind, arguments)):
        yield Background(f"{name} {word}", f"leave out {word}")
    if kind in _UNLESS and not own:
        options, wanted = _UNLESS[kind]
        if not _any(options.split(), arguments):
            yield Background(name, f"add {wanted}")
    if kind in _COMMANDS:
        verbs, instead = _COMMANDS[kind]
        given = [word for word in arguments if not word.startswith("-")]
        verb = next((word for word in given if word in verbs.split()), None)
        if (verb or not verbs) and not _stays(kind, arguments):
            yield Background(f"{name} {verb}" if verb else name, f"run {instead.format(name)}")
    if kind in _INSTEAD and not own:
        pattern, instead = _INSTEAD[kind]
        if not re.search(pattern, " ".join(("", *arguments))):
            yield Background(name, f"run {instead.format(name)}", sure=False)


def _flags(kind: str, arguments: tuple[str, ...]) -> Iterator[str]:
    flags = _FLAGS.get(kind, "").split()
    if kind == "celery" and {"worker", "beat"} & set(arguments):
        flags = ["-D", "--detach"]
    yield from (word for word in arguments if word.partition("=")[0] in flags)
    if kind == "redis-server" and ("--daemonize", "yes") in zip(arguments, arguments[1:]):
        yield "--daemonize yes"


def _of_container(kind: str, arguments: tuple[str, ...]) -> Iterator[str]:
    """Yield the option that makes "docker run" or "docker compose up" leave the container behind.

    What follows the image belongs to the command in it.
    """
    verb = next((word for word in arguments if word in ("run", "up")), None)
    if kind not in _CONTAINERS or verb is None:
        return
    left = list(reversed(arguments[arguments.index(verb) + 1 :]))
    while left and left[-1].startswith("-"):
        word = left.pop()
        if word == "--detach" or re.fullmatch(r"-[itPq]*d[itPq]*", word):
            yield word
        elif left and not ("=" in word or _NO_VALUE.fullmatch(word)):
            left.pop()


def _stays(kind: str, arguments: tuple[str, ...]) -> bool:
    """Tell whether an option keeps a command in the foreground that else goes to the background."""
    return "--no-daemon" in arguments or (kind == "fail2ban-client" and _any(["-f"], arguments))


def _any(options: list[str], arguments: tuple[str, ...]) -> bool:
    """Tell whether one of ``options`` is given, alone or with others and a number (-De, -NYCd1)."""
    letters = {option[1] for option in options if len(option) == 2}
    return any(
        word.partition("=")[0] in options
        or (re.fullmatch("-[a-zA-Z]{1,5}[0-9]*", word) and letters & set(word[1:]))
        for word in arguments
    )
