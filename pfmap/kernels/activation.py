"""Activations over rows of numbers, by number: made from the records in `pfmap.activations`.

Each kernel is one chain of branches, an activation each, whose loop the record's own functions
fill: a row is told apart once, and a loop can vectorise. The package's activations have the numbers
of their places in the chain. Those that a process registers besides come last and are called by
address (`registered`), so that machine code on disk is the same whoever registers what.

None of these is fast mathematics: a value does not depend on the kernel that asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import register_jitable

from pfmap.activations import ACTIVATIONS, NAMES, Activation, facts_of
from pfmap.activations._arithmetic import SHARED

from ._jit import jit
from .intrinsics import fma  # noqa: F401, tells numba what `pfmap.activations.fma` compiles to
from .registered import (
    SINGLE,
    SLOPE,
    VALUE,
    address_of,
    call_single,
    call_slope,
    call_value,
    register,
)

RELU, LINEAR = NAMES.index("relu"), NAMES.index("linear")
N_OWN = len(NAMES)

_DEGREE = 2
"""Any exponent: functions of a record do not depend on it."""

for _helper in SHARED:
    register_jitable(error_model="numpy")(_helper)


def code_of(name: str) -> int:
    """Number of an activation in the kernels of this process.

    Raises
    ------
    SettingsError
        If there is no record of that name.
    """
    record = facts_of(name, _DEGREE)
    code = list(ACTIVATIONS).index(name)
    if code >= N_OWN:
        register(code - N_OWN, (record.value, record.slope, record.single))
    return code


def facts_of_code(code: int, degree: int) -> Activation:
    """The record of an activation by its number."""
    return facts_of(list(ACTIVATIONS)[code], degree)


def _chain(name: str, arguments: str, meaning: str, bodies: list[str], otherwise: str) -> Any:
    """A kernel with one branch for every activation of the package, and one for all others."""
    lines = [f"def {name}(code, degree, {arguments}):", f'    """{meaning}"""']
    for code, body in enumerate(bodies):
        lines += [f"    if code == {code}:", _indented(body, 8), "        return"]
    lines.append(_indented(otherwise, 4))
    namespace = {**_NAMED, "__name__": __name__}
    exec("\n".join(lines), namespace)  # its text is made here, of numbers and names of records
    return jit(namespace[name])


def _indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line for line in text.splitlines())


# Of any exponent, since functions take it as an argument.
_RECORDS = [facts_of(name, _DEGREE) for name in NAMES]
_FUNCTIONS = {
    f"{kind}_{code}": jit(function)
    for code, record in enumerate(_RECORDS)
    for kind, function in (
        ("value", record.value), ("slope", record.slope), ("single", record.single)
    )
    if function is not None
}  # fmt: skip
_NAMED: dict[str, Any] = {
    **_FUNCTIONS, "np": np, "address_of": address_of, "VALUE": VALUE, "SLOPE": SLOPE,
    "SINGLE": SINGLE, "call_value": call_value, "call_slope": call_slope,
    "call_single": call_single,
}  # fmt: skip
"""What the text of the kernels names."""

_EACH = "for i in range(len(values)):\n    "
_DIFFERENTIATED = (
    _EACH
    + """x = values[i]
    values[i] = value_{code}(degree, x)
    slopes[i] = {slope}"""
)

activate_row = _chain(
    "activate_row",
    "sums, values",
    "Set `values` to the activation `code` of `sums`; both may be one array of float64.",
    [_EACH + f"values[i] = value_{code}(degree, sums[i])" for code in range(N_OWN)],
    f"address = address_of(code - {N_OWN}, VALUE)\n"
    + _EACH + "values[i] = call_value(address, degree, sums[i]) if address else np.nan",
)  # fmt: skip

differentiate_row = _chain(
    "differentiate_row",
    "values, slopes",
    "Replace pre-activations in `values` by s(x), and set `slopes` to s'(x); NaN without a slope.",
    [
        _DIFFERENTIATED.format(
            code=code, slope=f"slope_{code}(degree, x, values[i])" if record.slope else "np.nan"
        )
        for code, record in enumerate(_RECORDS)
    ],
    f"address, slope = address_of(code - {N_OWN}, VALUE), address_of(code - {N_OWN}, SLOPE)\n"
    + _EACH + "x = values[i]\n    "
    "values[i] = call_value(address, degree, x) if address else np.nan\n    "
    "slopes[i] = call_slope(slope, degree, x, values[i]) if slope else np.nan",
)  # fmt: skip

activate_run = _chain(
    "activate_run",
    "values",
    "Apply activation `code` in place to a float32 array, by float64 where it has no other form.",
    [
        _EACH + (
            f"values[i] = single_{code}(degree, values[i])"
            if record.single
            else f"values[i] = value_{code}(degree, np.float64(values[i]))"
        )
        for code, record in enumerate(_RECORDS)
    ],
    f"address, single = address_of(code - {N_OWN}, VALUE), address_of(code - {N_OWN}, SINGLE)\n"
    + _EACH + "if single:\n        values[i] = call_single(single, degree, values[i])\n    "
    "else:\n        "
    "values[i] = call_value(address, degree, np.float64(values[i])) if address else np.nan",
)  # fmt: skip
