"""What systemd defines: unit files, names, the bus, the journal."""
