"""Supervisor: its files, its processes, and the move away from it."""
