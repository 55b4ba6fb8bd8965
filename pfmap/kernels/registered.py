"""Functions that a process adds to the kernels, called by address.

The addresses lie in one table of this process, which machine code finds by its name, as it finds
functions of C; so machine code that was written to disk by one process calls what another one
registered, and nothing is compiled again. An address of 0 is that of nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from pfmap.errors import SettingsError

MOST = 256
"""Activations that a process may add."""

VALUE, SLOPE, SINGLE = 0, 1, 2
SIGNATURES = (
    types.float64(types.int64, types.float64),
    types.float64(types.int64, types.float64, types.float64),
    types.float32(types.int64, types.float32),
)
"""Of a value, a slope and a value in float32, the degree first."""

_NAME = "pfmap_registered_functions"
_TABLE = np.zeros((MOST, len(SIGNATURES)), dtype=np.int64)
_KEPT: dict[tuple[int, int], tuple[Callable[..., Any] | None, Any]] = {}
llvm.add_symbol(_NAME, _TABLE.ctypes.data)


def register(slot: int, functions: tuple[Callable[..., Any] | None, ...]) -> None:
    """Compile a value, a slope and a value in float32 and put their addresses at `slot`.

    Raises
    ------
    SettingsError
        If there are too many.
    """
    if slot >= MOST:
        raise SettingsError(f"activation: at most {MOST} may be added, got {slot + 1}")
    for kind, function in enumerate(functions):
        if (slot, kind) in _KEPT and _KEPT[slot, kind][0] is function:
            continue
        compiled = function and numba.cfunc(SIGNATURES[kind], error_model="numpy")(function)
        _TABLE[slot, kind] = compiled.address if compiled else 0
        _KEPT[slot, kind] = function, compiled


@intrinsic
def address_of(typingctx, slot, kind):
    """Address of a function in the table; 0 where there is none."""

    def codegen(context, builder, signature, arguments):
        table_type = ir.ArrayType(ir.IntType(64), _TABLE.size)
        if _NAME in builder.module.globals:
            table = builder.module.globals[_NAME]
        else:
            table = cgutils.add_global_variable(builder.module, table_type, _NAME)
            table.linkage = "external"
        slot, kind = arguments
        place = builder.add(builder.mul(slot, ir.Constant(slot.type, len(SIGNATURES))), kind)
        zero = ir.Constant(place.type, 0)
        return builder.load(builder.gep(table, [zero, place]))

    return types.int64(types.int64, types.int64), codegen


def _at_address(signature: Any) -> Any:
    """Typing and code of a call of a function of a signature at an address."""

    def codegen(context, builder, _signature, arguments):
        inputs = [context.get_value_type(kind) for kind in signature.args]
        function = ir.FunctionType(context.get_value_type(signature.return_type), inputs)
        return builder.call(builder.inttoptr(arguments[0], function.as_pointer()), arguments[1:])

    return signature.return_type(types.int64, *signature.args), codegen


@intrinsic
def call_value(typingctx, address, degree, x):
    """The value at x by the function at an address."""
    return _at_address(SIGNATURES[VALUE])


@intrinsic
def call_slope(typingctx, address, degree, x, y):
    """The slope at x, where the value is y, by the function at an address."""
    return _at_address(SIGNATURES[SLOPE])


@intrinsic
def call_single(typingctx, address, degree, x):
    """The value at x in float32 by the function at an address."""
    return _at_address(SIGNATURES[SINGLE])
