"""A campaign of seconds for the tests of the pipeline, and what they compare."""

from pathlib import Path

import pandas as pd

from pfmap import pipeline
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.sections import Analysis, Complexity, Llc, Volume
from pfmap.store import CampaignFolder, read_table

COUNTING = ("sample", "functions")
UNDRAWN = ("sample", "functions", "complexity", "llc", "volume", "free_energy", "analyze")
TABLES = (
    "functions", "function_llc", "llc", "ladder", "volume", "evidence", "classes", "free_energy",
    "fits", "correlations", "predictors", "relations", "crossings",
)  # fmt: skip


def small(**changes: object) -> Campaign:
    settings: dict[str, object] = {
        "name": "small",
        "draws": 2800,
        "block_draws": 512,
        "network": Network(widths=(3, 6, 1)),
        "llc": Llc(functions=4, draws_per_function=2, chains=2, steps=100, warmup=50),
        "volume": Volume(functions=4, named=("and", "parity"), chains=16, steps=8, runs=2),
        "analysis": Analysis(bootstrap=100, noise_simulations=200),
        "complexity": Complexity(dear_functions=20),
    }
    return Campaign(**{**settings, **changes})


class Listener(pipeline.SilentReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def progress(self, stage: str, done: int, total: int) -> None:
        self.steps.append((stage, done, total))


def contents(folder: CampaignFolder, *, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        folder.relative(path): path.read_bytes()
        for path in sorted(folder.written_files())
        if path.name not in but
    }


def table(folder: Path, name: str) -> pd.DataFrame:
    return read_table(folder, name).to_pandas()


def same_tables(one: object, two: object, names: tuple[str, ...] = TABLES) -> None:
    for name in names:
        left, right = (read_table(f, name).to_pandas() for f in (one, two))
        columns = [column for column in left.columns if column != "elapsed_s"]
        pd.testing.assert_frame_equal(left[columns], right[columns], check_exact=True)
