"""What Supervisor's own clients see of wctl."""
