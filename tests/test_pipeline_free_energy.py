"""The stage ``free_energy``: classes, their P, λ_f and curves; what is kept and made again."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_campaign import Listener, same_tables, small, table

from pfmap import pipeline
from pfmap.errors import SettingsError
from pfmap.functions.named import parse_function
from pfmap.kernel_limit import limit_covariance, limit_free_energy
from pfmap.pipeline import splittings
from pfmap.pipeline.stages.free_energy import lowest_loss, sample_sizes
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import BooleanDomain
from pfmap.settings.network import Network
from pfmap.settings.prior import Prior
from pfmap.settings.read import campaign_from_mapping
from pfmap.settings.sections import FreeEnergy, Llc, Volume
from pfmap.store import read_table
from pfmap.volume import estimate as engine

MEASURED = ("classes", "free_energy")
SECTION = FreeEnergy(classes=6, n=(1.0, 300.0), steps=16)


def campaign(**changes: object) -> Campaign:
    """A (3, 8, 1) relu network on inputs of ±1: 14 classes, the rarest below the counts."""
    settings: dict[str, object] = {
        "draws": 20_000,
        "block_draws": 8192,
        "network": Network(widths=(3, 8, 1)),
        "prior": Prior(preset="gaussian"),
        "domain": BooleanDomain(encoding="pm1"),
        "llc": Llc(functions=0),
        "volume": Volume(functions=0, named=(), chains=32, steps=32, runs=4),
        "free_energy": SECTION,
    }
    return small(**{**settings, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("free") / "energy"
    pipeline.run(campaign(), folder, threads=2, stages=["free_energy"])
    return folder


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_all_classes_stand_there_and_their_probabilities_add_up_to_one(finished):
    classes = table(finished, "classes")
    assert len(classes) == 14
    assert classes["orbit_size"].sum() == 256
    assert classes["orbit_count"].sum() == 20_000
    assert classes["log2_p"].notna().all()
    assert (classes["p_from"] == "splitting: reached").any()
    parts = classes["orbit_size"] * 2.0 ** classes["log2_p"]
    error = np.sqrt(((parts * np.log(2.0) * classes["log2_p_se"]) ** 2).sum())
    assert abs(parts.sum() - 1.0) < 4.0 * error + 1e-3
    # Negative control: without the most probable class of those that vary it is seen.
    second = parts.sort_values().iloc[-2]
    assert abs(parts.sum() - second - 1.0) > 4.0 * error + 1e-3


def test_the_classes_chosen_span_p_and_have_their_exact_coefficients(finished):
    classes = table(finished, "classes")
    chosen = classes[classes["chosen"]]
    assert len(chosen) == 6
    assert {classes["log2_p"].idxmax(), classes["log2_p_kernel"].idxmin()} <= set(chosen.index)
    by_key = classes.set_index("function")
    assert by_key.loc["00", "function_llc"] == 0.5
    parity = by_key.loc[next(iter({"69", "96"} & set(by_key.index)))]
    assert parity["function_llc"] == 2.5
    assert parity["orbit_size"] == 2
    assert chosen["curve"].isin(["reached", "uncertain"]).all()
    assert classes.loc[~classes["chosen"], "curve"].isna().all()
    # Measures of complexity come as columns.
    assert parity["sensitivity"] == 3.0
    # Eight units that are all off are rare: λ_f log n of the constant begins far beyond n = 300.
    assert by_key.loc["00", "n_asymptote"] > 300.0
    assert classes.loc[~classes["chosen"], "n_asymptote"].isna().all()


def test_named_functions_are_among_the_classes_chosen(tmp_path):
    named = FreeEnergy(classes=2, named=("parity", "and"), n=(1.0, 3.0), chains=8, steps=8)
    pipeline.run(campaign(free_energy=named), tmp_path / "three", stages=["free_energy"])
    classes = table(tmp_path / "three", "classes")
    chosen = set(classes.loc[classes["chosen"], "function"])
    assert len(classes) == 14
    assert len(chosen) == 2
    # Of each class its canonical member: 69 or 96 is parity, and AND has seven of eight points 0.
    assert {bin(int(key, 16)).count("1") in (1, 7) for key in chosen} == {True, False}
    assert chosen & {"69", "96"}


def test_a_named_class_that_was_never_drawn_stands_beside_the_drawn(tmp_path):
    """AND is threshold-5, one class, which is drawn; parity of five is not."""
    named = FreeEnergy(
        classes=4, named=("and", "threshold-5", "parity"), n=(1.0, 3.0), chains=8, steps=8
    )
    five = campaign(network=Network(widths=(5, 8, 1)), free_energy=named)
    pipeline.run(five, tmp_path / "five", stages=["free_energy"])
    classes = table(tmp_path / "five", "classes")
    assert classes["function"].is_unique
    chosen = classes[classes["chosen"]]
    assert len(chosen) == 4
    rare = classes[classes["orbit_count"] == 0]
    assert rare["ones"].tolist() == [16]
    assert rare["orbit_size"].tolist() == [2]
    assert rare["chosen"].all()
    assert rare["p_from"].str.startswith("splitting").all()
    drawn = chosen[chosen["ones"].isin([1, 31])]
    assert (drawn["orbit_count"] > 100).all()
    assert pipeline.verify(tmp_path / "five").ok


def test_a_name_that_the_domain_does_not_have_is_refused(tmp_path):
    wrong = campaign(free_energy=FreeEnergy(classes=2, named=("majorty",)))
    with pytest.raises(SettingsError, match=r"free_energy\.named: a name, .* a table of 8 bits"):
        pipeline.run(wrong, tmp_path / "wrong")
    assert not (tmp_path / "wrong").exists()


def test_curves_agree_with_the_kernel_where_n_is_small_and_not_beyond(finished):
    energies, classes = table(finished, "free_energy"), table(finished, "classes")
    sizes = sample_sizes(campaign())
    assert len(energies) == 6 * len(sizes)
    constant = energies[energies["function"] == "00"]
    assert constant["n"].tolist() == pytest.approx(sizes.tolist())
    limit = limit_free_energy(limit_covariance(campaign()), -np.ones(8), sizes)
    assert constant["free_energy_kernel"].tolist() == pytest.approx(limit.free_energy.tolist())
    first = energies[energies["n"] == 1.0]
    z = (first["lambda_eff"] / first["lambda_eff_kernel"] - 1.0).abs()
    assert z.max() < 0.15
    last = energies[energies["n"] > 250.0]
    rare = last[last["function"] == classes.loc[classes["log2_p_kernel"].idxmin(), "function"]]
    assert (rare["lambda_eff"] < 0.8 * rare["lambda_eff_kernel"]).all()


def test_free_energy_is_log_p_and_work_once_signs_are_right(finished):
    energies = table(finished, "free_energy")
    known = energies[energies["w"].notna()]
    assert len(known) >= 6
    assert (known["log_share_low"] >= -0.05).all()
    assert (known["log_share_low"] <= 0.0).all()
    assert (known["w"] > 0.0).all()
    assert energies.loc[energies["n"] == 1.0, "w"].isna().all()


def test_threads_and_workers_change_nothing(finished, tmp_path):
    pipeline.run(campaign(), tmp_path / "one", threads=1, stages=["free_energy"])
    same_tables(finished, tmp_path / "one", MEASURED)
    pipeline.run(campaign(), tmp_path / "two", threads=1, cluster="local:2", stages=["free_energy"])
    same_tables(finished, tmp_path / "two", MEASURED)


class Interrupted(Exception):
    pass


def test_an_interrupted_stage_makes_only_the_runs_that_are_missing(finished, copy, monkeypatch):
    n_runs = len(list((copy / "free_energy").glob("*/run-*.parquet")))
    shutil.rmtree(copy / "free_energy")
    for name in MEASURED:
        (copy / f"{name}.parquet").unlink()
    made = []
    real = engine.run_levels

    def counting(*arguments, **options):
        made.append(1)
        if len(made) == 7:
            raise Interrupted
        return real(*arguments, **options)

    monkeypatch.setattr(engine, "run_levels", counting)
    with pytest.raises(Interrupted):
        pipeline.run(campaign(), copy, resume=True, stages=["free_energy"])
    pipeline.run(campaign(), copy, resume=True, stages=["free_energy"])
    assert len(made) == n_runs + 1
    same_tables(finished, copy, MEASURED)
    assert pipeline.verify(copy, blocks=0).ok


def test_damage_is_found_and_made_again(finished, copy):
    path = sorted(copy.glob("free_energy/*/run-*.parquet"))[1]
    name = path.relative_to(copy).as_posix()
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 2] ^= 0xFF
    path.write_bytes(spoilt)
    (copy / "free_energy.parquet").unlink()
    problems = pipeline.verify(copy, blocks=0).problems
    assert any(name in problem for problem in problems)
    assert any(problem.startswith("free_energy.parquet") for problem in problems)
    listener = Listener()
    pipeline.run(campaign(), copy, resume=True, stages=["free_energy"], reporter=listener)
    assert any(name in text for text in listener.messages)
    same_tables(finished, copy, MEASURED)
    assert pipeline.verify(copy, blocks=0).ok


def test_other_lengths_remove_the_runs_and_the_other_stages_are_left_alone(copy):
    volume = Volume(functions=1, named=(), chains=16, steps=8, runs=2)
    before = read_table(copy, "free_energy")
    pipeline.run(campaign(volume=volume), copy, resume=True, stages=["volume"])
    assert list((copy / "volume").glob("*/run-*.parquet"))
    assert read_table(copy, "free_energy").equals(before)
    none = campaign(volume=volume, free_energy=FreeEnergy())
    pipeline.run(none, copy, resume=True, stages=["free_energy"])
    assert not list((copy / "free_energy").glob("*/*.parquet"))
    assert list((copy / "volume").glob("*/run-*.parquet"))
    assert [read_table(copy, name).num_rows for name in MEASURED] == [0, 0]
    assert pipeline.verify(copy, blocks=0).ok


def test_more_runs_keep_what_is_finished(copy, monkeypatch):
    made = []
    real = splittings.estimate_volume
    first = len(list((copy / "free_energy").glob("*/run-*.parquet")))

    def counting(*arguments, keep, **options):
        return real(*arguments, keep=lambda *run: (made.append(1), keep(*run))[1], **options)

    monkeypatch.setattr(splittings, "estimate_volume", counting)
    more = campaign(free_energy=SECTION.model_copy(update={"runs": 5}))
    pipeline.run(more, copy, resume=True, stages=["free_energy"])
    assert len(made) == 6
    assert len(list((copy / "free_energy").glob("*/run-*.parquet"))) == first + 6


def test_functions_that_were_drawn_are_the_classes_of_larger_domains(tmp_path):
    wider = campaign(
        network=Network(widths=(5, 6, 1)),
        draws=4000,
        free_energy=FreeEnergy(classes=3, n=(1.0, 10.0), steps=8),
        volume=Volume(functions=0, named=(), chains=16, steps=8, runs=2, max_levels=12),
    )
    pipeline.run(wider, tmp_path, stages=["free_energy"])
    classes = table(tmp_path, "classes")
    assert classes["chosen"].sum() == 3
    assert set(table(tmp_path, "free_energy")["function"]) <= set(classes["function"])
    assert pipeline.verify(tmp_path, blocks=0).ok


def test_without_a_kernel_its_columns_are_null(tmp_path):
    uniform = campaign(
        prior=Prior(preset="vallePerez2019", law="uniform"),
        draws=4000,
        free_energy=FreeEnergy(classes=2, n=(1.0, 10.0), steps=8),
        volume=Volume(functions=0, named=(), chains=16, steps=8, runs=2, max_levels=12),
    )
    pipeline.run(uniform, tmp_path, stages=["free_energy"])
    energies = table(tmp_path, "free_energy")
    assert energies["free_energy_kernel"].isna().all()
    assert energies["lambda_eff"].notna().all()


def test_readouts_without_signs_are_passed_over_aloud(tmp_path):
    listener = Listener()
    curves = campaign_from_mapping(
        {
            "draws": 1000,
            "network": {"widths": [1, 4, 1]},
            "domain": {"kind": "grid", "points": 8},
            "readout": {"kind": "quantised"},
            "llc": {"functions": 0},
            "volume": {"functions": 0, "named": []},
            "free_energy": {"classes": 2},
        }
    )
    pipeline.run(curves, tmp_path, stages=["free_energy"], reporter=listener)
    assert any("free_energy: skipped" in text for text in listener.messages)
    assert table(tmp_path, "free_energy").empty


@pytest.mark.parametrize("n", [(1.0, 1.0), (10.0, 1.0), (0.0, 1.0), (1.0, 1e13)])
def test_ranges_that_are_none_are_refused(n):
    with pytest.raises(SettingsError, match=r"free_energy\.n"):
        campaign_from_mapping({"free_energy": {"n": list(n)}})


def test_curves_go_down_to_what_the_largest_n_needs():
    assert lowest_loss(campaign(), 1.5) == pytest.approx(1.5 / 900.0)
    assert lowest_loss(campaign(), np.nan) == pytest.approx(0.5 / 900.0)
    assert lowest_loss(campaign(free_energy=FreeEnergy(lowest=1e-5)), 1.5) == 1e-5


def test_names_of_stages_and_members(finished):
    assert "free_energy" in pipeline.stage_names()
    assert parse_function("parity", 3).key in {"69", "96"}
    assert set(table(finished, "classes")["p_from"]) <= {
        "counts", "splitting: reached", "splitting: uncertain",
    }  # fmt: skip
