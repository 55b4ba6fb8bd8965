"""What fuzzing does with hostile inputs: one function a kind, which makes one and has it read.

Each returns what came of it, ``read`` or ``refused``, or the exit code of a command.
"""

from __future__ import annotations

import io
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import fuzz_inputs as make
import fuzz_tables
import numpy as np
import pandas as pd
from fuzz_bench import BASE, SHORT, Bench, Fault, attempt, command, digest, merges, reads

from pfmap.execution.queue import read_queue
from pfmap.functions.keys import check_key
from pfmap.functions.named import parse_function
from pfmap.llc.load import load_probabilities, load_targets, load_weights
from pfmap.sampling import plan_sampling
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain, domain_points
from pfmap.settings.read import campaign_from_mapping, read_campaign
from pfmap.volume.training import load_training_set

QUEUE = b'kind = "slurm"\nworkers = 4\n[options]\ncores = 1\nmemory = "2GB"\n'


def campaign_file(rng: random.Random, on: Bench) -> str:
    """Campaign files, read and laid out for the kernels; small ones draw a block."""
    path = on.put("fuzzed.toml", make.toml_file(rng, BASE))
    found: list[Campaign] = []
    outcome = attempt(lambda: found.append(read_campaign(path)))
    if not found:
        return reads(on, ["status", "fuzzed.toml"]) if rng.random() < 0.1 else outcome
    attempt(lambda: found[0].points)
    attempt(lambda: campaign_from_mapping(found[0].model_dump(mode="json", exclude_none=True)))
    network = found[0].network
    if max(network.widths) * len(network.widths) > 200 or rng.random() < 0.7:
        return outcome
    attempt(lambda: plan_sampling(found[0]))
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
        return reads(on, ["show", "--in", "held", "--", text])
    if what == 1:
        return command(["probability", "--widths", "2,1", *SHORT, f"--named={text}"], on.folder)
    if what == 2:
        return command(["probability", "held", *SHORT, f"--key={text}"], on.folder)
    if what == 3 and len(text) < 3000:
        return command(["complexity", f"--table={text}"], on.folder)
    if what == 4:
        return attempt(lambda: check_key(text, on.campaign))
    return attempt(lambda: parse_function(text, rng.choice((2, 3, 8))))


