"""What fuzzing does with hostile inputs: one function a kind, which makes one and has it read.

Each returns what came of it, ``read`` or ``refused``, or the exit code of a command; `Fault` means
that pfmap broke its promise: an error that is no `PfmapError`, exit code 1, a traceback, or a
reading command that changed a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fuzz_inputs as make
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import pfmap_cli.main
from pfmap import pipeline
from pfmap.campaign import Campaign, campaign_from_mapping, read_campaign
from pfmap.domain import PointsDomain, domain_points
from pfmap.errors import PfmapError
from pfmap.execution.queue import read_queue
from pfmap.functions.keys import check_key
from pfmap.functions.named import parse_function
from pfmap.llc.load import load_probabilities, load_targets, load_weights
from pfmap.sampling import plan_sampling
from pfmap.store.tables import write_table
from pfmap.volume.training import load_training_set
from pfmap_cli import render

BASE: dict[str, Any] = {
    "name": "base",
    "draws": 1000,
    "block_draws": 256,
    "network": {"widths": [3, 4, 1], "activation": "tanh"},
    "prior": {"preset": "gaussian"},
    "domain": {"kind": "boolean"},
    "readout": {"kind": "sign"},
    "counting": {"keep": "all"},
    "complexity": {"proxies": ["lz", "entropy"]},
    "llc": {"functions": 1, "draws_per_function": 1, "steps": 100, "warmup": 50, "ladder_steps": 0},
    "volume": {"functions": 1, "named": ["and"], "chains": 8, "steps": 4, "runs": 2},
    "analysis": {"bootstrap": 100, "noise_simulations": 200},
}
QUEUE = b'kind = "slurm"\nworkers = 4\n[options]\ncores = 1\nmemory = "2GB"\n'
SHORT = ("--runs", "4", "--chains", "8", "--steps", "4", "--max-levels", "2")


class Fault(Exception):
    """pfmap did what no input may make it do."""


@dataclass
class Bench:
    """A working folder with a finished campaign, and what it was when it was made."""

    folder: Path
    campaign: Campaign
    content: dict[str, bytes]

    @property
    def held(self) -> Path:
        """The folder of the campaign."""
        return self.folder / "held"

    def put(self, name: str, content: bytes) -> Path:
        """A file beside the campaign."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def restore(self) -> None:
        """The campaign as it was."""
        for path in sorted(self.held.rglob("*"), reverse=True):
            if path.is_file() and path.relative_to(self.held).as_posix() not in self.content:
                path.unlink()
        for name, content in self.content.items():
            path = self.held / name
            if not path.is_file() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)


def build(folder: Path) -> None:
    """Run the campaign of a bench."""
    pipeline.run(campaign_from_mapping(BASE), folder / "held", threads=1)


def bench(folder: Path) -> Bench:
    """The bench in `folder`, where `build` was."""
    (folder / "small.toml").write_bytes(SMALL)
    (folder / "right.npz").write_bytes(_RIGHT_WEIGHTS)
    return Bench(folder, campaign_from_mapping(BASE), _files(folder / "held"))


def _files(folder: Path) -> dict[str, bytes]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name, content in _files(folder).items():
        digest.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape") + content)
    return digest.hexdigest()


def _try(read: Callable[[], Any]) -> str:
    """Call a reader: what it may say is a `PfmapError` of one line."""
    try:
        read()
    except PfmapError as error:
        if "\n" in str(error) or len(str(error)) > 5000:
            raise Fault(f"not one line: {str(error)[:200]}") from error
        return "refused"
    except Exception as error:
        raise Fault(f"{type(error).__name__}: {str(error)[:300]}") from error
    return "read"


def command(arguments: list[str], folder: Path, allowed: tuple[int, ...] = (0, 2, 3, 4, 5)) -> str:
    """Run pfmap's entry in this process; the exit code in words."""
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    before, place, argv = dict(os.environ), Path.cwd(), sys.argv
    code: Any = 0
    render._emitted.clear()
    try:
        os.chdir(folder)
        sys.argv = ["pfmap", *arguments]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(told):
            pfmap_cli.main.entry()
    except SystemExit as ended:
        code = ended.code if ended.code is not None else 0
    except BaseException as error:
        raise Fault(f"{type(error).__name__} came through: {error}") from error
    finally:
        os.chdir(place)
        sys.argv = argv
        os.environ.clear()
        os.environ.update(before)
    told.flush()
    text = told.buffer.getvalue().decode(errors="replace")
    if code not in allowed or "Traceback" in text or "internal error" in text:
        raise Fault(f"exit code {code}: {text[-400:]}")
    return f"exit {code}"


