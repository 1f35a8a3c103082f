"""What is installed on this machine, and what an update would change."""
