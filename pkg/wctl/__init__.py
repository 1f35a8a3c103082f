"""Run queue workers natively under systemd, from Supervisor's configuration."""

__version__ = "0.1.0"
