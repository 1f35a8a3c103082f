"""What people often write, and what they mean: hints for unknown keys and for bad values."""

from __future__ import annotations

from wctl.config.ini import Entry

_IN_SUPERVISORD = "Supervisor reads it in [supervisord] only"
_AFTER = "Supervisor ignores it; wctl has after, requires and wants"
_COUNT = "use numprocs"
_DIRECTORY = "use directory"
_STDOUT = "use stdout_logfile, and redirect_stderr to send stderr there, too"
_LOG_FILE = "use stdout_logfile and stderr_logfile"
_RETRIES = "use startretries"
_RESTART = "use autorestart"
_STOP = "use stopwaitsecs"
_ENVIRONMENT_FILE = "use environment_file, which wctl has"
_MEMORY = "use memory_max, which wctl has"
_TIMER = "neither Supervisor nor wctl has a schedule; use a systemd timer (systemd.timer(5))"
_USER = "use user"
_LISTENER = "expected in [eventlistener:x] only"

# Keys that are unknown in the section of a program → what to use instead.
_KEYS = {
    "group": "Supervisor ignores it: a worker has the groups of its user. For another group, use"
    " systemd.Service.Group; to group programs, use [group:x]",
    "gid": "a worker has the groups of its user; for another group, use systemd.Service.Group",
    "uid": _USER,
    "username": _USER,
    "depends": _AFTER,
    "depends_on": _AFTER,
    "dependson": _AFTER,
    "dependencies": _AFTER,
    "before": "use after in the other program, or systemd.Unit.Before",
    "redirect_stdout": _STDOUT,
    "redirect_stdout_logfile": _STDOUT,
    "stdout_redirect": _STDOUT,
    "log_file": _LOG_FILE,
    "logfile": _LOG_FILE,
    "log_stdout": _LOG_FILE,
    "log_stderr": _LOG_FILE,
    "stdout_log": _LOG_FILE,
    "stderr_log": _LOG_FILE,
    "stdout": _LOG_FILE,
    "stderr": _LOG_FILE,
    "logfile_maxbytes": "use stdout_logfile_maxbytes",
    "logfile_backups": "use stdout_logfile_backups",
    "retry": _RETRIES,
    "retries": _RETRIES,
    "maxretries": _RETRIES,
    "max_retries": _RETRIES,
    "restart": _RESTART,
    "respawn": _RESTART,
    "restart_policy": _RESTART,
    "delay": "use after, or ready",
    "startdelay": "use after, or ready",
    "start_delay": "use after, or ready",
    "restart_delay": "use systemd.Service.RestartSec",
    "stoptimeout": _STOP,
    "stop_timeout": _STOP,
    "killwaitsecs": _STOP,
    "instances": _COUNT,
    "processes": _COUNT,
    "replicas": _COUNT,
    "workers": _COUNT,
    "cwd": _DIRECTORY,
    "chdir": _DIRECTORY,
    "dir": _DIRECTORY,
    "workdir": _DIRECTORY,
    "working_dir": _DIRECTORY,
    "working_directory": _DIRECTORY,
    "workingdirectory": _DIRECTORY,
    "env": "use environment",
    "env_file": _ENVIRONMENT_FILE,
    "envfile": _ENVIRONMENT_FILE,
    "dotenv": _ENVIRONMENT_FILE,
    "exec": "use command",
    "cmd": "use command",
    "name": "use process_name",
    "programs": "expected in [group:x] only",
    "description": "use systemd.Unit.Description",
    "enabled": "use autostart",
    "memory": _MEMORY,
    "memory_limit": _MEMORY,
    "mem_limit": _MEMORY,
    "max_memory": _MEMORY,
    "memory_limit_mb": _MEMORY,
    "cpu": "use cpu_quota, which wctl has",
    "ulimit": "use systemd.Service.LimitNOFILE",
    "cron": _TIMER,
    "schedule": _TIMER,
    "events": _LISTENER,
    "buffer_size": _LISTENER,
    "result_handler": _LISTENER,
    "minfds": f"{_IN_SUPERVISORD}; for this program alone, use systemd.Service.LimitNOFILE",
    "minprocs": _IN_SUPERVISORD,
    "loglevel": _IN_SUPERVISORD,
    "pidfile": _IN_SUPERVISORD,
    "nodaemon": _IN_SUPERVISORD,
    "childlogdir": _IN_SUPERVISORD,
    "identifier": _IN_SUPERVISORD,
    "strip_ansi": _IN_SUPERVISORD,
}
_QUOTES = ("'", '"')


def of_key(key: str) -> str:
    """Return what to use instead of an unknown key of a program, or "" if it is no common one."""
    hint = _KEYS.get(key)
    return f"; {hint}" if hint else ""


def of_value(entry: Entry) -> str:
    """Return why a bad value is not what its author sees in it, or ""."""
    value = entry.value.strip()
    if entry.comment and any(value.count(quote) % 2 for quote in _QUOTES):
        mark = entry.comment[0]
        return f"; what follows ' {mark}' is a comment, also within quotes"
    whole = len(value) > 1 and value[0] in _QUOTES and value[0] == value[-1]
    if whole and entry.key not in ("command", "environment"):
        return "; the quotes are part of the value, leave them out"
    return ""
