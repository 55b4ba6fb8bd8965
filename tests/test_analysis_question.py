"""Relations of prior mass, free energy, λ_f and complexity, and what the findings say of them."""

import numpy as np
import pandas as pd
import pytest
from synthetic_classes import BEST, asking, synthetic
from verification_question import shuffled

from pfmap.analysis.findings import END, findings_text
from pfmap.analysis.question import judged_size, last_size, question_of, relations
from pfmap.store.schema import CROSSINGS, LLC
from pfmap.store.tables import read_file, write_table

NO_LLC = pd.DataFrame(columns=[column.name for column in LLC])
NO_CROSSINGS = pd.DataFrame(columns=[column.name for column in CROSSINGS])


@pytest.fixture(scope="module")
def asked():
    classes, energies = synthetic()
    question = question_of(classes, energies, asking())
    return question, relations(question, asking())


def pick(table, x, y, *, given=False, n=np.nan):
    at = table["at_n"].isna() if np.isnan(n) else np.isclose(table["at_n"], n)
    judged = table["verdict"] != "described"
    rows = table[(table["x"] == x) & (table["y"] == y) & at & judged]
    (row,) = rows[(rows["given"] != "") == given].to_dict("records")
    return row


def test_the_n_of_the_verdicts_is_the_kernels_and_nothing_measured_moves_it(asked):
    question, _ = asked
    assert question.n_judged == pytest.approx(BEST, rel=0.5)
    _, energies = synthetic()
    rng = np.random.default_rng(1)
    other = energies.assign(lambda_eff=rng.normal(5.0, 1.0, len(energies)))
    assert judged_size(other, 16) == question.n_judged
    without = energies.assign(lambda_eff_kernel=np.nan)
    assert judged_size(without, 16) == pytest.approx(64.0, rel=0.3)


def test_the_last_n_is_that_of_nine_classes_in_ten():
    _, energies = synthetic()
    assert last_size(energies) == pytest.approx(1000.0)
    keys = energies["function"].unique()[:10]
    cut = energies["function"].isin(keys) & (energies["n"] > 300.0)
    assert last_size(energies.assign(lambda_eff=energies["lambda_eff"].mask(cut))) <= 317.0
    assert np.isnan(last_size(energies.assign(lambda_eff=np.nan)))


def test_relations_that_were_built_in_are_found_and_others_are_not(asked):
    question, table = asked
    assert pick(table, "log2_p", "sensitivity")["verdict"] == "related"
    assert pick(table, "log2_p", "halfspaces", given=True)["estimate"] < -0.5
    # The kernel explains sensitivity; what it leaves are the half-spaces.
    assert pick(table, "delta", "halfspaces", given=True)["verdict"] == "related"
    assert pick(table, "delta", "sensitivity", given=True)["verdict"] != "related"
    assert pick(table, "log2_p", "lz", given=True)["verdict"] != "related"
    n = question.n_judged
    assert pick(table, "lambda_eff", "log2_p", n=n)["estimate"] < -0.9
    last = pick(table, "lambda_eff", "function_llc", n=question.n_last)
    assert (last["verdict"], last["estimate"] > 0.5) == ("related", True)


def test_controls_are_t_entropy_size_and_sensitivity(asked):
    question, table = asked
    assert question.controls == ("ones", "entropy", "log2_orbit_size", "sensitivity")
    assert question.classes["ones"].max() <= 8.0  # of a function and its complement
    assert question.constant == ("bdd",)
    assert "bdd" not in set(table["y"])
    row = pick(table, "delta", "halfspaces", given=True)
    assert row["given"].startswith("log2_p_kernel + ones + entropy")


@pytest.mark.parametrize("seed", range(2))
def test_with_shuffled_p_nothing_goes_with_it(seed):
    """P permuted among classes of one orbit size: the relations of P must go, those of λ_f stay."""
    classes, energies = shuffled(*synthetic(), seed)
    question = question_of(classes, energies, asking())
    table = relations(question, asking())
    with_p = table[((table["x"] == "log2_p") | (table["y"] == "log2_p"))]
    with_p = with_p[(with_p["verdict"] != "described") & (with_p["y"] != "log2_p_kernel")]
    wrong = with_p[with_p["verdict"] == "related"]
    # Each is judged at a rate of 1 % at most: of 30 or so one may pass, not five.
    assert len(with_p) >= 16
    assert len(wrong) <= 2
    assert pick(table, "lambda_eff", "function_llc", n=question.n_last)["verdict"] == "related"


