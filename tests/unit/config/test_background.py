"""background: commands that do not stay in the foreground, and those that only look so."""

from __future__ import annotations

import shlex

import pytest

from wctl.config import background


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        ("nginx", "nginx", 'run nginx -g "daemon off;"'),
        ("/usr/sbin/nginx -c /etc/n.conf", "nginx", 'run nginx -g "daemon off;"'),
        ("php-fpm", "php-fpm", "run php-fpm -F"),
        ("/usr/sbin/php-fpm8.2 -y /etc/f.conf", "php-fpm8.2", "run php-fpm8.2 -F"),
        ("php-fpm -F -D", "php-fpm -D", "leave out -D"),
        ("gunicorn -D app:app", "gunicorn -D", "leave out -D"),
        ("python -m gunicorn --daemon app:app", "gunicorn --daemon", "leave out --daemon"),
        ("uwsgi --daemonize=/var/log/u.log", "uwsgi --daemonize=/var/log/u.log", "leave out"),
        ("gearmand -d", "gearmand -d", "leave out -d"),
        ("memcached -m 64 -d", "memcached -d", "leave out -d"),
        ("celery multi start w1 -A p", "celery multi", "run celery worker"),
        ("celery -A p worker -D", "celery -D", "leave out -D"),
        ("celery -A p beat --detach", "celery --detach", "leave out --detach"),
        ("airflow scheduler -D", "airflow -D", "leave out -D"),
        ("apachectl start", "apachectl", "run apachectl -D FOREGROUND"),
        ("httpd -k start", "httpd", "run httpd -D FOREGROUND"),
        ("/usr/sbin/sshd", "sshd", "add -D"),
        ("sshd -e -f /etc/s", "sshd", "add -D"),
        ("cron", "cron", "add -f"),
        ("crond -l 2", "crond", "add -f"),
        ("rsyslogd", "rsyslogd", "add -n"),
        ("supervisord -c /etc/s.conf", "supervisord", "add -n"),
        ("redis-server --daemonize yes", "redis-server --daemonize yes", "leave out"),
        ("service nginx start", "service", "run the program"),
        ("systemctl start nginx", "systemctl start", "run the program"),
        ("/etc/init.d/nginx start", "/etc/init.d/nginx start", "run the program"),
        ("pm2 start app.js", "pm2 start", "run pm2-runtime"),
        ("docker run --name x -d image", "docker -d", "leave out -d"),
        ("docker compose up -d", "docker -d", "leave out -d"),
        ("nohup sh -c 'worker &'", "the &", "leave out the &"),
        ("sh -c 'cd /srv && nginx'", "nginx", "run nginx"),
        ("setsid worker", "setsid", "leave out setsid"),
        ("fail2ban-client -x start", "fail2ban-client start", "run fail2ban-server -f"),
        ("start-stop-daemon -S -b -x /usr/bin/w", "start-stop-daemon -b", "leave out -b"),
        ("slapd -h ldap:///", "slapd", "add -d 0"),
        ("env A=b nice gunicorn -D x", "gunicorn -D", "leave out -D"),
    ],
)
def test_goes_to_the_background(line: str, what: str, remedy: str) -> None:
    """wctl knows the programs, and says what to do."""
    found = background.of(tuple(shlex.split(line)))
    assert found is not None
    assert (found.written.startswith(what), found.remedy.startswith(remedy)) == (True, True)


@pytest.mark.parametrize(
    "line",
    [
        "nginx -g 'daemon off;'",
        "fail2ban-client -x -f start",
        "fail2ban-client -xf start",
        "slapd -h ldap:/// -d256",
        "squid -NYCd1",
        "varnishd -d -a :80",
        "start-stop-daemon --start --chuid w --exec /usr/bin/w -- -b1",
        "nginx -c /x -g 'pid /p; daemon  off;'",
        "nginx -t",
        "php-fpm8.2 -F -O",
        "php-fpm -RF",
        "php-fpm --nodaemonize",
        "gunicorn -w 4 app:app",
        "php -d x=y worker.php -D",
        "php artisan queue:work --daemon",
        "sshd -D",
        "sshd -De",
        "cron -f",
        "cron -L 2 -f",
        "crond -n",
        "rsyslogd -n",
        "supervisord -nc /etc/s.conf",
        "celery -A p worker -d x",
        "huey_consumer app.huey -d 0.2",
        "rq worker -d",
        "apachectl -D FOREGROUND",
        "apache2 -DFOREGROUND",
        "redis-server /etc/r.conf --daemonize no",
        "redis-server",
        "systemctl is-active x",
        "docker run --rm php php -d x=1 a.php",
        "docker run -it --rm image",
        "pm2-runtime app.js",
        "pm2 start app.js --no-daemon",
        "sh -c 'service nginx start && exec php-fpm -F'",
        "sh -c 'nginx && tail -f /l'",
        "sh -c 'a & exec b'",
        "sh -c 'while true; do service x start; sleep 60; done'",
        "setsid --wait worker",
        "php cron.php",
        "/srv/app/bin/cron",
        "sh ./cron",
        "bash nginx",
        "worker -d -D --daemon --detach",
        "sh",
    ],
)
def test_stays_in_the_foreground(line: str) -> None:
    """A flag alone says nothing: what it means depends on the program."""
    assert background.of(tuple(shlex.split(line))) is None
