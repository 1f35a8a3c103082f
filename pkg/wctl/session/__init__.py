"""One run of wctl, from the command line or from one of Supervisor's clients."""
