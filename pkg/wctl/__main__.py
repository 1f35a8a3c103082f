"""``python3 -m wctl``: the command line, without the script that an installation makes."""

from wctl.cli import main

main()
