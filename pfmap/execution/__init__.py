"""Where work runs: the threads of this process, or the workers of a Dask cluster."""

from pfmap.execution.local import available_threads, check_threads, run_blocks
from pfmap.execution.stopping import StopRequest, stop_on_signals

__all__ = [
    "StopRequest",
    "available_threads",
    "check_threads",
    "run_blocks",
    "stop_on_signals",
]
