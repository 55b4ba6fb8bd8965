"""Arrays without counts of their references.

Numba counts references of every array that is taken out of a tuple or sliced, by instructions that
lock a line of memory; in short loops over few points they cost more than the arithmetic.
"""

from __future__ import annotations

from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_untracked
from numba.extending import intrinsic


@intrinsic
def borrowed(typingctx, value):
    """`value` with every array in it, tuples in tuples included, without an owner.

    The caller must keep `value` until the last use: arguments of the calling kernel are kept.
    """

    def codegen(context, builder, signature, arguments):
        found = _disown(context, builder, value, arguments[0])
        return impl_ret_untracked(context, builder, value, found)

    return value(value), codegen


def _disown(context, builder, kind, value):
    """The same value, with null in place of the owners of arrays."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value=value)
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = cgutils.get_null_value(array.parent.type)
        return array._getvalue()
    if isinstance(kind, types.BaseTuple):
        parts = cgutils.unpack_tuple(builder, value, len(kind))
        kept = [_disown(context, builder, *part) for part in zip(kind, parts, strict=True)]
        return context.make_tuple(builder, kind, kept)
    return value
