"""Correlations of normal pairs, which moments in closed form need."""

from __future__ import annotations

import numpy as np


def correlation(sd_u: np.ndarray, sd_v: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """ρ of pairs with these standard deviations and covariances, 0 where one is constant."""
    both = sd_u * sd_v
    return np.clip(np.divide(cov, both, out=np.zeros_like(cov), where=both > 0.0), -1.0, 1.0)


def cosine_and_angle(
    u: np.ndarray, v: np.ndarray, cov: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosine, sine and angle θ in [0, π] between pairs, from var u, var v and cov(u, v)."""
    cosine = correlation(np.sqrt(u), np.sqrt(v), cov)
    sine = np.sqrt((1.0 - cosine) * (1.0 + cosine))
    return cosine, sine, np.arctan2(sine, cosine)
