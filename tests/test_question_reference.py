"""What the shipped run of the default campaign says, and the controls that a referee would ask."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from synthetic_classes import shuffled

from pfmap.analysis.correlate import correlate
from pfmap.analysis.question import at_size, question_of
from pfmap.analysis.relation import judge_relation
from pfmap.experiments import named_campaign

CAMPAIGN = named_campaign("default")
P_ERRORS = {"log2_p": "log2_p_se", "lambda_eff": "lambda_eff_se"}


@pytest.fixture(scope="module")
def tables(root):
    folder = root / "results" / "reference" / "default"
    return {
        name: pd.read_parquet(folder / f"{name}.parquet")
        for name in ("classes", "free_energy", "relations")
    }


def verdicts(question):
    """Verdicts on P with every measure and with λ_eff at the n of the verdicts."""
    pairs = [(question.classes, "log2_p", name) for name in question.measures]
    pairs.append((at_size(question, question.n_judged), "lambda_eff", "log2_p"))
    found = {}
    for table, x, y in pairs:
        errors = {name: P_ERRORS[name] for name in (x, y) if name in P_ERRORS}
        there = table[table[["log2_p", "log2_p_se"]].notna().all(axis=1)]
        found[x, y] = judge_relation(there, x, y, errors=errors, n_simulations=300)
    return found


def test_the_page_holds_the_numbers_of_the_reference(tables, root):
    """docs/finding.md names coefficients with their intervals: those of the shipped tables."""
    page = " ".join((root / "docs" / "finding.md").read_text(encoding="utf-8").split())
    table = tables["relations"]
    judged = table[table["verdict"] != "described"]
    said = [
        ("log2_p", "log2_p_kernel", False, None),
        ("lambda_eff", "log2_p", False, 75.0),
        ("lambda_eff", "log2_p", True, 75.0),
        ("free_energy", "log2_p", True, 75.0),
        ("lambda_eff", "function_llc", False, 1e6),
        ("lambda_eff", "log2_p", False, 1e6),
        ("log2_p", "function_llc", False, None),
        ("log2_p", "function_llc", True, None),
        ("log2_p", "sensitivity", True, None),
        ("log2_p", "halfspaces", True, None),
        ("delta", "halfspaces", True, None),
        ("delta", "function_llc", True, None),
    ]
    for x, y, given, n in said:
        at = judged["at_n"].isna() if n is None else (judged["at_n"] - n).abs() < 0.5
        rows = judged[(judged["x"] == x) & (judged["y"] == y) & at]
        (row,) = rows[(rows["given"] != "") == given].to_dict("records")
        text = f"{row['estimate']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}]"
        assert text in page, (x, y, given, n, text)
        assert text.replace("0.", "9.") not in page  # control: other digits are not there


def test_with_p_shuffled_within_orbit_sizes_the_relations_go(tables):
    real = verdicts(question_of(tables["classes"], tables["free_energy"], CAMPAIGN))
    assert sum(item.verdict == "related" for item in real.values()) >= 12
    classes, energies = shuffled(tables["classes"], tables["free_energy"], seed=5)
    found = verdicts(question_of(classes, energies, CAMPAIGN))
    # The size of the orbit is kept, and measures go with it: what is left must be weak.
    strong = [pair for pair, item in found.items() if abs(item.estimate.estimate) > 0.35]
    assert strong == []
    for pair in (
        ("log2_p", "sensitivity"), ("log2_p", "halfspaces"), ("log2_p", "function_llc"),
        ("lambda_eff", "log2_p"),
    ):  # fmt: skip
        assert abs(real[pair].estimate.estimate) > 0.35


@pytest.mark.parametrize("y", ["log2_p", "sensitivity"])
def test_disjoint_halves_of_the_classes_agree(tables, y):
    question = question_of(tables["classes"], tables["free_energy"], CAMPAIGN)
    table = at_size(question, question.n_judged)
    table = table[table["log2_p"].notna()]
    order = np.random.default_rng(2).permutation(len(table))

    def coefficient(rows):
        (found,) = correlate(rows, [("lambda_eff", y)], methods=["spearman"], n_resamples=300)
        return found.estimate, (found.high - found.low) / (2.0 * 1.96)

    halves = [coefficient(table.iloc[part]) for part in np.array_split(order, 2)]
    error = math.hypot(halves[0][1], halves[1][1])
    assert abs(halves[0][0] - halves[1][0]) < 3.0 * error
    # Control: with the values of one half permuted they do not.
    half = table.iloc[np.array_split(order, 2)[0]]
    other = half.assign(**{y: np.random.default_rng(3).permutation(half[y])})
    broken = coefficient(other)
    assert abs(broken[0] - halves[1][0]) > 3.0 * math.hypot(broken[1], halves[1][1])


def test_probabilities_of_all_classes_close_within_their_errors(tables):
    """Σ size × P = 1: those without P are rarer than all that matters."""
    classes = tables["classes"]
    parts = classes["orbit_size"] * 2.0 ** classes["log2_p"]
    known = parts.notna()
    error = math.sqrt(((parts * math.log(2.0) * classes["log2_p_se"])[known] ** 2).sum())
    assert abs(parts[known].sum() - 1.0) < 0.01
    assert error < 0.01
    # Control: a class of one per cent left out fails.
    hundredth = parts[(parts > 0.01) & (parts < 0.2)].min()
    assert abs(parts[known].sum() - hundredth - 1.0) >= 0.01 - 1e-4
