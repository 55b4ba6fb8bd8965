"""Boolean functions written as expressions of their inputs."""

from __future__ import annotations

import ast
import re

import numpy as np

from pfmap.errors import SettingsError
from pfmap.settings.domain import boolean_points

_INPUT = re.compile(r"x([0-9]{1,3})")
_RULE = "an expression is made of x1, x2, …, 0, 1, and, or, not, &, |, ^, ~ and parentheses"


def is_expression(text: str) -> bool:
    """Whether a text names an input.

    Examples
    --------
    >>> [is_expression(text) for text in ("x1 & ~x2", "xor2", "0x17", "majority")]
    [True, False, False, False]
    """
    return bool(re.search(r"\bx[0-9]", text.lower()))


def table_from_expression(text: str, n_inputs: int) -> np.ndarray:
    """Truth table of an expression of the inputs x1 … xn, x1 the most significant bit.

    ``~`` binds before ``&``, that before ``^``, that before ``|``; ``not``, ``and`` and ``or``
    come last, as in Python.

    Parameters
    ----------
    text : str
        Such as ``x1 & (x2 | ~x3)`` or ``x1 and not x2``.
    n_inputs : int
        n.

    Returns
    -------
    ndarray of bool, shape (2^n,)

    Raises
    ------
    SettingsError
        If it is no such expression, or names an input that there is not.

    Examples
    --------
    >>> table_from_expression("x1 ^ x2", 2).tolist()
    [False, True, True, False]
    >>> table_from_expression("x1 and not x2", 2).tolist()
    [False, False, True, False]
    """
    points = boolean_points(n_inputs).astype(bool)
    try:
        tree = ast.parse(text.strip().lower(), mode="eval")
        return _value(tree.body, points)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise SettingsError(f"function: {_RULE}, got {text[:200]!r}") from None


def _value(node: ast.expr, points: np.ndarray) -> np.ndarray:
    """Value of a part of an expression at every point."""
    match node:
        case ast.Name(id=name) if found := _INPUT.fullmatch(name):
            number = int(found[1])
            if not 1 <= number <= points.shape[1]:
                raise SettingsError(
                    f"function: inputs are x1 … x{points.shape[1]}, got {name}",
                    next_step="x1 is the first, most significant input bit",
                )
            return points[:, number - 1]
        case ast.Constant(value=0 | 1 as bit):
            return np.full(len(points), bool(bit))
        case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=inner):
            return ~_value(inner, points)
        case ast.BinOp(left=left, op=ast.BitAnd(), right=right):
            return _value(left, points) & _value(right, points)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _value(left, points) | _value(right, points)
        case ast.BinOp(left=left, op=ast.BitXor(), right=right):
            return _value(left, points) ^ _value(right, points)
        case ast.BoolOp(op=operator, values=parts):
            join = np.logical_and if isinstance(operator, ast.And) else np.logical_or
            return np.asarray(join.reduce([_value(part, points) for part in parts]))
    raise ValueError("not a Boolean expression")
