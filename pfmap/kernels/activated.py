"""An activation over an array."""

from __future__ import annotations

from ._jit import jit
from .activation import activate


@jit
def activate_all(code, degree, values, out):
    """Write s(values[i]) of activation `code` to out[i], both of shape (n,)."""
    for i in range(values.size):
        out[i] = activate(code, degree, values[i])