def weights(rng: random.Random, on: Bench) -> str:
    """.npz files as weights, targets, probabilities and training sets."""
    names = ("weights", "W1", "b1", "W2", "b2", "target", "probability", "input", "label")
    content = make.right_npz(rng) if rng.random() < 0.3 else make.npz_file(rng, names)
    path = on.put("fuzzed" + rng.choice((".npz", ".npz", ".npy", "")), content)
    if rng.random() < 0.02:
        return command(["llc", "held", "--weights", path.name, "--threads", "1"], on.folder)
    return attempt(
        rng.choice(
            (
                lambda: load_weights(path, on.campaign.dense),
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
        return attempt(lambda: load_training_set(path, 8))
    return attempt(lambda: domain_points(PointsDomain(kind="points", file=str(path)), n_inputs))


def queue_file(rng: random.Random, on: Bench) -> str:
    """Descriptions of job queues."""
    path = on.put("queue.toml", make.damaged(rng, QUEUE))
    return attempt(lambda: read_queue(path))


def _inside(rng: random.Random, on: Bench, file: str, content: bytes, place: str = "held") -> str:
    """Damage one file of a campaign, and let reading commands meet it."""
    path = on.folder / place / file
    try:
        path.write_bytes(content)
        arguments = rng.choice(
            (
                ["status", place],
                ["verify", place, "--blocks", rng.choice(("0", "0", "0", "1"))],
                ["show", "0", "--in", place],
                ["show", "00", "--in", place, "--json"],
                ["status", place, "--json"],
            )
        )
        return reads(on, arguments, on.folder / place)
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
    place = rng.choice([*on.contents])
    file = rng.choice([*on.contents[place]])
    return _inside(rng, on, file, make.damaged(rng, on.contents[place][file]), place)


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


def merging(rng: random.Random, on: Bench) -> str:
    """Two parts of a campaign joined, one of them damaged; the parts are only read."""

    def change(hurt: Path) -> bool:
        path = rng.choice([path for path in sorted(hurt.rglob("*")) if path.is_file()])
        damage = make.json_lines if path.name == "journal.jsonl" else make.damaged
        path.write_bytes(damage(rng, path.read_bytes()))
        return True

    return merges(rng, on, change)


def kernel_file(rng: random.Random, on: Bench) -> str:
    """Files of compiled kernels: a damaged one is dropped, never believed."""
    from pfmap.kernels._cache import cache_root, check_files

    folder = on.folder / "kernels"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = rng.choice(sorted(cache_root().rglob("*.nbc")))
    content = source.read_bytes()
    hurt = make.damaged(rng, content)
    (folder / source.name).write_bytes(hurt)
    sound, dropped = check_files(folder)
    if bool(sound) != (hurt == content):
        raise Fault(f"{source.name}: {sound} sound, {dropped} dropped")
    return "read" if sound else "refused"


def command_line(rng: random.Random, on: Bench) -> str:
    """Commands with hostile values among their arguments."""
    arguments = list(rng.choice(COMMANDS))
    for _ in range(rng.choice((1, 1, 1, 2))):
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
    before = digest(on.held)
    try:
        outcome = command(arguments, cwd)
    except Fault as fault:
        raise Fault(f"{json.dumps(arguments)[:500]}: {fault}") from fault
    if digest(on.held) != before:
        raise Fault(f"{json.dumps(arguments)[:500]} changed a file")
    return outcome


FORMS = {
    "monomials", "reduced-rank", "deep-linear", "tanh", "one-unit", "regular", "squares",
    "factored-polynomial", "polynomial-net", "rank", "quasi-homogeneous", "brieskorn",
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
    ("exact", "polynomial-net", "3", "--degree", "2"),
    ("exact", "rank", "2,3,1", "--degree", "3", "--seed", "1"),
    ("exact", "quasi-homogeneous", "3/8,1/4", "--zeros", "regular"),
    ("exact", "brieskorn", "2,4,4", "--signs", "+,-,-"),
    ("complexity", "--table", "0110"),
    ("init", "new.toml", "--from", "small"),
    ("show", "00", "--in", "held"),
    ("status", "held"),
    ("verify", "held", "--blocks", "0"),
    ("merge", "held", "--out", "joined", "--threads", "1"),
    ("probability", *_ON, "--seed", "1", "--out", "kept"),
    ("curve", *_ON, "--lowest", "0.1", "--out", "kept"),
    ("kernel", *_ON[:4], "--n", "1,10", "--precision", "0.1", "--seed", "1"),
    ("posterior", *_ON[:4], "--size", "2", "--data-seed", "1", "--draws", "1", *SHORT),
    ("posterior", *_ON[:4], "--inputs", "0,1", "--draws", "1", *SHORT),
    ("llc", "small.toml", "--weights", "right.npz", "--order", "out,in", "--threads", "1"),
    ("sample", "small.toml", "--out", "drawn", "--draws", "300", "--seed", "1", "--threads", "1",
     "--memory", "2GiB", "--blocks", "0:1"),
    ("calibrate", "--drawn", "x", "--precision", "-1", "--max-steps", "0", "--seed", "x"),
)  # fmt: skip
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
    "table": (fuzz_tables.table_content, "right tables with wrong rows, likewise"),
    "stage": (fuzz_tables.stages, "the same, known to the journal, then the stages and merge"),
    "merge": (merging, "a damaged folder merged"),
    "resume": (resumed, "a damaged folder continued, analysed, drawn"),
    "kernel": (kernel_file, "files of the kernel cache"),
    "command": (command_line, "command lines"),
}
