"""Weights of other libraries: read as what they are, converted, or asked about; never guessed."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from command_line import pfmap

from pfmap.errors import DataError, SettingsError
from pfmap.functions.expressed import expressed_function
from pfmap.functions.keys import keys_from_words
from pfmap.llc.load import load_weights
from pfmap.sampling import outputs_of_draws, plan_sampling, words_of_draws
from pfmap.settings.network import Network
from pfmap.settings.read import campaign_from_mapping

SQUARE = Network(widths=(5, 5, 1))


def layers(widths, seed=0):
    """Matrices (units, units below) and biases of a network, input side first."""
    rng = np.random.default_rng(seed)
    matrices = [rng.normal(size=(b, a)) for a, b in itertools.pairwise(widths)]
    return matrices, [rng.normal(size=b) for b in widths[1:]]


def vector_of(matrices, biases):
    return np.concatenate([np.r_[W.ravel(), b] for W, b in zip(matrices, biases, strict=True)])


def named(library, matrices, biases):
    """The arrays of a file as a library's users write it."""
    pairs = list(zip(matrices, biases, strict=True))
    torch = {}
    for number, (W, b) in enumerate(pairs):
        torch |= {f"net.{2 * number}.weight": W, f"net.{2 * number}.bias": b}
    return {
        "scikit-learn": {f"coefs_{i}": W.T for i, (W, _) in enumerate(pairs)}
        | {f"intercepts_{i}": b for i, (_, b) in enumerate(pairs)},
        "PyTorch": torch,
        "Keras or Flax": {f"dense_{i}/kernel:0": W.T for i, (W, _) in enumerate(pairs)}
        | {f"dense_{i}/bias:0": b for i, (_, b) in enumerate(pairs)},
    }[library]


@pytest.mark.parametrize("library", ["scikit-learn", "PyTorch", "Keras or Flax"])
@pytest.mark.parametrize("widths", [(5, 5, 1), (3, 4, 4, 1), (4, 4, 4, 4, 1), (2, 1)])
def test_names_of_a_library_tell_the_order(tmp_path, library, widths):
    matrices, biases = layers(widths)
    np.savez(tmp_path / "w.npz", **named(library, matrices, biases))
    found = load_weights(tmp_path / "w.npz", Network(widths=widths))
    assert (found.vector == vector_of(matrices, biases)).all()
    assert found.library == library
    order = "out,in" if library == "PyTorch" else "in,out"
    assert {layer.order for layer in found.layers} <= {order, "out,in"}
    # The negative control: taken the other way round it is another network.
    if widths[0] == widths[1]:
        other = "in,out" if order == "out,in" else "out,in"
        wrong = load_weights(tmp_path / "w.npz", Network(widths=widths), order=other)
        assert not np.array_equal(wrong.vector, found.vector)


def test_ten_layers_stand_in_the_order_of_their_numbers(tmp_path):
    widths = (2, *[2] * 11, 1)
    matrices, biases = layers(widths)
    arrays = named("PyTorch", matrices, biases)
    np.savez(tmp_path / "w.npz", **{name: arrays[name] for name in sorted(arrays)})
    found = load_weights(tmp_path / "w.npz", Network(widths=widths))
    assert (found.vector == vector_of(matrices, biases)).all()


def test_layers_without_numbers_stand_in_the_order_of_the_file(tmp_path):
    (first, second), (b1, b2) = layers((3, 3, 1))
    arrays = {"in.weight": first, "in.bias": b1, "head.weight": second, "head.bias": b2}
    np.savez(tmp_path / "w.npz", **arrays)
    found = load_weights(tmp_path / "w.npz", Network(widths=(3, 3, 1)))
    assert (found.vector == vector_of([first, second], [b1, b2])).all()


