"""tail, logs, maintail, history, clear: what workers wrote, and what happened to them."""
