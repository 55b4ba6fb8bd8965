"""Softmax attention of rows, any number of heads, with a mask that says what is seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from pfmap.models.program import Rows

from .torch_values import Canvas, NoCounterpart


def mixed(
    canvas: Canvas, query: Rows, key: Rows, value: Rows, *, mask: Any = None, scale: Any = None
) -> Rows:
    """Σ_s softmax_s(c q_t · k_s) v_s of rows of shape (…, T, D), (…, S, D) and (…, S, E).

    Parameters
    ----------
    canvas : Canvas
    query, key, value : ndarray
    mask : torch.Tensor, shape (T, S), optional
        Booleans of what is not seen, or numbers that are 0 or -∞ there.
    scale : float, optional
        c; None is 1/sqrt(D).
    """
    program = canvas.program
    *heads, length, width = query.shape
    seen = _seen(mask, length, key.shape[-2])
    factor = 1.0 / math.sqrt(width) if scale is None else float(scale)
    t, s = np.nonzero(seen)
    ends = np.cumsum(seen.sum(axis=1))
    out = []
    for q, k, v in zip(*(_flat(rows) for rows in (query, key, value)), strict=True):
        scores = program.products(q[t], k[s], scale=factor)
        shares = program.softmax(np.split(scores, ends[:-1]))
        mixtures = [
            program.products(np.tile(share, (v.shape[1], 1)), v[seen[at]].T)
            for at, share in enumerate(shares)
        ]
        out.append(np.stack(mixtures))
    return np.stack(out).reshape(*heads, length, value.shape[-1])


def _flat(rows: Rows) -> Rows:
    """Heads along one axis."""
    return rows.reshape(-1, *rows.shape[-2:])


def _seen(mask: Any, length: int, sources: int) -> np.ndarray:
    """Which source every position sees, booleans of shape (T, S)."""
    if mask is None:
        return np.ones((length, sources), dtype=bool)
    if not isinstance(mask, torch.Tensor) or mask.requires_grad or mask.shape != (length, sources):
        raise NoCounterpart("a mask that is no constant of shape (T, S)")
    hidden = mask if mask.dtype == torch.bool else torch.isneginf(mask)
    if mask.dtype != torch.bool and bool((mask[~hidden] != 0).any()):
        raise NoCounterpart("a mask that adds numbers other than 0 and -inf")
    if bool(hidden.all(dim=1).any()):
        raise NoCounterpart("a mask by which a position sees nothing")
    return ~hidden.numpy()
