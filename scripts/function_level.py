"""The function-level coefficient λ_f: tables for docs/function-level.md and results/reference.

python scripts/function_level.py            all of it, about 10 minutes on one core
"""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from pfmap.complexity import FunctionBatch, measure
from pfmap.function_level import find_patterns, least_ranks, realise_function
from pfmap.function_level.bounds import function_model
from pfmap.functions import Symmetries, orbit_members
from pfmap.functions.halfspaces import cover_sizes
from pfmap.functions.keys import keys_from_words, words_from_bits
from pfmap.llc.estimate import estimate_llc
from pfmap.settings.domain import boolean_points

FOLDER = Path(__file__).parents[1] / "results" / "reference" / "function_level"
CUBE = Symmetries(permutations=True, reflections=True, complement=True)
MEASURES = ["lz", "entropy", "expression", "bdd_min", "sensitivity", "walsh_l1", "halfspaces"]
RANDOM_FUNCTIONS = 1000


def named_functions(n: int) -> dict[str, np.ndarray]:
    """Functions of n inputs that have names."""
    x = boolean_points(n).astype(np.uint8)
    total = x.sum(axis=1)
    found = {
        "constant": np.zeros(2**n, dtype=np.uint8),
        f"AND of {n}": x.all(axis=1),
        f"OR of {n}": x.any(axis=1),
        "x1": x[:, 0],
        "x1 AND x2": x[:, 0] & x[:, 1],
        "x1 XOR x2": x[:, 0] ^ x[:, 1],
    }
    if n >= 3:
        found["majority of 3"] = x[:, :3].sum(axis=1) >= 2
        found["parity of 3"] = x[:, :3].sum(axis=1) % 2
    if n >= 4:
        found[f"parity of {n}"] = total % 2
    if n == 5:
        found["majority of 5"] = total >= 3
    return {name: np.asarray(table, dtype=np.uint8) for name, table in found.items()}


def position(table: np.ndarray) -> int:
    """Index of a function in `LeastRanks.ranks`."""
    return int(table.astype(np.int64) @ (1 << np.arange(len(table))))


def face_bound(table: np.ndarray, ranks: np.ndarray) -> Fraction:
    """Largest r/2 of a function on the faces of the cube: restricting cannot raise the rank."""
    n = len(table).bit_length() - 1
    cube = table.reshape((2,) * n)
    faces = [np.take(cube, value, axis=axis).ravel() for axis in range(n) for value in (0, 1)]
    return Fraction(max(int(ranks[position(face)]) for face in faces), 2)


def shallow_table(least: dict[int, np.ndarray]) -> pd.DataFrame:
    """Named functions, one hidden layer."""
    rows = []
    for n in (2, 3, 4, 5):
        for name, table in named_functions(n).items():
            found = realise_function(table, (n, 32, 1), patterns=find_patterns(table))
            low = Fraction(int(least[n][position(table)]), 2) if n < 5 else None
            low = face_bound(table, least[4]) if low is None else low
            low = max(low, found.function_low)
            model = function_model(table, (n, 32, 1))
            sampled = estimate_llc(model, found.weights, center="given", longer=(5, 25))
            rows.append(
                {
                    "n": n,
                    "function": name,
                    "ones": int(table.sum()),
                    "lambda_low": float(low),
                    "lambda_high": float(found.high),
                    "verdict": "exact" if low == found.high else "interval",
                    "realisation": found.verdict,
                    "rank": found.rank,
                    "mala": sampled.llc,
                    "mala_se": sampled.llc_se,
                    "mala_verdict": sampled.verdict,
                    "units": live_units(found.weights, n, 32),
                    "loss": found.loss,
                    "margin": found.margin,
                }
            )
            print(rows[-1], flush=True)
    return pd.DataFrame(rows)


def live_units(weights: np.ndarray, n: int, width: int) -> int:
    """Units of the hidden layer that are on at an input."""
    matrix = weights[: n * width].reshape(width, n)
    on = boolean_points(n) @ matrix.T + weights[n * width : n * width + width] > 0
    return int(on.any(axis=0).sum())


