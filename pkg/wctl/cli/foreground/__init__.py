"""wctl run: one instance in the foreground, without systemd."""
