"""The program that ExecStart= runs: it gets one worker going, then it is gone.

launch.py makes it the worker itself, or resident.py stays beside the worker.

systemd runs this file with ``python3 -I -S``, which skips site-packages and halves the time to
the first line of code. The directory that holds wctl must then be named by hand, and everything
beyond this stub lives in modules, because Python does not cache the byte code of a script.
"""

import sys

if __name__ == "__main__":
    # First, so that nothing is looked for in the directories of the standard library, whose
    # modules would be listed for it; and not for longer than wctl itself takes to be found.
    sys.path.insert(0, __file__.rpartition("/")[0])

    from wrapper import launch

    del sys.path[0]
    start = launch.prepare(sys.argv[1:])
    if start.options.resident:
        from wrapper import resident  # most workers never need it

        resident.run(start)
    launch.hand_off(start)