def test_scikit_learn_as_its_users_save_it(tmp_path):
    from sklearn.neural_network import MLPRegressor

    inputs = np.random.default_rng(0).normal(size=(60, 3))
    mlp = MLPRegressor(
        hidden_layer_sizes=(4, 6), activation="tanh", max_iter=30, random_state=0, tol=1e9
    )
    mlp.fit(inputs, inputs[:, 0] * inputs[:, 1])
    campaign = campaign_from_mapping({"network": {"widths": [3, 4, 6, 1], "activation": "tanh"}})
    wanted = mlp.predict(campaign.points)
    np.savez(tmp_path / "stars.npz", *mlp.coefs_, *mlp.intercepts_)
    mixed = [part for pair in zip(mlp.coefs_, mlp.intercepts_, strict=True) for part in pair]
    np.savez(tmp_path / "pairs.npz", *mixed)
    names = {f"coefs_{i}": values for i, values in enumerate(mlp.coefs_)}
    names |= {f"intercepts_{i}": values for i, values in enumerate(mlp.intercepts_)}
    np.savez(tmp_path / "names.npz", **names)
    for name in ("stars", "pairs", "names"):
        found = load_weights(tmp_path / f"{name}.npz", campaign.network)
        assert [layer.order for layer in found.layers] == ["in,out"] * 3
        outputs = campaign.compiled_model().outputs(found.vector)
        np.testing.assert_allclose(outputs, wanted, rtol=1e-12, atol=1e-14)
    objects = np.empty(2, dtype=object)
    objects[:] = [np.ones((3, 4)), np.ones((4, 1))]
    np.savez(tmp_path / "objects.npz", coefs_=objects)
    with pytest.raises(DataError, match=r"objects\.npz.*every array by itself"):
        load_weights(tmp_path / "objects.npz", campaign.network)


@pytest.mark.parametrize("names", [("W1", "b1", "W2", "b2"), ("arr_0", "arr_1", "arr_2", "arr_3")])
def test_a_square_matrix_without_a_known_name_is_asked_about(tmp_path, names):
    (first, second), (b1, b2) = layers((5, 5, 1))
    path = tmp_path / "w.npz"
    np.savez(path, **dict(zip(names, (first, b1, second, b2), strict=True)))
    with pytest.raises(SettingsError, match=r"--order out,in .* or --order in,out"):
        load_weights(path, SQUARE)
    own = load_weights(path, SQUARE, order="out,in")
    assert (own.vector == vector_of([first, second], [b1, b2])).all()
    other = load_weights(path, SQUARE, order="in,out")
    assert (other.vector == vector_of([first.T, second], [b1, b2])).all()
    assert [layer.because for layer in other.layers] == [
        "given", "shape, though in,out was given: fits only transposed",
    ]  # fmt: skip
    with pytest.raises(SettingsError, match="out,in or in,out, got 'rows'"):
        load_weights(path, SQUARE, order="rows")
    # The file may say it itself.
    np.savez(path, W1=first.T, b1=b1, W2=second.T, b2=b2, order="in,out")
    assert (load_weights(path, SQUARE).vector == own.vector).all()
    np.savez(path, W1=first.T, b1=b1, W2=second.T, b2=b2, order="rows")
    with pytest.raises(DataError, match="order: must be out,in or in,out, found rows"):
        load_weights(path, SQUARE)


def test_a_symmetric_matrix_leaves_nothing_open(tmp_path):
    np.savez(tmp_path / "w.npz", W1=np.eye(5), b1=np.ones(5), W2=np.ones((1, 5)), b2=np.ones(1))
    assert load_weights(tmp_path / "w.npz", SQUARE).layers[0].because == "symmetric"


def test_names_that_the_shapes_contradict_tell_nothing(tmp_path):
    (first, second), (b1, b2) = layers((5, 5, 1))
    arrays = {"0.weight": first.T, "0.bias": b1, "2.weight": second.T, "2.bias": b2}
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(SettingsError, match=r"PyTorch's out,in does not fit the other matrices"):
        load_weights(tmp_path / "w.npz", SQUARE)
    found = load_weights(tmp_path / "w.npz", SQUARE, order="in,out")
    assert (found.vector == vector_of([first, second], [b1, b2])).all()
    assert "PyTorch has out,in: fits only transposed" in found.layers[1].because


def test_a_shape_that_fits_only_transposed_is_converted_and_said(tmp_path):
    (first, second), (b1, b2) = layers((3, 4, 1))
    np.savez(tmp_path / "w.npz", W1=first.T, b1=b1[None], W2=second.T, b2=b2)
    found = load_weights(tmp_path / "w.npz", Network(widths=(3, 4, 1)))
    assert (found.vector == vector_of([first, second], [b1, b2])).all()
    assert [layer.order for layer in found.layers] == ["in,out", "in,out"]