def class_table(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Every class of functions of n inputs: one hidden layer, and two of width 32."""
    least = least_ranks(n)
    members = 0
    rows = []
    for table, patterns in least.witnesses:
        one = realise_function(table, (n, 32, 1), patterns=patterns)
        two = realise_function(table, (n, 32, 32, 1))
        word = words_from_bits(table[None])
        orbit_size = len(orbit_members(word[0], n, CUBE))
        members += orbit_size
        rows.append(
            {
                "n": n,
                "function": str(keys_from_words(word, 2**n, True)[0]),
                "functions": orbit_size,
                "ones": int(min(table.sum(), 2**n - table.sum())),
                "least_rank": int(least.ranks[position(table)]),
                "one_layer": float(one.high),
                "one_layer_verdict": one.verdict,
                "two_layers": float(two.high),
                "two_layers_verdict": two.verdict,
                "halfspaces": int(cover_sizes(table[None])[0]),
            }
        )
    assert members == 2 ** (2**n), "every function is in one class"
    return pd.DataFrame(rows), least.ranks


def deep_random(n: int, widths: tuple[int, ...]) -> dict[str, object]:
    """Random functions in a deep network."""
    rng = np.random.default_rng(n)
    tables = rng.integers(0, 2, (RANDOM_FUNCTIONS, 2**n), dtype=np.uint8)
    found = [realise_function(table, widths) for table in tables]
    sizes = cover_sizes(tables)
    return {
        "widths": widths,
        "functions": len(found),
        "exact, λ = 1": sum(r.verdict == "exact" and r.high == 1 for r in found),
        "largest K": max(r.loss for r in found),
        "mean halfspaces": float(sizes.mean()),
        "most halfspaces": int(sizes.max()),
    }


def correlations(n: int, ranks: np.ndarray) -> pd.DataFrame:
    """λ_f of one hidden layer against complexity over all functions, plain and given T."""
    tables = (np.arange(2 ** (2**n))[:, None] >> np.arange(2**n) & 1).astype(np.uint8)
    values = measure(FunctionBatch("boolean", boolean_points(n), bits=tables), MEASURES)
    ones = tables.sum(axis=1, dtype=np.int64)
    smaller = np.minimum(ones, 2**n - ones)
    rows = []
    for name, column in values.items():
        plain = spearmanr(column, ranks).statistic
        # Ranks centred within every stratum of T: the partial rank correlation given T.
        centred = [_centred(rankdata(v), smaller) for v in (column, ranks)]
        spread = np.prod([np.linalg.norm(v) for v in centred])
        given = float(centred[0] @ centred[1] / spread) if spread > 1e-6 else float("nan")
        rows.append({"n": n, "complexity": name, "spearman": plain, "spearman_given_T": given})
    return pd.DataFrame(rows)


def _centred(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    means = np.bincount(strata, weights=values) / np.maximum(np.bincount(strata), 1)
    return values - means[strata]


def main() -> None:
    """Write the tables and print them."""
    started = time.perf_counter()
    FOLDER.mkdir(parents=True, exist_ok=True)
    classes, least = [], {}
    for n in (2, 3, 4):
        table, least[n] = class_table(n)
        classes.append(table)
        one = table[table.one_layer_verdict == "exact"]
        two = table[(table.two_layers_verdict == "exact") & (table.two_layers == 1)]
        print(
            f"n = {n}: {len(table)} classes of {table.functions.sum()} functions; one hidden layer "
            f"exact at r/2: {(one.one_layer * 2 == one.least_rank).sum()}; two hidden layers, "
            f"λ = 1: {len(two)} classes, {two.functions.sum()} functions"
        )
        print(table.groupby("one_layer").functions.sum().to_string(), flush=True)
    every = pd.concat(classes, ignore_index=True)
    every.to_parquet(FOLDER / "classes.parquet", index=False)
    print(correlations(4, least[4]).to_string(index=False), flush=True)
    for n, widths in ((5, (5, 32, 32, 1)), (7, (7, 40, 40, 1))):
        print(deep_random(n, widths), flush=True)
    named = shallow_table(least)
    named.to_parquet(FOLDER / "named.parquet", index=False)
    print(named.drop(columns=["loss", "margin"]).to_string(index=False))
    print(f"largest K {named.loss.max():.1e}, least margin {named.margin.min():.3g}")
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
