"""supervisorctl over wctl's workers: its verbs, words, streams and exit codes, without a daemon."""
