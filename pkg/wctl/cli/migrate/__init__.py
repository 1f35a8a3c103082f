"""wctl import: from Supervisor's configuration and workers to ours, and back."""
