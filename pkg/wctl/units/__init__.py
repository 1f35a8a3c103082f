"""From programs to unit files."""