def _reads(on: Bench, arguments: list[str], folder: Path | None = None) -> str:
    """A reading command, which leaves every file as it was."""
    watched = folder or on.held
    before = _digest(watched)
    outcome = command(arguments, on.folder)
    if _digest(watched) != before:
        raise Fault(f"{' '.join(arguments)} changed a file")
    return outcome


def campaign_file(rng: random.Random, on: Bench) -> str:
    """Campaign files, read and laid out for the kernels; small ones draw a block."""
    path = on.put("fuzzed.toml", make.toml_file(rng, BASE))
    found: list[Campaign] = []
    outcome = _try(lambda: found.append(read_campaign(path)))
    if not found:
        return _reads(on, ["status", "fuzzed.toml"]) if rng.random() < 0.1 else outcome
    _try(lambda: found[0].points)
    _try(lambda: campaign_from_mapping(found[0].model_dump(mode="json", exclude_none=True)))
    network = found[0].network
    if max(network.widths) * len(network.widths) > 200 or rng.random() < 0.7:
        return outcome
    _try(lambda: plan_sampling(found[0]))
    if found[0].draws <= 2000 and found[0].counting.functions <= 10**6:
        out = on.folder / "drawn"
        shutil.rmtree(out, ignore_errors=True)
        command(["sample", "fuzzed.toml", "--out", "drawn", "--threads", "1"], on.folder)
    return outcome


def name(rng: random.Random, on: Bench) -> str:
    """Keys, names and tables of functions."""
    text = rng.choice(make.TEXTS)
    if rng.random() < 0.5:
        noise = rng.choice(("0", "1", "f", "_", " ", "-", "é", "\udcff", "9" * 50, "\n"))
        place = rng.randint(0, len(text))
        text = text[:place] + noise + text[place:]
    what = rng.randrange(6)
    if what == 0:
        return _reads(on, ["show", "--in", "held", "--", text])
    if what == 1:
        return command(["probability", "--widths", "2,1", *SHORT, f"--named={text}"], on.folder)
    if what == 2:
        return command(["probability", "held", *SHORT, f"--key={text}"], on.folder)
    if what == 3 and len(text) < 3000:
        return command(["complexity", f"--table={text}"], on.folder)
    if what == 4:
        return _try(lambda: check_key(text, on.campaign))
    return _try(lambda: parse_function(text, rng.choice((2, 3, 8))))


def weights(rng: random.Random, on: Bench) -> str:
    """.npz files as weights, targets, probabilities and training sets."""
    names = ("weights", "W1", "b1", "W2", "b2", "target", "probability", "input", "label")
    path = on.put("fuzzed" + rng.choice((".npz", ".npz", ".npy", "")), make.npz_file(rng, names))
    if rng.random() < 0.02:
        return command(["llc", "held", "--weights", path.name, "--threads", "1"], on.folder)
    return _try(
        rng.choice(
            (
                lambda: load_weights(path, on.campaign.network),
                lambda: load_targets(path, 8),
                lambda: load_probabilities(path, 8),
                lambda: load_training_set(path, 8),
                lambda: domain_points(PointsDomain(kind="points", file=str(path)), 3),
            )
        )
    )


def points(rng: random.Random, on: Bench) -> str:
    """.npy and Parquet files as points of a domain and as training sets."""
    if rng.random() < 0.5:
        content = make.npy_file(rng)
    else:
        columns = {
            column: rng.choice(
                ([0, 1, 2], [0.5, 1.5, np.nan], ["a", "b", "c"], [True, False, None])
            )
            for column in rng.sample(("x", "y", "input", "label", "__index_level_0__"), 2)
        }
        buffer = io.BytesIO()
        pd.DataFrame(columns).to_parquet(buffer)
        content = buffer.getvalue()
        content = content if rng.random() < 0.3 else make.damaged(rng, content)
    path = on.put("fuzzed" + rng.choice((".npy", ".npz", ".parquet")), content)
    n_inputs = rng.choice((1, 2, 3))
    if rng.random() < 0.3:
        return _try(lambda: load_training_set(path, 8))
    return _try(lambda: domain_points(PointsDomain(kind="points", file=str(path)), n_inputs))


def queue_file(rng: random.Random, on: Bench) -> str:
    """Descriptions of job queues."""
    path = on.put("queue.toml", make.damaged(rng, QUEUE))
    return _try(lambda: read_queue(path))


def _inside(rng: random.Random, on: Bench, file: str, content: bytes) -> str:
    """Damage one file of the campaign, and let reading commands meet it."""
    path = on.held / file
    try:
        path.write_bytes(content)
        arguments = rng.choice(
            (
                ["status", "held"],
                ["verify", "held", "--blocks", rng.choice(("0", "0", "0", "1"))],
                ["show", "0", "--in", "held"],
                ["show", "00", "--in", "held", "--json"],
                ["status", "held", "--json"],
            )
        )
        return _reads(on, arguments)
    finally:
        on.restore()


