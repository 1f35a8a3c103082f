"""Finds problems of the workers on this machine, and commands that fix them."""
