"""Signals that ask a run to stop."""

from __future__ import annotations

import signal


def stop_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and a closed terminal (SIGHUP) unless ``nohup`` asked to outlive it.

    Examples
    --------
    >>> signal.SIGTERM in stop_signals()
    True
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
