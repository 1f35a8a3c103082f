"""A MariaDB server on a machine, with a database that is the queue of the Symfony application.

Its image is one that has "mariadb" in its name. The server runs as www-data, the user of the
workers, who owns the database and needs no password.
"""

from __future__ import annotations

from machine.driver import Machine

URL = "mysql://www-data@localhost/queue?unix_socket=/run/mariadb/socket"
_SERVICE = """[Service]
Type=notify
User=www-data
RuntimeDirectory=mariadb
StateDirectory=mariadb
ExecStart=/usr/sbin/mariadbd --datadir=/var/lib/mariadb --socket=/run/mariadb/socket \\
    --skip-networking --innodb-buffer-pool-size=8M

[Install]
WantedBy=multi-user.target
"""
_MAKE = "mariadb-install-db --user=www-data --datadir=/var/lib/mariadb --skip-test-db"


def start(machine: Machine) -> None:
    """Starts the server, now and at boot, and makes the queue. The application is installed."""
    machine.write("/etc/systemd/system/mariadb.service", _SERVICE)
    machine.run(f"install -d -o www-data /var/lib/mariadb && {_MAKE}", timeout=120)
    machine.run("systemctl daemon-reload && systemctl enable --now mariadb")
    sql(machine, "CREATE DATABASE queue", "mysql")
    console(machine, "messenger:setup-transports")


def sql(machine: Machine, statement: str, database: str = "queue") -> None:
    """Runs a statement."""
    client = ["mariadb", "--socket=/run/mariadb/socket", database, "-e", statement]
    machine.run(client, user="www-data")


def console(machine: Machine, arguments: str) -> str:
    """Runs a command of the application, on MariaDB; returns what it prints."""
    command = f"php bin/console {arguments}"
    environment = {"DATABASE_URL": URL}
    return machine.run(command, user="www-data", cwd="/srv/app", env=environment).out
