"""Supervisor's view of wctl's workers: its names, its operations and faults, and its client."""
