"""Instances: what they are called, what they are doing, and how that is changed."""
