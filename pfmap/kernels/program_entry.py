"""The interpreter as one compiled function behind an address, so that no caller compiles it again.

A kernel that called `run_program` would hold a copy of it: seconds of compilation for every engine.
Instead `call_program` calls through a cell in memory that kernels know by its name. At first the
cell leads to Python, which compiles the interpreter, or loads it from the cache, and puts its
address into the cell.
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

from llvmlite import binding, ir
from numba import carray, types
from numba.core import config
from numba.core.ccallback import CFunc
from numba.extending import intrinsic

from ._cache import KernelCache
from ._jit import kernel_folder
from .program import run_program

_CELL_NAME = "pfmap_program_entry"
_SIGNATURE = types.void(
    types.int64, types.CPointer(types.int64), types.int64,
    *[types.CPointer(types.float64), types.int64] * 5,
)  # fmt: skip


def _entry(
    task, ints, n_ints, floats, n_floats, weights, d, vector, n_vector, gradient, n_gradient,
    scratch, n_scratch,
):  # fmt: skip
    run_program(
        task,
        carray(ints, (n_ints,)),
        carray(floats, (n_floats,)),
        carray(weights, (d,)),
        carray(vector, (n_vector,)),
        carray(gradient, (n_gradient,)),
        carray(scratch, (n_scratch,)),
    )


_loaded: list[Any] = []  # compiled functions live as long as something holds them


def load_program() -> int:
    """Compile the interpreter, or load it from the cache, and point the cell at it."""
    if not _loaded:
        function = CFunc(
            _entry, (_SIGNATURE.args, _SIGNATURE.return_type), {}, {"error_model": "numpy"}
        )
        folder = None if config.DISABLE_JIT else kernel_folder(__name__.rpartition(".")[2])
        if folder:
            setattr(function, "_cache", KernelCache(_entry, folder))  # noqa: B010
        function.compile()
        _loaded.append(function)
    _cell.value = _loaded[0].address
    return _cell.value


_PROTOTYPE = ctypes.CFUNCTYPE(
    None, ctypes.c_int64, *[kind for _ in range(6) for kind in (ctypes.c_void_p, ctypes.c_int64)]
)


@_PROTOTYPE
def _first_call(*arguments: Any) -> None:
    """Load the interpreter and go on; results are NaN where it cannot be loaded, never unset."""
    try:
        _PROTOTYPE(load_program())(*arguments)
    except BaseException:
        for place, size in (arguments[7:9], arguments[9:11]):  # outputs and gradient
            numbers = ctypes.cast(place, ctypes.POINTER(ctypes.c_double))
            for i in range(size):
                numbers[i] = math.nan
        raise


_cell = ctypes.c_int64(ctypes.cast(_first_call, ctypes.c_void_p).value or 0)
binding.add_symbol(_CELL_NAME, ctypes.addressof(_cell))


@intrinsic
def call_program(typingctx, task, ints, floats, weights, vector, gradient, scratch):
    """`run_program` through the cell."""

    def codegen(context, builder, signature, arguments):
        word, byte = ir.IntType(64), ir.IntType(8).as_pointer()
        cell = builder.module.globals.get(_CELL_NAME)
        if cell is None:
            cell = ir.GlobalVariable(builder.module, word, _CELL_NAME)
            cell.linkage = "external"
        passed = [context.cast(builder, arguments[0], signature.args[0], types.int64)]
        for kind, argument in zip(signature.args[1:], arguments[1:], strict=True):
            array = context.make_array(kind)(context, builder, argument)
            passed += [builder.bitcast(array.data, byte), array.nitems]
        kinds = [word, *[byte, word] * 6]
        entry = builder.inttoptr(
            builder.load(cell), ir.FunctionType(ir.VoidType(), kinds).as_pointer()
        )
        builder.call(entry, passed)
        return context.get_dummy_value()

    arguments = (task, ints, floats, weights, vector, gradient, scratch)
    return types.void(*arguments), codegen
