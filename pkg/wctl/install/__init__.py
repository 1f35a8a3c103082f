"""The files installed on this machine, and the changes that an update would make."""
