"""From configuration text to programs."""
