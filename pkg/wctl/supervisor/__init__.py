"""Supervisor's files and processes, and the move from Supervisor to wctl."""