def journal(rng: random.Random, on: Bench) -> str:
    """Journals: lines lost, repeated, changed inside, damaged."""
    content = make.json_lines(rng, on.content["journal.jsonl"])
    return _inside(rng, on, "journal.jsonl", content)


def provenance(rng: random.Random, on: Bench) -> str:
    """Records of runs."""
    content = on.content["provenance.json"]
    change = make.json_value if rng.random() < 0.6 else make.damaged
    return _inside(rng, on, "provenance.json", change(rng, content))


def folder_file(rng: random.Random, on: Bench) -> str:
    """Any file of a campaign's folder, its bytes damaged."""
    file = rng.choice([*on.content])
    return _inside(rng, on, file, make.damaged(rng, on.content[file]))


def resumed(rng: random.Random, on: Bench) -> str:
    """A damaged file of the folder, then the command that repairs it."""
    file = rng.choice([*on.content])
    change = make.json_lines if file == "journal.jsonl" else make.damaged
    path = on.held / file
    try:
        path.write_bytes(change(rng, on.content[file]))
        arguments = rng.choice((["sample", "held"], ["analyze", "held"], ["plot", "held"]))
        resume = ["--resume"] if arguments[0] == "sample" else []
        outcome = command([*arguments, *resume, "--threads", "1"], on.folder)
        if outcome not in ("exit 0", "exit 2", "exit 4"):
            raise Fault(f"{file}: {' '.join(arguments)} ended with {outcome}")
        return outcome
    finally:
        on.restore()


