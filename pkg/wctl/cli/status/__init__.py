"""wctl status: Supervisor's words on a pipe, a table on a terminal, and JSON."""
