"""Runs a module for as long as the process that started it lives: `python -m dateline.serving.leashed FD MODULE [ARGUMENT…]`.

The other end of the pipe FD is held by that process alone. However it ends, the pipe does too, and this process is told to stop;
if it does not within its time, it is ended.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import time
from threading import Thread

_PATIENCE_S = 20.0


def main() -> None:
    number, module, *arguments = sys.argv[1:]
    Thread(target=_stop_at_end_of, args=(int(number),), daemon=True).start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _stop_at_end_of(pipe: int) -> None:
    while os.read(pipe, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_S)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
