"""Which kernels are inlined by force: those that contain fast mathematics, at any depth."""

from __future__ import annotations

import pytest
from numba import config

from pfmap.kernels import dense, express, family, forward_f32, gradient, langevin, move_units, tally
from pfmap.kernels._jit import jit

pytestmark = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")


@pytest.mark.parametrize(
    ("kernel", "forced"),
    [
        (dense.add_product, True),  # fast itself
        (gradient.network_backward, True),  # calls one
        (family.loss_gradient, True),  # calls one that calls one
        (langevin.run_chain, True),
        (move_units.slice_units, True),
        (express.express, False),
        (forward_f32.forward_f32, False),
        (tally.tally, False),
    ],
)
def test_kernels_with_fast_mathematics_inside_are_inlined(kernel, forced):
    assert kernel.targetoptions["forceinline"] is forced


def test_a_kernel_is_told_from_its_helpers():
    @jit(fast=True)
    def fast(x):
        return x + 1.0

    @jit
    def plain(x):
        return x + 1.0

    assert fast.targetoptions["forceinline"]
    assert not plain.targetoptions["forceinline"]
