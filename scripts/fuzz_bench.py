"""Where fuzzing happens: a finished campaign, readers and commands tried in one warm process.

`Fault` means that pfmap broke its promise: an error that is no `PfmapError`, exit code 1, a
traceback, or a reading command that changed a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pfmap_cli.main
from pfmap import pipeline
from pfmap.errors import PfmapError
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import campaign_from_mapping
from pfmap_cli import render

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SHORT = ("--runs", "4", "--chains", "8", "--steps", "4", "--max-levels", "2")

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


class Fault(Exception):
    """pfmap did what no input may make it do."""


@dataclass
class Bench:
    """A working folder with a finished campaign, and what it was when it was made."""

    folder: Path
    campaign: Campaign
    contents: dict[str, dict[str, bytes]]

    @property
    def held(self) -> Path:
        """The folder of the campaign."""
        return self.folder / "held"

    @property
    def content(self) -> dict[str, bytes]:
        """The files of that folder."""
        return self.contents["held"]

    def put(self, name: str, content: bytes) -> Path:
        """A file beside the campaign."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def restore(self) -> None:
        """The campaigns as they were."""
        for place, files in self.contents.items():
            folder = self.folder / place
            for path in sorted(folder.rglob("*"), reverse=True):
                if path.is_file() and path.relative_to(folder).as_posix() not in files:
                    path.unlink()
            for name, content in files.items():
                path = folder / name
                if not path.is_file() or path.read_bytes() != content:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)


def build(folder: Path) -> None:
    """Run the campaign of a bench, with a sample of its functions, and its blocks in two parts."""
    campaign = campaign_from_mapping(BASE)
    pipeline.run(campaign, folder / "held", threads=1)
    sampled = campaign_from_mapping({**BASE, "counting": {"keep": "sampled", "functions": 100}})
    stages = ("sample", "functions")
    pipeline.run(sampled, folder / "kept", stages=stages, threads=1)
    for part, blocks in (("first", (0, 2)), ("second", (2, 4))):
        pipeline.run(campaign, folder / part, stages=("sample",), blocks=blocks, threads=1)


def bench(folder: Path) -> Bench:
    """The bench in `folder`, where `build` was."""
    (folder / "small.toml").write_bytes(SMALL)
    (folder / "right.npz").write_bytes(RIGHT_WEIGHTS)
    contents = {place: files(folder / place) for place in ("held", "kept")}
    return Bench(folder, campaign_from_mapping(BASE), contents)


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for name, content in files(folder).items():
        found.update(f"{name}\0{len(content)}\0".encode(errors="surrogateescape") + content)
    return found.hexdigest()


def attempt(read: Callable[[], Any]) -> str:
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
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    hook = sys.unraisablehook
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
        sys.unraisablehook = hook
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.environ.clear()
        os.environ.update(before)
    told.flush()
    text = told.buffer.getvalue().decode(errors="replace")
    if code not in allowed or "Traceback" in text or "internal error" in text:
        raise Fault(f"exit code {code}: {text[-400:]}")
    return f"exit {code}"


def reads(on: Bench, arguments: list[str], folder: Path | None = None) -> str:
    """A reading command, which leaves every file as it was."""
    watched = folder or on.held
    before = digest(watched)
    outcome = command(arguments, on.folder)
    if digest(watched) != before:
        raise Fault(f"{' '.join(arguments)} changed a file")
    return outcome


SMALL = b'name = "small"\ndraws = 300\nblock_draws = 256\n[network]\nwidths = [2, 1]\n' + (
    b'[prior]\npreset = "gaussian"\n[llc]\nsteps = 100\nwarmup = 50\nladder_steps = 0\n'
)


def right_weights() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, W1=np.ones((1, 2)), b1=np.zeros(1))
    return buffer.getvalue()


RIGHT_WEIGHTS = right_weights()


def merges(rng: random.Random, on: Bench, change: Callable[[Path], bool]) -> str:
    """Two parts of a campaign joined; `change` damages a copy of one, False where it cannot."""
    for folder in ("joined", "hurt"):
        shutil.rmtree(on.folder / folder, ignore_errors=True)
    hurt = shutil.copytree(on.folder / "second", on.folder / "hurt")
    if not change(hurt):
        return "unwritable"
    order = rng.choice((["first", "hurt"], ["hurt", "first"]))
    return reads(on, ["merge", *order, "--out", "joined", "--threads", "1"], hurt)
