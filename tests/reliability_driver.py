"""Run campaigns in children that are killed, from a process that has imported everything once.

Each line of stdin holds FOLDER, LAST, MOMENT and SECONDS, separated by tabs. The child runs the
stages up to LAST and dies by SIGKILL at MOMENT, after SECONDS at the moment "timed", and not at all
with "never". For each line one is
printed: the child's exit code (-9 after SIGKILL) and its wall time.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from pfmap import pipeline
from pfmap.errors import PfmapError
from pfmap.pipeline import runner, shards
from pfmap.pipeline.stages import analyze, functions, llc, volume
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.sections import Analysis, Complexity, Llc, Volume
from pfmap.store import atomic, journal
from pfmap.volume import checkpoint

CAMPAIGN = Campaign(
    name="killed",
    draws=12_000,
    block_draws=1024,
    network=Network(widths=(5, 8, 1)),
    llc=Llc(functions=4, draws_per_function=3, chains=2, steps=100, warmup=50),
    volume=Volume(functions=3, named=("parity",), chains=16, steps=8, runs=2, max_levels=20),
    analysis=Analysis(bootstrap=100, noise_simulations=200),
    complexity=Complexity(dear_functions=20),
)


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def die_after(module: object, name: str, calls: int) -> None:
    """Replace a function so that the process dies once it has been called `calls` times."""
    real = getattr(module, name)
    seen = 0

    def counted(*arguments: object, **options: object) -> object:
        nonlocal seen
        result = real(*arguments, **options)
        seen += 1
        if seen >= calls:
            die()
        return result

    setattr(module, name, counted)


def tear_line(entries: int) -> None:
    """Die in the middle of a line of the journal."""
    real = journal.Journal.append
    seen = 0

    def torn(self: journal.Journal, entry: journal.Entry) -> None:
        nonlocal seen
        seen += 1
        if seen >= entries:
            with open(self.path, "ab") as file:
                file.write(b'{"event":"block","block_ind')
            die()
        real(self, entry)

    journal.Journal.append = torn


class DieInLlc(pipeline.SilentReporter):
    def progress(self, stage: str, done: int, total: int) -> None:
        if stage == "llc" and done > 0:
            die()


def child(folder: Path, last: str, moment: str, seconds: float) -> int:
    reporter = None
    if moment == "timed":
        threading.Timer(seconds, die).start()
    elif moment == "before the first line":
        atomic.os.replace = die
    elif moment == "shard without its line":
        die_after(shards, "write_table", 5)
    elif moment == "inside a shard":
        real = shards.write_table

        def half(path: Path, *arguments: object, **options: object) -> str:
            if path.name == "part-000007.parquet":
                atomic.os.replace = die
            return real(path, *arguments, **options)

        shards.write_table = half
    elif moment == "inside a line":
        tear_line(10)
    elif moment == "merging":
        die_after(functions, "stream_orbit_counts", 1)
    elif moment == "functions without their line":
        die_after(runner, "file_digest", 1)
    elif moment == "complexity without its line":
        die_after(runner, "file_digest", 2)
    elif moment == "llc":
        reporter = DieInLlc()
    elif moment == "llc without its line":
        die_after(llc, "write_table", 1)
    elif moment == "inside a run's file":
        real = checkpoint.write_table

        def torn(path: Path, *arguments: object, **options: object) -> str:
            if path.name == "run-0001.parquet":
                atomic.os.replace = die
            return real(path, *arguments, **options)

        checkpoint.write_table = torn
    elif moment == "run without its line":
        die_after(checkpoint, "write_table", 5)
    elif moment == "volume without evidence":
        die_after(volume, "write_table", 1)
    elif moment == "between fits and correlations":
        die_after(analyze, "write_table", 1)
    elif moment == "before the last provenance":
        die_after(runner, "now", 2)
    elif moment != "never":
        raise ValueError(moment)
    try:
        pipeline.run(CAMPAIGN, folder, resume=True, stages=[last], threads=2, reporter=reporter)
    except PfmapError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def main() -> None:
    for line in sys.stdin:
        folder, last, moment, seconds = line.rstrip("\n").split("\t")
        began = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            os._exit(child(Path(folder), last, moment, float(seconds)))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        print(f"{code}\t{time.perf_counter() - began:.3f}", flush=True)


if __name__ == "__main__":
    main()
