"""Power lost in the middle of a campaign: what the disk was never asked to keep may be gone."""

from __future__ import annotations

import random

import pytest

pytestmark = pytest.mark.usefixtures("short_conclusions")

TRIED = {"all functions kept": 8, "a sample of functions kept": 8}
SEED = 3


@pytest.fixture(scope="module")
def power():
    """The script that simulates losses of power."""
    import crash_simulation

    return crash_simulation


@pytest.fixture(scope="module")
def disk(power):
    """The disk that loses power."""
    import crash_disk

    return crash_disk


@pytest.mark.parametrize("name", TRIED)
def test_whatever_a_loss_of_power_leaves_ends_with_the_same_tables(power, tmp_path, name):
    outcome = power.simulate(name, tmp_path, most=TRIED[name], seed=SEED)
    assert outcome.tried == TRIED[name]
    assert outcome.states > 400
    assert outcome.failures == []


def test_without_fsync_it_would_not(power, tmp_path):
    """The control: a writer that renames what it did not sync leaves empty tables and settings."""
    outcome = power.simulate("all functions kept", tmp_path, most=12, seed=SEED, syncs=False)
    assert outcome.failures


def test_the_calls_recorded_are_all_that_change_the_folder(power, disk, tmp_path):
    whole = power.record(power.CAMPAIGNS["a sample of functions kept"], tmp_path)
    left = disk.Disk()
    for call in whole.calls:
        left.do(call)
    folder = whole.folders[-1]
    assert left.left(left.new_names, {}) == {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
        if path.name != ".pfmap-lock"
    }


def states(disk, calls):
    return [state for _, state in disk.states(calls, random.Random(1))]


def test_what_may_be_left_of_a_file_renamed_before_its_contents_are_synced(disk):
    calls = [
        disk.Call("name", 0, ".t"),
        disk.Call("write", 0, at=0, content=b"abcd"),
        disk.Call("name", 0, "t", ".t"),
    ]
    left = states(disk, calls)
    assert {frozenset(state) for state in left} == {frozenset(), frozenset({".t"}), frozenset("t")}
    assert {state["t"] for state in left if "t" in state} == {b"", b"ab", bytes(4), b"abcd"}
    synced = [*calls[:2], disk.Call("fsync", 0), calls[2], disk.Call("sync", path=".")]
    assert {state["t"] for state in states(disk, synced) if "t" in state} == {b"abcd"}
    assert states(disk, synced)[-1] == {"t": b"abcd"}


def test_names_in_a_folder_whose_own_name_is_lost_are_lost(disk):
    calls = [
        disk.Call("name", None, "f"),
        disk.Call("name", 0, "f/t"),
        disk.Call("sync", path="f"),
    ]
    assert states(disk, calls)[-2:] == [{"f": None}, {"f": None, "f/t": b""}]
    assert all("f" in state for state in states(disk, calls) if "f/t" in state)
