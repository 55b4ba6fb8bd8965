"""Who can talk to the clusters that pfmap starts: whoever can, can run code."""

from __future__ import annotations

import builtins
import socket

import distributed
import psutil
import pytest
from distributed.security import Security

from pfmap.errors import EnvironmentFault, SettingsError
from pfmap.execution.cluster import open_cluster
from pfmap.execution.queue import Queue, queue_cluster, start_queue

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)

WAIT_S = 5  # for what never comes
LONGEST_S = 600  # for what must come, whatever else the machine does
CONNECT = {"set_as_default": False, "timeout": LONGEST_S}
REFUSED = {**CONNECT, "timeout": WAIT_S}


def listening() -> set[tuple[str, int]]:
    """Address and port of every socket on which this process or a child of it listens."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return {
        connection.laddr[:2]
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def answers_in_the_clear(address: tuple[str, int], wait_s: float = WAIT_S) -> bool:
    """Whether a port answers a request for a web page, or Dask's greeting, without encryption."""
    with socket.create_connection(address, timeout=wait_s) as connection:
        try:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = connection.recv(100)
        except OSError:
            return False
    return answer.startswith(b"HTTP") or b"dask" in answer or b"pickle" in answer


@pytest.fixture(scope="module")
def local():
    before = listening()
    with open_cluster("local:2") as cluster:
        yield cluster, listening() - before


def test_a_local_cluster_listens_on_loopback_only_and_in_the_clear_nowhere(local):
    _, ports = local
    assert len(ports) == 5  # a scheduler, and two workers with a process beside each
    assert {host for host, _ in ports} == {"127.0.0.1"}
    assert 8787 not in {port for _, port in ports}
    assert [port for port in sorted(ports) if answers_in_the_clear(port)] == []


@pytest.mark.filterwarnings("ignore:Port 8787 is already in use")
def test_the_check_of_ports_knows_a_cluster_that_dask_starts_by_itself():
    """The control: a page is served although no dashboard was asked for."""
    before = listening()
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ):
        ports = listening() - before
        assert any(answers_in_the_clear(port, LONGEST_S) for port in sorted(ports))


@pytest.mark.parametrize("security", [None, "others"])
def test_a_client_without_the_credentials_cannot_connect(local, security):
    cluster, _ = local
    address = cluster.client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    with pytest.raises((OSError, TypeError)):
        distributed.Client(address, security=security and Security.temporary(), **REFUSED)
    with pytest.raises(OSError, match="tcp://127.0.0.1"):
        distributed.Client(address.replace("tls", "tcp"), **REFUSED)


def test_a_client_with_the_credentials_can(local):
    cluster, _ = local
    security = cluster.client.security
    with distributed.Client(cluster.client.scheduler.address, security=security, **CONNECT) as one:
        assert one.submit(max, 1, 2).result(timeout=LONGEST_S) == 2


def test_without_the_package_that_encrypts_it_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest, **options):
        if name.partition(".")[0] == "cryptography":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with (
        pytest.raises(EnvironmentFault, match="cryptography, which is not installed"),
        open_cluster("local:1"),
    ):
        pass


def test_jobs_of_a_queue_come_with_credentials_that_only_this_user_can_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    queue = Queue(kind="local", workers=1, options={"cores": 1, "memory": "1GB", "processes": 1})
    before = listening()
    with start_queue(queue) as cluster:
        files = list(tmp_path.glob(".dask-jobqueue.worker.*"))
        assert len(files) == 3  # authority, certificate and key
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        with distributed.Client(cluster, **CONNECT) as client:
            client.wait_for_workers(1, timeout=LONGEST_S)
            assert client.submit(max, 1, 2).result(timeout=LONGEST_S) == 2
            assert next(iter(client.nthreads())).startswith("tls://127.0.0.1:")
        with pytest.raises(OSError, match="tcp://127.0.0.1"):
            distributed.Client(cluster.scheduler_address.replace("tls", "tcp"), **REFUSED)
        ports = listening() - before
        assert {host for host, _ in ports} == {"127.0.0.1"}, ports
    assert list(tmp_path.glob(".dask-jobqueue.worker.*")) == []


def test_a_queue_names_its_interface():
    options = {"cores": 1, "memory": "1GB"}
    with pytest.raises(SettingsError, match="must name the network interface"):
        queue_cluster(Queue(kind="slurm", workers=1, options=options))


def test_an_unencrypted_scheduler_is_warned_of_once_a_run(scripts):
    said: list[str] = []
    with scripts.by_hand(1) as hand, open_cluster(hand.address, say=said.append):
        assert [text for text in said if "not encrypted" in text] == said[:1]


def test_an_encrypted_address_without_credentials_is_an_environment_fault():
    with (
        pytest.raises(EnvironmentFault, match="credentials"),
        open_cluster("tls://127.0.0.1:9"),
    ):
        pass
