"""Are the stated errors of λ_eff(n) those that independent estimates show?

    python scripts/curve_seeds.py                  all classes of the default campaign, twice
    python scripts/curve_seeds.py --runs 4 --most 8    shorter: eight classes, four runs each

Every class that has a curve in results/reference/default is measured anew with two seeds, lengths
of the campaign but for the runs. Printed: at every n the stated error of λ_eff, what the two
estimates show of it (their difference over √2), and z, the difference in stated errors; processor
seconds; and the classes whose estimates lie farthest apart. Without --most the table of all goes to
results/reference/volume/curve_seeds.parquet.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pfmap.functions import parse_function
from pfmap.pipeline.splittings import splitting_settings
from pfmap.pipeline.stages.free_energy import lowest_loss
from pfmap.settings.campaign import Campaign
from pfmap.settings.read import read_campaign
from pfmap.volume import estimate_volume, free_energy
from pfmap.volume.curves import Wanted, function_target

REFERENCE = Path(__file__).parents[1] / "results" / "reference"
SIZES = 10.0 ** np.arange(0.0, 6.5)
SEEDS = (101, 102)
WANTED = 0.05
LISTED = 6


def measured(campaign: Campaign, row: tuple[str, float], runs: int, seed: int) -> pd.DataFrame:
    """λ_eff and F of one class with one seed, a row an n."""
    key, llc_low = row
    signs = parse_function(key, campaign.n_inputs).signs
    target = function_target(campaign, Wanted(key, signs))
    lengths = splitting_settings(campaign.free_energy, seed, lowest_loss(campaign, llc_low))
    began = time.process_time()
    estimate = estimate_volume(target, dataclasses.replace(lengths, runs=runs), threads=1)
    seconds = time.process_time() - began
    energy = free_energy(estimate, SIZES)
    return pd.DataFrame(
        {"function": key, "seed": seed, "curve": estimate.verdict, "seconds": seconds}
        | dataclasses.asdict(energy)
    )


def compare(table: pd.DataFrame) -> pd.DataFrame:
    """Both estimates of every class and n in one row, with what they show of the error, and z."""
    first, second = (table[table["seed"] == seed] for seed in SEEDS)
    both = first.merge(second, on=["function", "n"], suffixes=("", "_2"))
    mean = 0.5 * (both["lambda_eff"] + both["lambda_eff_2"])
    apart = both["lambda_eff"] - both["lambda_eff_2"]
    return both.assign(
        stated=np.hypot(both["lambda_eff_se"], both["lambda_eff_se_2"]) / np.sqrt(2.0) / mean,
        shown=apart.abs() / np.sqrt(2.0) / mean,
        z=apart / np.hypot(both["lambda_eff_se"], both["lambda_eff_se_2"]),
    )


def by_size(both: pd.DataFrame) -> pd.DataFrame:
    """One row an n."""
    rows = []
    for n, group in both.groupby("n"):
        rows.append(
            {
                "n": f"{n:g}",
                "stated, median": group["stated"].median(),
                "stated, 9 of 10": group["stated"].quantile(0.9),
                f"stated <= {WANTED:.0%}": (group["stated"] <= WANTED).mean(),
                "shown, median": group["shown"].median(),
                "shown, 9 of 10": group["shown"].quantile(0.9),
                "rms z": np.sqrt((group["z"] ** 2).mean()),
                "largest z": group["z"].abs().max(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--most", type=int, help="classes to measure (all with a curve)")
    options = parser.parse_args()
    campaign = read_campaign(REFERENCE / "default" / "campaign.toml")
    classes = pd.read_parquet(REFERENCE / "default" / "classes.parquet")
    chosen = classes.loc[classes["chosen"], ["function", "function_llc_low"]]
    rows = list(chosen.head(options.most or len(chosen)).itertuples(index=False, name=None))
    table = pd.concat(measured(campaign, row, options.runs, seed) for row in rows for seed in SEEDS)
    both = compare(table)
    print(by_size(both).to_string(index=False, float_format="{:.3g}".format))
    seconds = table.groupby(["function", "seed"])["seconds"].first()
    print(f"\n{seconds.mean():.1f} processor s a class, {seconds.max():.1f} at most\n")
    last = both[both["n"] == both["n"].max()].nlargest(LISTED, "shown")
    columns = ["function", "free_energy", "free_energy_2", "lambda_eff", "lambda_eff_se",
               "lambda_eff_2", "lambda_eff_se_2", "curve", "curve_2"]  # fmt: skip
    print(last[columns].to_string(index=False, float_format="{:.3g}".format))
    if options.most is None:
        table.to_parquet(REFERENCE / "volume" / "curve_seeds.parquet", index=False)


if __name__ == "__main__":
    main()