@pytest.mark.parametrize(
    ("arrays", "rule"),
    [
        ({"W1": np.ones((4, 3)), "b1": np.ones(4)}, r"must hold 2 matrices .*found W1, b1"),
        ({"W1": np.ones((7, 3)), "W2": np.ones((1, 7))}, r"W1: must have shape \(4, 3\).*\(7, 3\)"),
        ({"W1": np.ones((7, 3)), "W2": np.ones((1, 7))}, r"set widths = \[3, 7, 1\]"),
        ({"W1": np.ones((4, 3)), "W2": np.ones((1, 4))}, r"must hold 2 biases for bias = true"),
        ({"W1": np.ones((4, 3)), "b2": np.ones(1), "W2": np.ones((1, 4))}, r"found W1 alone"),
        ({"0.weight": np.ones((4, 3)), "1.mean": np.ones(4)}, r"found 1\.mean beside 0\.weight"),
        ({"0.weight": np.ones((4, 3)), "1.weight": np.ones(4)}, r"1\.weight: must be a matrix"),
        ({"W1": np.full((4, 3), np.inf), "W2": np.ones((1, 4))}, "W1: must be finite"),
        ({"W1": np.ones((4, 3), dtype="S1"), "W2": np.ones((1, 4))}, "W1: must hold real numbers"),
        ({"V": np.ones((4, 3))}, "must hold the vector weights, or the matrices and biases"),
        ({}, "found nothing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(tmp_path, arrays, rule):
    if "finite" in rule or "real" in rule or "7, 3" in rule or "widths" in rule:
        arrays = arrays | {"b1": np.ones(4), "b2": np.ones(1)}
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(DataError, match=rule):
        load_weights(tmp_path / "w.npz", Network(widths=(3, 4, 1)))


@pytest.mark.parametrize(
    "settings",
    [
        {"network": {"widths": [3, 4, 1]}},
        {"network": {"widths": [9, 4, 1]}},
        {
            "network": {"widths": [1, 8, 1]},
            "domain": {"kind": "grid", "points": 20},
            "readout": {"kind": "quantised", "step": 0.5},
        },
    ],
)
def test_outputs_express_what_the_campaign_counts(settings):
    campaign = campaign_from_mapping({"prior": {"preset": "gaussian"}, **settings})
    plan = plan_sampling(campaign)
    draws = np.arange(20)
    words = words_of_draws(plan, draws, threads=1)
    keys = keys_from_words(words, campaign.n_points, campaign.exact_keys).tolist()
    outputs = outputs_of_draws(plan, draws, threads=1)
    assert [expressed_function(campaign, row).key for row in outputs] == keys
    with pytest.raises(DataError, match="got nan at point 1"):
        expressed_function(campaign, np.r_[0.0, np.nan, np.zeros(campaign.n_points - 2)])


def test_the_command_says_first_what_it_read_and_what_it_assumed(tmp_path):
    (first, second), (b1, b2) = layers((5, 5, 1))
    np.savez(tmp_path / "w.npz", W1=first, b1=b1, W2=second, b2=b2)
    text = '[network]\nwidths = [5, 5, 1]\nactivation = "{}"\n[llc]\nsteps = 100\nwarmup = 50\n'
    found = {}
    for activation in ("relu", "tanh"):
        (tmp_path / "net.toml").write_text(text.format(activation))
        refused = pfmap("llc", "net.toml", "--weights", "w.npz", cwd=tmp_path)
        assert refused.returncode == 2
        assert "next: give --order out,in" in refused.stderr
        done = pfmap("llc", "net.toml", "--weights", "w.npz", "--order", "out,in", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"assumed, since weights do not tell: {activation} hidden units")
        assert lines[1] == "read w.npz: 36 parameters, named as by W and b"
        assert lines[3].split() == ["1", "W1", "5×5", "out,in", "given", "b1"]
        assert lines[5].startswith("function: ")
        found[activation] = lines[5]
    assert found["relu"] != found["tanh"]
    campaign = campaign_from_mapping({"network": {"widths": [5, 5, 1], "activation": "tanh"}})
    outputs = campaign.compiled_model().outputs(vector_of([first, second], [b1, b2]))
    expressed = expressed_function(campaign, outputs)
    np.savez(tmp_path / "t.npz", target=(outputs > 0.0).astype(int) ^ (np.arange(32) == 3))
    done = pfmap(
        "llc", "net.toml", "--weights", "w.npz", "--order", "out,in", "--target", "t.npz", "--json",
        cwd=tmp_path,
    )  # fmt: skip
    payload = json.loads(done.stdout)
    assert list(payload) == ["read", "estimates"]
    read = payload["read"]
    assert (read["function"], read["ones"], read["points"]) == (expressed.key, expressed.ones, 32)
    assert read["target"]["agree"] == 31
    assert read["assumed"]["activation"] == "tanh"
    assert read["layers"][0] | {} == {
        "layer": 1, "matrix": "W1", "shape": "5×5", "order": "out,in", "because": "given",
        "bias": "b1",
    }  # fmt: skip
