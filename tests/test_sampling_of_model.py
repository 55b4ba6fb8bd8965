"""Functions of any model: counts against campaigns and NumPy, splitting against counts."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from pfmap.errors import DataError, SettingsError
from pfmap.functions.keys import bits_from_words, words_from_keys
from pfmap.models.families.attention import attention_model
from pfmap.models.families.convolution import convolution_model
from pfmap.models.families.residual import residual_model
from pfmap.models.program import Program
from pfmap.sampling import sample_model, sample_prior
from pfmap.settings.prior import Prior
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume.estimate import estimate_volume
from pfmap.volume.splitting import Settings
from pfmap.volume.target import model_sign_target

PRIOR = Prior(preset="gaussian")


def cube(n_inputs):
    return np.array(list(itertools.product([-1.0, 1.0], repeat=n_inputs)))


def test_a_dense_program_counts_what_a_campaign_does():
    for activation, law in (("relu", "normal"), ("tanh", "uniform")):
        campaign = campaign_from_mapping(
            {
                "draws": 30_000,
                "seed": 5,
                "network": {"widths": [3, 7, 1], "activation": activation},
                "prior": {"law": law},
                "domain": {"kind": "boolean", "encoding": "pm1"},
            }
        )
        program = Program(cube(3))
        hidden = program.affine(program.inputs, 7, activation=activation)
        model = program.model(program.affine(hidden, 1))
        sds = model.standard_deviations(campaign.prior)
        counts = sample_model(model, sds, draws=30_000, seed=5, law=law)
        assert counts.equals(sample_prior(campaign))
        assert counts.equals(sample_model(model, sds, draws=30_000, seed=5, law=law, threads=2))
        other = sample_model(model, sds, draws=30_000, seed=6, law=law)
        assert not counts.equals(other)


@pytest.mark.parametrize(
    "model",
    [
        convolution_model(cube(4), (4,)),
        attention_model(cube(3), 4),
        residual_model(cube(2), 5, outputs=2, norm=True),
    ],
    ids=["convolution", "attention", "residual, two outputs"],
)
def test_counts_and_splitting_agree_with_numpy(model):
    sds = model.standard_deviations(PRIOR)
    draws = 60_000
    table = sample_model(model, sds, draws=draws)
    rng, seen = np.random.default_rng(1), Counter()
    for _ in range(20_000):
        bits = model.outputs(sds * rng.standard_normal(model.n_parameters)) > 0.0
        seen[bits.tobytes()] += 1
    n_bits = len(model.targets)
    words = words_from_keys(table["function"].tolist(), n_bits, True)
    scores, wrong_scores = [], []
    for row, bits in zip(table.itertuples(), bits_from_words(words, n_bits), strict=True):
        if row.count < 300:
            break
        mine, theirs = row.count / draws, seen[bits.astype(bool).tobytes()] / 20_000
        se = math.sqrt(mine * (1 - mine) * (1 / draws + 1 / 20_000))
        scores.append((mine - theirs) / se)
        wrong_scores.append((1.5 * mine - theirs) / se)
    assert len(scores) >= 8
    assert np.abs(scores).max() < 4.5
    assert np.abs(wrong_scores).max() > 4.5  # P that is half too large is found
    assert table["count"].sum() == draws
    for index in (2, len(scores) - 1):
        row = table.iloc[index]
        signs = np.where(bits_from_words(words[index : index + 1], n_bits)[0] == 1, 1.0, -1.0)
        target = model_sign_target(model, signs, sds, name=row["function"])
        found = estimate_volume(target, Settings(), threads=1)
        counted, se = math.log2(row["count"] / draws), 1 / math.sqrt(row["count"]) / math.log(2)
        assert found.verdict == "reached"
        assert abs(found.log2_p - counted) < 4 * math.hypot(found.log2_p_se, se)


def test_first_draws_and_many_outputs():
    model = residual_model(np.random.default_rng(0).normal(size=(300, 2)), 3)
    table = sample_model(model, draws=500)
    assert (table["function"].str.len() == 32).all()  # beyond 256 bits, a hash
    assert table["first_draw"].min() == 0
    assert table.loc[table["first_draw"] == 0, "count"].iloc[0] >= 1


def test_slips_and_overflows_are_refused():
    model = residual_model(cube(2), 2)
    with pytest.raises(SettingsError, match="draws"):
        sample_model(model, draws=0)
    with pytest.raises(SettingsError, match="sds"):
        sample_model(model, math.nan, draws=10)
    with pytest.raises(SettingsError, match="multiple of four"):
        sample_model(residual_model(cube(2)[:3], 2), draws=10)
    with pytest.raises(SettingsError, match="signs"):
        model_sign_target(model, np.ones(3), name="short")
    cubes = convolution_model(1e300 * cube(2), (2,), kernel=1, activation="monomial", degree=3)
    with pytest.raises(DataError, match=r"draw \d+: an output must be finite"):
        sample_model(cubes, 1e10, draws=10)
