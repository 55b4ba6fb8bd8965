"""Selection, the table of the stage, and the user's own files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits

from pfmap.errors import DataError, PfmapError, SettingsError
from pfmap.functions.keys import keys_from_words, words_from_bits
from pfmap.llc.compiled import run_compiled
from pfmap.llc.estimate import estimate_llc
from pfmap.llc.load import load_targets, load_weights
from pfmap.llc.select import select_functions
from pfmap.llc.stage import llc_tables
from pfmap.llc.train import train_to_targets
from pfmap.models.network import network_outputs, parameter_count
from pfmap.settings.domain import boolean_points
from pfmap.settings.network import Network
from pfmap.settings.read import campaign_from_mapping
from pfmap.settings.sections import Llc
from pfmap.store.schema import LLC


def population(n=2000, seed=1):
    """Functions with counts like those of a campaign."""
    rng = np.random.default_rng(seed)
    counts = np.sort((2000 / (1 + np.arange(n)) + 1).astype(np.int64))[::-1]
    return pd.DataFrame(
        {
            "function": [f"{i:04x}" for i in rng.permutation(n)],
            "count": counts,
            "log2_p": np.log2(counts / counts.sum()),
            "first_draw": rng.permutation(10 * n)[:n],
            "lz": 3.5 * rng.integers(2, 40, size=n),
        }
    )


def test_selection_covers_frequency_and_complexity():
    functions = population()
    chosen = select_functions(functions, Llc(functions=40))
    picked = functions.set_index("function").loc[chosen["function"]]
    assert len(chosen) == 40 == chosen["function"].nunique()
    assert (picked["count"].to_numpy()[:2] == functions["count"].to_numpy()[:2]).all()
    assert (picked["count"] >= 3).sum() >= 30
    assert (picked["count"] < 3).sum() >= 3
    for column in ("log2_p", "lz"):
        low, high = functions[column].min(), functions[column].max()
        parts = np.minimum(5 * (picked[column] - low) / (high - low), 4).astype(int)
        assert parts.nunique() >= 4, column


def test_selection_does_not_depend_on_the_order_of_rows():
    functions = population()
    chosen = select_functions(functions, Llc(functions=30))
    shuffled = select_functions(functions.sample(frac=1, random_state=3), Llc(functions=30))
    pd.testing.assert_frame_equal(chosen, shuffled)


def test_named_functions_come_on_top():
    functions = population()
    named = (functions["function"].iloc[-1], "ffff")
    chosen = select_functions(functions, Llc(functions=10, named=named))
    assert chosen["function"].tolist()[0] == named[0]
    assert chosen["reason"].tolist()[0] == "named"
    assert "ffff" not in set(chosen["function"])  # never drawn
    assert len(chosen) == 11


@pytest.mark.parametrize(
    ("selection", "held", "varied"), [("equal_ones", "ones", "lz"), ("equal_lz", "lz", "ones")]
)
def test_selection_of_equals(selection, held, varied):
    functions = population().assign(ones=np.random.default_rng(2).integers(0, 17, size=2000))
    settings = Llc(functions=12, selection=selection)
    chosen = select_functions(functions, settings)
    picked = functions.set_index("function").loc[chosen["function"]]
    assert len(picked) == 12
    assert picked[held].nunique() == 1
    assert picked[varied].nunique() >= 4
    assert (picked["count"] >= 3).sum() >= 9
    repeated = functions[functions["count"] >= 3]
    kinds = repeated.groupby(held)[varied].nunique()
    assert kinds[picked[held].iloc[0]] == kinds.max()
    shuffled = select_functions(functions.sample(frac=1, random_state=3), settings)
    pd.testing.assert_frame_equal(chosen, shuffled)
    # Control: the usual selection holds neither fixed.
    usual = select_functions(functions, Llc(functions=12))["function"]
    assert functions.set_index("function").loc[usual, held].nunique() > 1


def test_selection_of_equals_needs_ones_and_lz():
    equal = {"llc": {"selection": "equal_ones"}}
    with pytest.raises(SettingsError, match=r"llc\.selection: equal_ones needs the proxy lz"):
        campaign_from_mapping({**equal, "complexity": {"proxies": ["entropy"]}})
    with pytest.raises(SettingsError, match=r"llc\.selection: equal_ones needs numbers of ones"):
        campaign_from_mapping({**equal, "readout": {"kind": "quantised"}})
    with pytest.raises(SettingsError, match="one of|stratified"):
        campaign_from_mapping({"llc": {"selection": "equal_t"}})


def test_selection_of_little():
    functions = population(3)
    assert len(select_functions(functions, Llc(functions=40))) == 3
    assert select_functions(functions, Llc(functions=0)).empty
    assert len(select_functions(functions.iloc[:0], Llc())) == 0
    without = select_functions(population().drop(columns="lz"), Llc(functions=10))
    assert len(without) == 10


def requests_of(campaign, n=3, seed=0):
    """Random draws, made here, with the keys of their functions."""
    rng = np.random.default_rng(seed)
    d = parameter_count(campaign.network.widths)
    weights = rng.normal(size=(n, d)).astype(np.float32)
    outputs = [
        network_outputs(row, campaign.points, campaign.network.widths)[:, 0] for row in weights
    ]
    words = words_from_bits(np.array(outputs) > 0)
    keys = keys_from_words(words, campaign.n_points, campaign.exact_keys)
    return pd.DataFrame({"function": keys, "draw": np.arange(n) * 7}), weights


def without_times(table):
    """The table as pandas without its times."""
    return table.to_pandas().drop(columns="elapsed_s")


def test_table_has_a_row_for_every_draw_center_and_estimator(tiny_campaign):
    requests, weights = requests_of(tiny_campaign)
    seen = []
    table, ladder = llc_tables(
        tiny_campaign, requests, weights, threads=2, progress=lambda *pair: seen.append(pair)
    )
    assert table.column_names == [column.name for column in LLC]
    frame = table.to_pandas()
    assert frame["draw"].tolist() == np.repeat(requests["draw"], 6).tolist()
    assert frame["center"].tolist() == (["self"] * 3 + ["target"] * 3) * 3
    assert frame["estimator"].tolist() == ["rank", "mala", "ladder"] * 6
    assert seen == [(i, 6) for i in range(1, 7)]
    rank, mala = frame[frame.estimator == "rank"], frame[frame.estimator == "mala"]
    assert (rank["llc"] == rank["rank"] / 2).all()
    settled = rank["rank_constant"].astype(bool) & (rank["verdict"] == "ok")
    assert settled.any()
    assert (rank.loc[settled, "multiplicity"] == 1).all()
    assert rank.loc[~settled, "multiplicity"].isna().all()
    ladders = frame[frame.estimator == "ladder"]
    exact = settled.to_numpy()
    assert (ladders["llc"].to_numpy() == rank["llc"].to_numpy())[exact].all()
    assert (ladders[exact]["multiplicity"] == 1).all()
    assert (ladders[exact]["llc_se"] == 0.0).all()
    # λ_max = min(d, points)/2 with d = 21 or more and 8 points.
    assert frame["relative_llc"].to_numpy() == pytest.approx(
        frame["llc"].to_numpy() / 4, nan_ok=True
    )
    causes = [name for name in frame.columns if name.startswith("null_")]
    assert len(causes) == 6
    assert (rank[causes].sum(axis=1) == rank["n_parameters"] - rank["rank"]).all()
    assert mala[causes].isna().all(axis=None)
    assert table.schema.field("null_dead").type == "int32"
    rungs = ladder.to_pandas()
    assert (rungs.groupby(["function", "draw", "center"]).size() == 4).all()
    grown = rungs.pivot(index=["draw", "center"], columns="n_beta", values="lambda_eff")
    assert (np.diff(grown.to_numpy(), axis=1) > 0).all()
    limit = rank.set_index(["draw", "center"])["llc"].loc[grown.index]
    assert (grown[1e4] < limit).all()
    for column in ("llc_se", "n_beta", "gamma", "rhat", "ess", "acceptance", "llc_slope"):
        assert rank[column].isna().all()
        assert mala[column].notna().all()
    assert (frame.loc[frame.center == "self", "loss_at_center"] < 1e-30).all()
    good = mala[(mala.verdict == "ok") & mala.rank_constant.astype(bool)]
    assert len(good) >= 3
    # nβK of a regular point has variance rank/2.
    error = np.sqrt(good["rank"] / 2 / good["ess"])
    assert (np.abs(good["llc"] - good["rank"] / 2) < 5 * error + 0.02 * good["rank"]).all()


def test_table_is_the_same_for_any_threads_and_rows(tiny_campaign):
    requests, weights = requests_of(tiny_campaign)
    one = without_times(llc_tables(tiny_campaign, requests, weights, threads=1).llc)
    two = without_times(llc_tables(tiny_campaign, requests, weights, threads=2).llc)
    pd.testing.assert_frame_equal(one, two)
    last = without_times(llc_tables(tiny_campaign, requests[2:], weights[2:], threads=2).llc)
    pd.testing.assert_frame_equal(last, one.iloc[12:].reset_index(drop=True))


def test_the_ladder_samples_where_the_rank_is_not_constant():
    """Weights 0 of a tanh network: rank 1 (the output bias), and more λ than rank/2."""
    settings = {
        "network": {"widths": [3, 1, 1], "activation": "tanh"},
        "prior": {"preset": "gaussian"},
    }
    campaign = campaign_from_mapping({**settings, "llc": {"centers": ["self"]}})
    requests = pd.DataFrame({"function": ["00"], "draw": [0]})
    zero = np.zeros((1, parameter_count((3, 1, 1))))
    frame = llc_tables(campaign, requests, zero).llc.to_pandas().set_index("estimator")
    assert frame["rank"].tolist() == [1, 1, 1]
    assert not frame.loc["rank", "rank_constant"]
    assert frame.loc["rank", "llc"] == 0.5
    # a tanh(b·x + c) + d on the cube: 1/2 for d and 1/2 for the product of a and (b, c).
    ladder = frame.loc["ladder"]
    assert abs(ladder["llc"] - 1.0) < max(4 * ladder["llc_se"], 0.05)
    assert ladder["llc_se"] > 0.0
    without = campaign.model_copy(update={"llc": Llc(centers=("self",), ladder_steps=0)})
    assert len(llc_tables(without, requests, zero).llc) == 2
    small = campaign.model_copy(update={"llc": Llc(centers=("self",), ladder_parameters=5)})
    skipped = llc_tables(small, requests, zero).llc.to_pandas().iloc[2]
    assert skipped["verdict"] == "skipped"
    assert np.isnan(skipped["llc"])


@pytest.mark.parametrize("limit", [1, 2])
def test_estimate_does_not_depend_on_the_threads_of_the_linear_algebra(limit):
    model = campaign_from_mapping({}).compiled_model()
    weights = np.random.default_rng(1).normal(size=model.n_parameters) / 3
    bits = np.random.default_rng(3).integers(0, 2, size=128)
    options = {"center": "target", "targets": 2.0 * bits - 1.0, "steps": 10, "warmup": 1}
    estimate = estimate_llc(model, weights, **options)
    with threadpool_limits(limits=limit):
        again = estimate_llc(model, weights, **options)
    assert (again.center_weights == estimate.center_weights).all()
    assert (again.trace == estimate.trace).all()


def test_an_interruption_leaves_the_rest_of_the_table_undone(tiny_campaign, monkeypatch):
    started = []

    def counted_estimate(*arguments, **options):
        started.append(options["stream"])
        return estimate_llc(*arguments, **options)

    def interrupt(done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr("pfmap.llc.stage.estimate_llc", counted_estimate)
    requests, weights = requests_of(tiny_campaign, n=50)
    with pytest.raises(KeyboardInterrupt):
        llc_tables(tiny_campaign, requests, weights, progress=interrupt, threads=1)
    assert 1 <= len(started) < 100


def test_targets_are_the_bits_of_the_key(tiny_campaign):
    _, weights = requests_of(tiny_campaign)
    requests = pd.DataFrame({"function": ["80", "17", "01"], "draw": [0, 1, 2]})
    bits = np.array([list(f"{int(key, 16):08b}") for key in requests["function"]]).astype(int)
    model = tiny_campaign.compiled_model()
    frame = llc_tables(tiny_campaign, requests, weights).llc.to_pandas()
    for row, target in enumerate(2.0 * bits - 1.0):
        aimed = model.with_targets(target)
        trained = train_to_targets(aimed, weights[row].astype(float), tolerance=1e-20)
        reported = frame[(frame.draw == row) & (frame.center == "target")]
        assert (reported["loss_at_center"] == trained.loss).all()
        reached = reported["verdict"] != "not a minimum"
        assert (reached == trained.reached).all()


def test_quantised_campaign_aims_at_its_own_curve():
    campaign = campaign_from_mapping(
        {
            "network": {"widths": [1, 8, 1], "activation": "tanh"},
            "domain": {"kind": "grid", "points": 6},
            "readout": {"kind": "quantised", "step": 0.5},
            "llc": {"steps": 100, "warmup": 50, "centers": ["target"]},
        }
    )
    weights = np.random.default_rng(1).normal(size=(1, parameter_count((1, 8, 1))))
    requests = pd.DataFrame({"function": ["0" * 32], "draw": [0]})
    frame = llc_tables(campaign, requests, weights).llc.to_pandas()
    outputs = campaign.compiled_model().outputs(weights[0])
    assert np.abs(outputs - 0.5 * np.round(outputs / 0.5)).max() > 0
    assert (frame["loss_at_center"] <= 1e-20).all()


def test_weights_file_with_one_vector_or_layers(tmp_path):
    network = Network(widths=(3, 4, 1))
    weights = np.random.default_rng(1).normal(size=parameter_count(network.widths))
    np.savez(tmp_path / "vector.npz", weights=weights)
    layers = {
        "W1": weights[:12].reshape(4, 3),
        "b1": weights[12:16],
        "W2": weights[16:20].reshape(1, 4),
        "b2": weights[20:],
    }
    np.savez(tmp_path / "layers.npz", **layers)
    for name in ("vector.npz", "layers.npz"):
        assert (load_weights(tmp_path / name, network).vector == weights).all()
    outputs = campaign_from_mapping({"network": {"widths": [3, 4, 1]}}).compiled_model()
    assert outputs.outputs(weights).shape == (len(boolean_points(3)),)


def test_targets_file_holds_bits_or_numbers(tmp_path):
    np.savez(tmp_path / "bits.npz", target=np.array([0, 1, 1, 0]))
    np.savez(tmp_path / "numbers.npz", target=np.array([0.0, 1.0, 0.5, -2.0]))
    assert load_targets(tmp_path / "bits.npz", 4).tolist() == [-1.0, 1.0, 1.0, -1.0]
    assert load_targets(tmp_path / "numbers.npz", 4).tolist() == [0.0, 1.0, 0.5, -2.0]


@pytest.mark.parametrize(
    ("arrays", "rule"),
    [
        ({"weights": np.ones(5)}, r"weights: must have shape \(21,\), found \(5,\)"),
        ({"weights": np.full(21, np.nan)}, r"weights: must be finite, found nan at \[0\]"),
        ({"weights": np.array(["x"] * 21)}, "must hold real numbers"),
        ({}, "found nothing"),
    ],
)
def test_weights_file_errors_name_the_rule(tmp_path, arrays, rule):
    path = tmp_path / "weights.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=rule):
        load_weights(path, Network(widths=(3, 4, 1)))


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "array.npy", np.ones(3))
    for name in ("missing.npz", "text.npz", "array.npy"):
        with pytest.raises(PfmapError, match=name):
            load_weights(tmp_path / name, Network())
    np.savez(tmp_path / "target.npz", target=np.array([0, 2]))
    with pytest.raises(DataError, match="bits 0 or 1, found 2"):
        load_targets(tmp_path / "target.npz", 2)
    np.savez(tmp_path / "none.npz", other=np.ones(2))
    with pytest.raises(DataError, match="array target"):
        load_targets(tmp_path / "none.npz", 2)


def test_short_estimates_are_made_again_with_more_steps(tiny_campaign, monkeypatch):
    requests, weights = requests_of(tiny_campaign, n=1)
    steps = []

    def run(*arguments, **options):
        steps.append((options["steps"], options["warmup"]))
        return run_compiled(*arguments, **options)

    monkeypatch.setattr("pfmap.llc.estimate.run_compiled", run)
    settings = tiny_campaign.llc
    once = (settings.steps, settings.warmup)
    monkeypatch.setattr("pfmap.llc.diagnostics.MIN_ESS", 0.0)
    monkeypatch.setattr("pfmap.llc.diagnostics.MAX_RHAT", 10.0)
    monkeypatch.setattr("pfmap.llc.diagnostics.MAX_VIRIAL_SE", 100.0)
    monkeypatch.setattr("pfmap.llc.diagnostics.MIN_ACCEPTANCE", 0.0)
    llc_tables(tiny_campaign, requests, weights, threads=1)
    assert steps == [once, once]
    steps.clear()
    monkeypatch.setattr("pfmap.llc.diagnostics.MIN_ESS", 1e9)
    table = llc_tables(tiny_campaign, requests, weights, threads=1).llc.to_pandas()
    assert steps == [(f * once[0], f * once[1]) for f in (1, 5, 25)] * 2
    assert (table.loc[table["estimator"] == "mala", "verdict"] == "short").all()
