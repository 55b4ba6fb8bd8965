"""Run commands of pfmap in children of a process that has imported everything once.

Each line of stdin is one command as JSON: its arguments, folder, environment and the files that
take stdout and stderr. For each one the exit code is printed. A child is a process of its own from
there on: its streams and its signals are those of a command that a shell started.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import signal
import sys

import scipy.optimize
import scipy.stats  # noqa: F401  what most commands import late, like the next three
import sklearn.isotonic
import sklearn.linear_model
import sklearn.preprocessing  # noqa: F401

import pfmap.analysis
import pfmap.figures
import pfmap.pipeline  # noqa: F401
from pfmap_cli.main import entry

LONGEST_S = 600


def next_command() -> dict | None:
    """In a child, the command that it is to run; None in the parent, once there are no more."""
    gc.freeze()  # a collection in a child would copy every page that it looks at
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            return json.loads(line)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def become(command: dict) -> None:
    """Take on the arguments, folder, environment and streams of a command."""
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    for number, path in enumerate((os.devnull, command["stdout"], command["stderr"])):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["pfmap", *command["arguments"]]
    signal.alarm(LONGEST_S)


def exit_code(command: dict) -> int:
    """Run a command; it always ends by `SystemExit`."""
    become(command)
    try:
        entry()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 1


if __name__ == "__main__" and (command := next_command()):
    code = exit_code(command)
    atexit._run_exitfuncs()
    os._exit(code)  # threads of libraries, begun before the fork, cannot be joined at a usual end
