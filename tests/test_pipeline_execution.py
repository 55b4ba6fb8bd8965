"""Threads, and stopping on signals."""

import signal
import threading

import pytest

from pfmap.execution import StopRequest, available_threads, check_threads, run_blocks
from pfmap.execution import stop_on_signals as stopping
from pfmap.sampling import plan_sampling
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network


def test_threads_default_to_those_of_the_last_run_as_far_as_they_are_here():
    available = available_threads()
    assert check_threads(None) == available
    assert check_threads(None, before=1) == 1
    assert check_threads(None, before=10**6) == available
    assert check_threads(available, before=1) == available


def test_a_first_signal_waits_for_the_block_and_a_second_does_not():
    with stopping() as stop:
        with stop.defer():
            signal.raise_signal(signal.SIGTERM)
            assert stop.requested
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert not stop.deferring


def test_outside_of_deferring_a_signal_stops_at_once_and_handlers_are_restored():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stopping():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_in_other_threads_signals_are_left_alone():
    seen = []

    def work() -> None:
        with stopping() as stop:
            seen.append((stop.requested, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_stop_ends_after_the_block_at_hand():
    campaign = Campaign(draws=4096, block_draws=512, network=Network(widths=(2, 3, 1)))
    stop = StopRequest()
    seen = []
    for tally in run_blocks(plan_sampling(campaign), range(8), threads=1, stop=stop):
        seen.append(tally.block_index)
        stop.requested = len(seen) == 3
    assert seen == [0, 1, 2]
