"""Runs on the workers of a cluster: the tables of a local run, whatever becomes of workers."""

from __future__ import annotations

import operator
import os
import signal
from contextlib import contextmanager
from functools import partial

import pytest

from pfmap import pipeline
from pfmap.errors import EnvironmentFault, SettingsError, StoppedEarly
from pfmap.execution import leases
from pfmap.execution.cluster import Cluster, check_cluster, open_cluster
from pfmap.execution.queue import Queue, queue_cluster, read_queue
from pfmap.execution.stopping import StopRequest
from pfmap.pipeline import tasks
from pfmap.settings.read import campaign_from_mapping
from pfmap.store.journal import BlockEntry
from pfmap.store.provenance import read_provenance

pytestmark = pytest.mark.filterwarnings(
    # Dask leaves sockets of processes that were killed to the garbage collector.
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

CAMPAIGN = campaign_from_mapping(
    {
        "draws": 20_000,
        "block_draws": 2048,
        "network": {"widths": [3, 5, 1]},
        "complexity": {"proxies": ["lz"]},
        "llc": {"functions": 2, "draws_per_function": 1},
        "volume": {"functions": 1, "named": ["parity"], "runs": 2, "max_levels": 6},
    }
)
STAGES = ("sample", "functions", "complexity", "llc", "volume")


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """An undisturbed local run."""
    folder = tmp_path_factory.mktemp("here")
    pipeline.run(CAMPAIGN, folder, stages=STAGES, threads=1)
    return folder


def assert_same_shards(one, two):
    for path in (one / "counts").iterdir():
        assert (two / "counts" / path.name).read_bytes() == path.read_bytes()


def test_workers_make_the_tables_of_a_local_run(here, tmp_path, scripts):
    pipeline.run(CAMPAIGN, tmp_path, stages=STAGES, cluster="local:2", threads=1)
    assert read_provenance(tmp_path / "provenance.json")["runs"][-1]["workers"] == 2
    assert len(list(here.rglob("*.parquet"))) > 10
    assert scripts.differing(here, tmp_path) == []
    assert not list(tmp_path.glob(".*pfmap-tmp"))


@pytest.mark.parametrize("staged", [False, True])
def test_workers_that_do_not_see_the_folder_send_or_stage_shards(
    here, tmp_path, monkeypatch, staged
):
    staging = (tmp_path / "staging").as_uri() if staged else ""
    seen = pipeline.workers._seen_folder

    @contextmanager
    def unseen(job):
        with seen(job) as place:
            yield tasks.Place(place.folder + "-not-mounted", place.token, place.staging)

    monkeypatch.setattr(pipeline.workers, "_seen_folder", unseen)
    folder = tmp_path / "run"
    run = partial(pipeline.run, CAMPAIGN, folder, stages=["sample"], cluster="local:1")
    run(staging=staging)
    assert_same_shards(here, folder)
    damaged = folder / "counts" / "part-000004.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    assert run(staging=staging, resume=True).repaired == ["counts/part-000004.parquet"]
    assert_same_shards(here, folder)
    if staged:
        assert not list((tmp_path / "staging").iterdir())


def test_what_late_leases_left_at_the_staging_location_is_removed(tmp_path):
    place = tasks.Place("unseen", ".12ab.pfmap-tmp", tmp_path.as_uri())
    entry = BlockEntry(3, 10, 5, "counts/part-000003.parquet", "ab", 0.1)
    for _ in range(2):
        tasks.stage(place, entry, b"shard")
    (tmp_path / "34cd-part-000003-00.parquet").write_bytes(b"of another run")
    assert len(list(tmp_path.iterdir())) == 3
    pipeline.workers._clear_staging(place)
    assert [path.name for path in tmp_path.iterdir()] == ["34cd-part-000003-00.parquet"]


def test_workers_with_other_code_are_refused_before_anything_is_drawn(tmp_path, monkeypatch):
    from pfmap.execution import cluster

    check = cluster.check_same_code
    monkeypatch.setattr(
        cluster,
        "check_same_code",
        lambda here, there, who: check({**here, "numba": "0.0.1"}, there, who),
    )
    with pytest.raises(EnvironmentFault, match=r"must run the same code, got numba .* 0.0.1 here"):
        pipeline.run(CAMPAIGN, tmp_path, stages=["sample"], cluster="local:1")
    assert not (tmp_path / "counts").exists()


def test_workers_that_come_later_are_asked_too():
    with pytest.raises(EnvironmentFault, match="numpy"):
        leases.perform({**leases.code_versions(), "numpy": "0.1"}, max, (1, 2))


def test_two_runs_on_one_scheduler_keep_their_results_apart(scripts):
    def tasks(cluster, offset):
        made = leases.Leases(cluster, stop=StopRequest(), alone=False, count=lambda _: None)
        for name in range(6):
            made.add(name, operator.add, name, offset)
        return iter(made)

    with (
        scripts.by_hand(1) as hand,
        open_cluster(hand.address) as one,
        open_cluster(hand.address) as two,
    ):
        first = tasks(one, 100)
        begun = [next(first)]
        assert dict(tasks(two, 200)) == {name: name + 200 for name in range(6)}
        assert dict([*begun, *first]) == {name: name + 100 for name in range(6)}


def test_what_a_worker_cannot_do_is_told_and_not_tried_twenty_times(tmp_path):
    with pytest.raises(EnvironmentFault, match="could not do its work: .*absent"):
        leases.perform(leases.code_versions(), os.listdir, (tmp_path / "absent",))


class Stub:
    """A client without workers, that may be gone."""

    status = "running"

    def __init__(self, fault: OSError | None = None) -> None:
        self.fault = fault

    def nthreads(self):
        if self.fault:
            raise self.fault
        return {}


def test_workers_lost_between_stages_are_asked_for_again(monkeypatch):
    monkeypatch.setattr(leases, "_REFILL_S", -1.0)
    asked = []
    cluster = Cluster(Stub(), "stub", refill=lambda: asked.append(1), most_workers=3)
    made = leases.Leases(cluster, stop=StopRequest(), alone=False, count=lambda _: None)
    assert list(made) == []
    assert asked == [1]


def test_a_scheduler_that_does_not_answer_is_gone():
    cluster = Cluster(Stub(OSError("closed")), "stub")
    made = leases.Leases(cluster, stop=StopRequest(), alone=False, count=lambda _: None)
    with pytest.raises(StoppedEarly, match="scheduler at stub is gone"):
        list(made)


def test_a_killed_worker_costs_its_blocks_and_nothing_else(here, tmp_path, scripts):
    with scripts.by_hand(2) as hand:
        folder = tmp_path / "run"
        killed = []

        class Kill(pipeline.SilentReporter):
            def progress(self, stage, done, total):
                if done > 0 and len(killed) < 2:
                    victim = next(worker for worker in hand.workers if worker.poll() is None)
                    victim.kill()
                    killed.append(victim)
                    hand.start_worker()

        run = partial(pipeline.run, CAMPAIGN, folder, stages=["sample"], reporter=Kill())
        run(cluster=hand.address)
        assert len(killed) == 2
    assert_same_shards(here, folder)


def test_a_paused_worker_is_replaced_after_its_lease(here, tmp_path, scripts):
    with scripts.by_hand(2) as hand:
        folder = tmp_path / "run"
        paused = []

        class Pause(pipeline.SilentReporter):
            def progress(self, stage, done, total):
                if done > 0 and not paused:
                    paused.append(hand.workers[0])
                    paused[0].send_signal(signal.SIGSTOP)

        pipeline.run(
            CAMPAIGN, folder, stages=["sample"], reporter=Pause(), cluster=hand.address, lease_s=1.0
        )
        assert len(paused) == 1
    assert_same_shards(here, folder)


def test_nobody_at_the_address_is_an_environment_fault(monkeypatch):
    from pfmap.execution import cluster

    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with (
        pytest.raises(EnvironmentFault, match="nobody answers"),
        open_cluster("tcp://127.0.0.1:9"),
    ):
        pass


@pytest.mark.parametrize("address", ["local", "local:0", "host:8786", "http://x"])
def test_addresses_of_other_forms_are_refused(address):
    with pytest.raises(SettingsError, match="cluster: must be local:N"):
        check_cluster(address)


def test_the_file_of_a_queue_becomes_its_job_script(tmp_path):
    path = tmp_path / "slurm.toml"
    path.write_text(
        'kind = "slurm"\nworkers = 3\n[options]\ninterface = "lo"\ncores = 1\nmemory = "2GB"\n'
        'walltime = "02:00:00"\n'
    )
    cluster = queue_cluster(read_queue(path))
    try:
        script = cluster.job_script()
    finally:
        cluster.close()
    assert "#SBATCH -t 02:00:00" in script
    assert "distributed.cli.dask_worker" in script


def test_options_that_a_queue_does_not_know_are_refused():
    with pytest.raises(SettingsError, match="options of slurm"):
        queue_cluster(Queue(kind="slurm", workers=1, options={"interface": "lo", "colour": "red"}))