def test_values_without_an_error_and_unsettled_ones_enter_nothing():
    classes, energies = synthetic()
    classes.loc[:9, "log2_p_se"] = np.nan
    classes.loc[10:19, "log2_p"] = np.nan
    question = question_of(classes, energies, asking())
    table = relations(question, asking())
    assert pick(table, "log2_p", "sensitivity")["n"] == 60


def test_relations_are_a_table_of_the_contract(asked, tmp_path):
    _, table = asked
    write_table(tmp_path / "relations.parquet", table, "relations")
    back = read_file(tmp_path / "relations.parquet", "relations").to_pandas()
    assert len(back) == len(table)
    assert set(back["verdict"]) <= {"related", "no relation", "undecided", "described"}


def test_findings_are_short_and_say_what_was_asked_found_and_left_open(asked):
    question, table = asked
    llc = pd.DataFrame(
        {"estimator": "rank", "center": "self", "llc": [8.0, 8.0, 8.0, 7.5], "function": "0001"}
    )
    text = findings_text(question, table, NO_CROSSINGS, llc, asking())
    head, mark, rest = text.partition(END)
    assert mark
    assert not rest.strip()
    assert len(head.strip().splitlines()) <= 25
    for words in (
        "Asked:", "Held fixed in brackets: T, entropy", "- P and the kernel: ρ = +",
        "points/2 = 8", "blind to the function", "One value only, so nothing to relate: bdd",
        "undecided", "Tables:",
    ):  # fmt: skip
        assert words in text
    assert "nan" not in text
    assert "blind" not in findings_text(question, table, NO_CROSSINGS, NO_LLC, asking())


def test_few_classes_say_why_nothing_is_decided():
    classes, energies = synthetic()
    few = classes.head(5)
    question = question_of(few, energies[energies["function"].isin(few["function"])], asking())
    table = relations(question, asking())
    assert (table["verdict"] == "undecided").all()
    assert table["reason"].str.contains("8 needed").all()
    assert "nan" not in findings_text(question, table, NO_CROSSINGS, NO_LLC, asking())


def test_crossovers_count_classes_and_pairs(asked):
    """Half of the synthetic classes cannot begin by the last n; one pair of two goes against P."""
    question, table = asked
    rows = dict.fromkeys(NO_CROSSINGS.columns, np.nan)
    crossed = pd.DataFrame(
        [
            rows | {"function": "0000", "other": "0001", "n": 30.0, "prior_bits": -2.0,
                    "log_n_bits": 1.5, "log_evidence_ratio_at_equal_fit_to": 3.0},
            rows | {"function": "0000", "other": "0002", "n": 30.0, "prior_bits": -2.0,
                    "log_n_bits": 1.5, "log_evidence_ratio_at_equal_fit_to": -3.0},
            rows | {"function": "0001", "other": "0002"},
        ]
    )  # fmt: skip
    text = findings_text(question, table, crossed, NO_LLC, asking())
    starts = question.classes.loc[question.classes["chosen"], "n_asymptote"]
    late = int((starts >= 1000.0).sum())
    assert f"cannot lead at any n up to 1,000 in {late} of 60 classes" in text
    assert "of 3 pairs 2 change the order of F, 1 of them to the class" in text


def test_where_the_last_n_is_that_of_the_verdicts_nothing_is_said_twice():
    classes, energies = synthetic()
    question = question_of(classes, energies[energies["n"] <= BEST * 1.01], asking())
    assert question.n_judged == question.n_last
    table = relations(question, asking())
    text = findings_text(question, table, NO_CROSSINGS, NO_LLC, asking())
    lines = [line for line in text.splitlines() if line]
    assert sum(line.startswith("- λ_eff at n = 100 and P") for line in lines) == 1
    assert len(lines) == len(set(lines))