def table_content(rng: random.Random, on: Bench) -> str:
    """Tables with the right columns and the wrong rows."""
    file = rng.choice(
        [file for file in on.content if file.endswith(".parquet") and "/" not in file]
    )
    path = on.held / file
    table = pq.read_table(io.BytesIO(on.content[file]))
    frame = table.to_pandas()
    column = rng.choice(list(frame.columns))
    for _ in range(rng.randint(1, 3)):
        if not len(frame):
            break
        row = rng.randrange(len(frame))
        wrong = rng.choice(
            (None, -1, 0, 2**62, np.nan, np.inf, "zz", "", "\u202e", frame[column].iloc[0])
        )
        with contextlib.suppress(TypeError, ValueError, OverflowError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held = frame.astype({column: object})
            held.iat[row, held.columns.get_loc(column)] = wrong
            frame = rng.choice(
                (held, held, pd.concat([held, held]), held.iloc[:0], held.iloc[::-1])
            )
    try:
        extra = tuple(c for c in _columns(table) if c.name in frame.columns)
        notes = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        notes.pop("pandas", None)
        try:
            write_table(path, frame, path.stem, extra=extra, notes=notes)
        except (PfmapError, ValueError, TypeError, OverflowError):
            return "unwritable"
        except Exception as error:
            if type(error).__module__.startswith("pyarrow"):
                return "unwritable"
            raise
        arguments = rng.choice(
            (
                ["status", "held"],
                ["verify", "held", "--blocks", "0"],
                ["show", "0", "--in", "held"],
                ["show", "00", "--in", "held"],
                ["show", "ff", "--in", "held", "--json"],
            )
        )
        return _reads(on, arguments)
    finally:
        on.restore()


def _columns(table: Any) -> list[Any]:
    from pfmap.store.column import Column
    from pfmap.store.schema import TABLES

    known = {column.name for column in TABLES["functions"]}
    return [
        Column(field.name, field.type, "", "")
        for field in table.schema
        if field.name not in known and "function" in table.schema.names
    ]


def merging(rng: random.Random, on: Bench) -> str:
    """Two parts of a campaign joined, one of them damaged; the parts are only read."""
    out = on.folder / "joined"
    shutil.rmtree(out, ignore_errors=True)
    file = rng.choice(
        [file for file in on.content if file.startswith(("counts/", "journal", "camp"))]
    )
    change = make.json_lines if file == "journal.jsonl" else make.damaged
    try:
        (on.held / file).write_bytes(change(rng, on.content[file]))
        return _reads(on, ["merge", "held", "--out", "joined"])
    finally:
        on.restore()


def command_line(rng: random.Random, on: Bench) -> str:
    """Commands with hostile values among their arguments."""
    arguments = list(rng.choice(COMMANDS))
    for _ in range(rng.randint(1, 2)):
        changeable = [
            place
            for place in range(1, len(arguments))
            if not arguments[place].startswith("--") and arguments[place] not in FORMS
        ]
        pool = make.NUMBERS if rng.random() < 0.5 else make.TEXTS
        if changeable and rng.random() < 0.75:
            place = rng.choice(changeable)
            wide = arguments[place - 1] == "--widths"
            arguments[place] = rng.choice(make.WIDTHS if wide else pool)
        else:
            arguments += [rng.choice(OPTIONS), rng.choice(pool)]
    if arguments[0] == "sample" and "--fresh" not in arguments:
        arguments.append("--fresh")
    cwd = on.folder / "lines"
    shutil.rmtree(cwd, ignore_errors=True)
    cwd.mkdir()
    (cwd / "held").symlink_to(on.held)
    for file in ("right.npz", "small.toml"):
        shutil.copy(on.folder / file, cwd)
    before = _digest(on.held)
    try:
        outcome = command(arguments, cwd)
    except Fault as fault:
        raise Fault(f"{json.dumps(arguments)[:500]}: {fault}") from fault
    if _digest(on.held) != before:
        raise Fault(f"{json.dumps(arguments)[:500]} changed a file")
    return outcome


FORMS = {
    "monomials", "reduced-rank", "deep-linear", "tanh", "one-unit", "regular", "squares",
    "factored-polynomial", "polynomial-net",
}  # fmt: skip
OPTIONS = (
    "--threads", "--memory", "--seed", "--draws", "--blocks", "--cluster", "--staging", "--rank",
    "--ranks", "--json", "--debug", "--named", "--key", "--table", "--widths", "--activation",
    "--prior", "--lowest", "--target", "--probabilities", "--data", "--truth", "--inputs",
    "--size", "--data-seed", "--bogus", "--runs", "--max-levels", "--from",
)  # fmt: skip
_ON = ("--widths", "2,1", "--named", "and", *SHORT, "--threads", "1")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("exact", "monomials", "x*y, x^2*z", "--jacobian", "1,0,0"),
    ("exact", "reduced-rank", "4", "3", "4", "--rank", "2"),
    ("exact", "reduced-rank", "4", "3", "4", "--rank", "2", "--ranks", "2,3"),
    ("exact", "deep-linear", "3,3,3", "--rank", "1"),
    ("exact", "tanh", "4"),
    ("exact", "one-unit", "tanh"),
    ("exact", "regular", "6"),
    ("exact", "squares", "2", "4"),
    ("exact", "factored-polynomial", "1,2", "--target", "1,0"),
    ("exact", "polynomial-net", "3"),
    ("complexity", "--table", "0110"),
    ("init", "new.toml", "--from", "small"),
    ("show", "00", "--in", "held"),
    ("status", "held"),
    ("verify", "held", "--blocks", "0"),
    ("merge", "held", "--out", "joined", "--threads", "1"),
    ("probability", *_ON, "--seed", "1", "--out", "kept"),
    ("curve", *_ON, "--lowest", "0.1", "--out", "kept"),
    ("posterior", *_ON[:4], "--size", "2", "--data-seed", "1", "--draws", "1", *SHORT),
    ("posterior", *_ON[:4], "--inputs", "0,1", "--draws", "1", *SHORT),
    ("llc", "small.toml", "--weights", "right.npz", "--threads", "1"),
    ("sample", "small.toml", "--out", "drawn", "--draws", "300", "--seed", "1", "--threads", "1",
     "--memory", "2GiB", "--blocks", "0:1"),
    ("calibrate", "--drawn", "x", "--precision", "-1", "--max-steps", "0", "--seed", "x"),
)  # fmt: skip
SMALL = b'name = "small"\ndraws = 300\nblock_draws = 256\n[network]\nwidths = [2, 1]\n' + (
    b'[prior]\npreset = "gaussian"\n[llc]\nsteps = 100\nwarmup = 50\nladder_steps = 0\n'
)


def _right_weights() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, W1=np.ones((1, 2)), b1=np.zeros(1))
    return buffer.getvalue()


_RIGHT_WEIGHTS = _right_weights()

Kind = Callable[[random.Random, Bench], str]
KINDS: dict[str, tuple[Kind, str]] = {
    "campaign": (campaign_file, "campaign files"),
    "name": (name, "keys, names and truth tables"),
    "npz": (weights, ".npz as weights, targets, probabilities, training sets"),
    "points": (points, ".npy and Parquet as points and training sets"),
    "queue": (queue_file, "files of job queues"),
    "journal": (journal, "journals, then status, verify, show"),
    "provenance": (provenance, "provenance.json, likewise"),
    "folder": (folder_file, "any file of a campaign folder damaged, likewise"),
    "table": (table_content, "right tables with wrong rows, likewise"),
    "merge": (merging, "a damaged folder merged"),
    "resume": (resumed, "a damaged folder continued, analysed, drawn"),
    "command": (command_line, "command lines"),
}
