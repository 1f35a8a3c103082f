"""wctl top: all instances on one screen, and keys that act on them."""
