"""What is wrong, or unwise, about a configuration."""
