"""The program that ExecStart= runs: it starts one worker.

launch.py turns this process into the worker, or resident.py keeps it as the worker's parent.

systemd runs this file with ``python3 -I -S``, which skips site-packages and halves the time to
the first line of code. So this file must itself tell Python where wctl's modules are. Everything
beyond this stub lives in modules, because Python does not cache the byte code of a script.
"""

import sys

if __name__ == "__main__":
    # The directory comes first: otherwise Python would look for the wrapper in the standard library
    # and list its directories. It stays on the path only until Python has found the wrapper.
    sys.path.insert(0, __file__.rpartition("/")[0])

    from wrapper import launch

    del sys.path[0]
    start = launch.prepare(sys.argv[1:])
    if start.options.resident:
        from wrapper import resident  # most workers never need it

        resident.run(start)
    launch.hand_off(start)
