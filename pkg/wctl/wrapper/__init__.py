"""The program between systemd and a worker: built-in modules only, nothing else of wctl."""
