"""The kernel: covariance of a network's outputs in the limit of infinitely many hidden units."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pfmap.activations import facts_of
from pfmap.errors import SettingsError
from pfmap.kernel_limit.moments import product_moments
from pfmap.settings.prior import layer_sds

if TYPE_CHECKING:
    from pfmap.settings.campaign import Campaign

MAX_VARIANCE = 1e100
"""Products of two variances stay finite."""


def limit_covariance(campaign: Campaign) -> np.ndarray:
    """Covariance C of the outputs over the points of a campaign, at infinite width.

    The units of a layer are independent given the layer below, so that with more and more of them
    the outputs become a Gaussian process of mean 0 (Neal 1996, Lee et al. 2018):

        C_1(x, x') = σ_b² + σ_w² x·x'/n_0,    C_{l+1} = σ_b² + σ_w² E[s(u) s(v)],

    (u, v) normal with the covariance C_l of the points x and x', n_0 the number of inputs, s the
    activation. σ_w and σ_b are the prior's: those of the output layer in the last step. A bias
    whose standard deviation falls with the width (bias_scale ``width``, or ``fan_in`` above a
    hidden layer) vanishes in the limit.

    Parameters
    ----------
    campaign : Campaign
        Network, prior and domain; the hidden widths play no part, their number does.

    Returns
    -------
    ndarray of float64, shape (points, points)
        Of the outputs before the output activation. Without hidden layers it is the perceptron's
        own covariance.

    Raises
    ------
    SettingsError
        If the law is not normal (first-layer sums over few inputs are then not normal at any
        width), hidden weights do not shrink with the width, so that there is no limit, or the
        variances grow beyond 1e100.
    DataError
        If an activation cannot be integrated.

    References
    ----------
    Neal, R. M. (1996), Priors for infinite networks. Lee, J. et al. (2018), Deep neural networks as
    Gaussian processes, ICLR (arXiv 1711.00165), eqs. 4-6.

    Examples
    --------
    >>> from pfmap.settings.campaign import Campaign
    >>> from pfmap.settings.network import Network
    >>> from pfmap.settings.prior import Prior
    >>> campaign = Campaign(network=Network(widths=(2, 64, 1)), prior=Prior())
    >>> limit_covariance(campaign).round(3)
    array([[1.5  , 1.515, 1.515, 1.534],
           [1.515, 1.75 , 1.544, 1.763],
           [1.515, 1.544, 1.75 , 1.763],
           [1.534, 1.763, 1.763, 2.   ]])
    """
    network, prior = campaign.dense, campaign.prior
    if prior.law != "normal":
        raise SettingsError(
            f"prior.law: must be normal for the limit of infinite width, got {prior.law}",
            next_step="choose a prior of the normal law, such as gaussian",
        )
    inputs = network.widths[0]
    deep = len(network.widths) > 2
    if deep and prior.weight_scale != "fan_in":
        raise SettingsError(
            "prior.weight_scale: must be fan_in for the limit of infinite width, got "
            f"{prior.weight_scale}: the outputs grow without bound",
            next_step="set prior.weight_scale to fan_in",
        )
    weight_sds, _ = layer_sds(network.widths, network.bias, prior)
    limit = (inputs, *[math.inf] * (len(network.widths) - 2), 1)
    _, bias_sds = layer_sds(limit, network.bias, prior)
    points = campaign.points
    with np.errstate(over="ignore", invalid="ignore"):
        return _layers(campaign, points, weight_sds, bias_sds)


def _layers(
    campaign: Campaign, points: np.ndarray, weight_sds: np.ndarray, bias_sds: np.ndarray
) -> np.ndarray:
    """The covariance, layer by layer."""
    network = campaign.dense
    covariance = bias_sds[0] ** 2 + weight_sds[0] ** 2 * (points @ points.T)
    rows, columns = np.triu_indices(len(points))
    for below, weight_sd, bias_sd in zip(
        network.widths[1:-1], weight_sds[1:], bias_sds[1:], strict=True
    ):
        _check_finite(covariance)
        variances = np.diag(covariance)
        pairs = variances[rows], variances[columns], covariance[rows, columns]
        moments = product_moments(network.activation, network.degree, *pairs)
        covariance = np.empty_like(covariance)
        covariance[rows, columns] = bias_sd**2 + below * weight_sd**2 * moments
        covariance[columns, rows] = covariance[rows, columns]
    _check_finite(covariance)
    return covariance


def _check_finite(covariance: np.ndarray) -> None:
    if not (np.abs(covariance) < MAX_VARIANCE).all():
        raise SettingsError(
            f"prior: variances of the outputs must stay below {MAX_VARIANCE:g} in every layer",
            next_step="use smaller scales of the prior, or fewer layers",
        )


def check_signs(campaign: Campaign) -> None:
    """Refuse campaigns whose function is not that of the signs of the covariance's process.

    Raises
    ------
    SettingsError
        If the readout is not that of signs, or the output activation does not keep them.
    """
    if campaign.readout.kind != "sign":
        raise SettingsError(
            f"readout: must be sign for a Boolean function, got {campaign.readout.kind}"
        )
    output = facts_of(campaign.dense.output_activation, campaign.dense.degree)
    if not output.keeps_sign:
        raise SettingsError(
            f"network.output_activation: must keep the sign of the output, got {output.formula}",
            next_step="set it to linear",
        )
