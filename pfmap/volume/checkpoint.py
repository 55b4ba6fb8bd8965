"""The pilot and the finished runs of an estimate on disk, so that an interrupted one goes on.

Every target with its settings has a folder of its own, named after a digest of all that decides the
result; the number of runs is no part of it, so that more can be added. A file that is damaged or
missing is made again.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import pfmap
from pfmap.errors import DataError, SettingsError
from pfmap.kernels.activation import facts_of_code
from pfmap.reading import reading
from pfmap.store.tables import read_file, write_table

from .splitting import Levels, Run, Settings
from .target import Target


class Checkpoint:
    """Pilot and runs of one target.

    Parameters
    ----------
    folder : Path
        Folder above those of all targets; made when something is kept.
    target : Target
    settings : Settings

    Examples
    --------
    >>> import tempfile
    >>> from pfmap.models.polynomial import polynomial_model
    >>> from pfmap.volume.target import loss_target
    >>> target = loss_target(polynomial_model([[1]]), name="w")
    >>> kept = Checkpoint(Path(tempfile.mkdtemp()), target, Settings())
    >>> kept.keep_run(3, Run(np.zeros(1), [np.zeros((1, 1))], np.ones(1), 100))
    >>> kept.levels() is None, list(kept.runs())
    (True, [3])
    """

    def __init__(self, folder: Path, target: Target, settings: Settings) -> None:
        self.digest = _digest(target, settings)
        self.folder = folder / f"{target.name}-{self.digest[:12]}"

    def arguments(self) -> dict[str, Any]:
        """What is kept and how more is, as arguments of `estimate_volume`."""
        return {
            "levels": self.levels(), "keep_levels": self.keep_levels,
            "finished": self.runs(), "keep": self.keep_run,
        }  # fmt: skip

    def levels(self) -> Levels | None:
        """The pilot kept, None if there is none."""
        path = self.folder / "pilot.parquet"
        table = self._read(path, "splitting_pilot")
        if table is None:
            return None
        with suppress(DataError), reading(path, kind="Parquet"):
            notes = table.schema.metadata
            curve = [np.array(part) for part in table["curve"].to_pylist() if part is not None]
            return Levels(
                np.array(table["threshold"].to_pylist()),
                np.array(table["log_sizes"].to_pylist()),
                curve,
                notes[b"verdict"].decode(),
                int(notes[b"evaluations"]),
                float(notes[b"margin"]),
                float(notes[b"log_variance"]),
            )
        return None

    def runs(self) -> dict[int, Run]:
        """The runs kept, by number."""
        found = {}
        for path in sorted(self.folder.glob("run-*.parquet")):
            table = self._read(path, "splitting_run")
            if table is None:
                continue
            with suppress(DataError), reading(path, kind="Parquet"):
                rows = table.to_pylist()
                covariances = [_square(row["covariance"]) for row in rows]
                found[int(path.stem.removeprefix("run-"))] = Run(
                    np.concatenate([row["log_volumes"] for row in rows]),
                    covariances,
                    np.array([row["acceptance"] for row in rows], dtype=np.float64),
                    int(table.schema.metadata[b"evaluations"]),
                )
        return found

    def keep_levels(self, levels: Levels) -> None:
        """Write the pilot."""
        n = len(levels.thresholds)
        curve = [points.tolist() for points in levels.curve]
        table = pa.table(
            {
                "level": np.arange(n),
                "threshold": levels.thresholds,
                "log_sizes": levels.log_sizes.tolist(),
                "curve": pa.array(curve + [None] * (n - len(curve)), pa.list_(pa.float64())),
            }
        )
        notes = {
            "verdict": levels.verdict,
            "evaluations": str(levels.evaluations),
            "margin": repr(levels.margin),
            "log_variance": repr(levels.log_variance),
        }
        self._write("pilot", table, "splitting_pilot", notes)

    def keep_run(self, number: int, run: Run) -> None:
        """Write a run."""
        sizes = [len(covariance) for covariance in run.covariances]
        log_volumes = np.split(run.log_volumes, np.cumsum(sizes)[:-1])
        table = pa.table(
            {
                "level": np.arange(len(sizes)),
                "log_volumes": [part.tolist() for part in log_volumes],
                "covariance": [covariance.ravel().tolist() for covariance in run.covariances],
                "acceptance": run.acceptances,
            }
        )
        notes = {"evaluations": str(run.evaluations)}
        self._write(f"run-{number:04d}", table, "splitting_run", notes)

    def _write(self, stem: str, table: pa.Table, name: str, notes: dict[str, str]) -> None:
        write_table(
            self.folder / f"{stem}.parquet", table, name, notes={**notes, "digest": self.digest}
        )

    def _read(self, path: Path, name: str) -> pa.Table | None:
        """A table kept for this very estimate; None if it is missing, damaged or another's."""
        try:
            table = read_file(path, name)
        except DataError:
            return None
        own = (table.schema.metadata or {}).get(b"digest", b"") == self.digest.encode()
        return table if own else None


def _square(values: list[float]) -> np.ndarray:
    size = math.isqrt(len(values))
    return np.array(values, dtype=np.float64).reshape(size, size)


def _digest(target: Target, settings: Settings) -> str:
    """SHA-256 of all that decides the runs."""
    if target.kernel is None:
        raise SettingsError(
            "model: what a folder keeps must tell models apart, and "
            f"{type(target.model).__name__} is not described by arrays",
            next_step="hand what is finished to estimate_volume yourself: levels, finished",
        )
    lengths = asdict(settings)
    del lengths["runs"]
    digest = hashlib.sha256(json.dumps([pfmap.__version__, lengths], sort_keys=True).encode())
    parts = (
        target.name, target.loss, target.kernel, target.groups, target.move_weights,
        target.slices, target.layer_edges, _activations(target),
    )  # fmt: skip
    for part in _leaves(parts):
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape}".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()


def _activations(target: Target) -> tuple[str, ...]:
    """Names of a network's activations: their numbers change with the files that there are."""
    net = getattr(target.kernel, "net", None)
    if net is None:
        return ()
    return tuple(facts_of_code(int(code), 1).name for code in (net.code, net.output_code))


def _leaves(parts: tuple[Any, ...]) -> Iterator[Any]:
    """Arrays and numbers of nested tuples, in order."""
    for part in parts:
        if isinstance(part, tuple):
            yield from _leaves(part)
        else:
            yield part
