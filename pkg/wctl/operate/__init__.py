"""Instances: their names, their states, and the operations that change them."""
