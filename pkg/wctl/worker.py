"""The program that ExecStart= runs: it gets one worker going, then it is gone.

launch.py makes it the worker itself, or resident.py stays beside the worker.

systemd runs this file with ``python3 -I -S``, which skips site-packages and halves the time to
the first line of code. The directory that holds wctl must then be named by hand, and everything
beyond this stub lives in modules, because Python does not cache the byte code of a script.
"""

import sys

if __name__ == "__main__":
    sys.path.append(__file__.rpartition("/wctl/")[0])

    from wctl import launch

    start = launch.prepare(sys.argv[1:])
    if start.options.resident:
        from wctl import resident  # most workers never need it

        resident.run(start)
    launch.hand_off(start)
