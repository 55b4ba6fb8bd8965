"""Which kernels are inlined by force: those that contain fast mathematics, at any depth."""

from __future__ import annotations

import ast
from pathlib import Path

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


MAKERS = {"empty", "zeros", "ones", "full", "arange", "array", "copy", "flatnonzero"}
DECLARED = {"allocates=True", "inline=True"}


def undeclared_allocations(source):
    """Kernels of `source` that make arrays without saying so, and the names of those that do.

    What an inlined kernel does its callers do.
    """
    made, undeclared = set(), set()
    for kernel in ast.parse(source).body:
        if not isinstance(kernel, ast.FunctionDef) or not kernel.decorator_list:
            continue
        decorator = ast.unparse(kernel.decorator_list[0])
        calls = [node.func for node in ast.walk(kernel) if isinstance(node, ast.Call)]
        makes = any(isinstance(call, ast.Attribute) and call.attr in MAKERS for call in calls)
        makes |= any(isinstance(call, ast.Name) and call.id in made for call in calls)
        if decorator.startswith("jit") and makes:
            made.add(kernel.name)
            if not any(word in decorator for word in DECLARED):
                undeclared.add(kernel.name)
    return undeclared, made


def test_kernels_that_make_arrays_say_so():
    """Without counted references what they make would never be freed."""
    found = set()
    for path in Path(dense.__file__).parent.glob("[a-z]*.py"):
        undeclared, made = undeclared_allocations(path.read_text(encoding="utf-8"))
        assert not undeclared, path.name
        found |= made
    assert len(found) > 20


def test_a_kernel_that_makes_arrays_unsaid_is_seen():
    source = "@jit\ndef f(n):\n    return np.empty(n)\n\n\n@jit\ndef g(n):\n    return f(n)[0]\n"
    assert undeclared_allocations(source)[0] == {"f", "g"}
