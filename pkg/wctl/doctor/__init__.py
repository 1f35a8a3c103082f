"""What is wrong with the workers of this machine, and what to do about it."""
