"""The things that systemd defines: unit files, unit names, the manager's bus, the journal."""
