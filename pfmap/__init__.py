"""pfmap measures the map from a network's parameters to the functions it expresses.

What a session in Python needs is here, by noun, and imported when it is first used: ``import
pfmap`` compiles and loads nothing. The rooms behind hold the rest, and are names of this package
too: ``pfmap.activations``, ``analysis``, ``calibration``, ``complexity``, ``exact``,
``function_level``, ``functions``, ``kernel_limit``, ``llc``, ``models``, ``sampling``, ``volume``.

Campaigns

=========================  ==========================================================
`Campaign`                 the settings of a campaign
`campaign_from_mapping`    settings from a nested dict, checked, errors in plain words
`read_campaign`            settings from a campaign file
`named_campaign`           settings of a campaign that ships with pfmap
`campaign_names`           their names
`run`                      run a campaign, or what of it is missing, and open it
`open_campaign`            tables, functions, weights and figures of a folder
`status`                   how far the campaign in a folder is
`verify`                   check everything that a folder holds
`analyze`                  bounds, fits and correlations of tables
`PfmapError`               base of every error raised on purpose
=========================  ==========================================================

Functions

=========================  ==========================================================
`function`                 a Boolean function: name, expression, table or key
`sample_prior`             draw a campaign in memory: every function with its count
`sample_model`             the same of any compiled model
`functions_table`          counts to probabilities, intervals and orbits
`measure_tables`           complexity of truth tables by every measure
`proxy`                    register a complexity measure of your own
=========================  ==========================================================

Prior mass

=========================  ==========================================================
`estimate_probability`     P(f) of one function by splitting, however small
`volume_curve`             prior mass V(t) of a model's losses up to t
`SplittingSettings`        lengths and seed of a splitting
`free_energy`              F(n) and λ_eff(n) of a volume curve
`fit_curve`                λ and m of a volume curve
`training_set`             a function at drawn or given inputs
`sample_posterior`         functions drawn given a training set
`sample_parameters`        parameters drawn given a small loss
=========================  ==========================================================

Learning coefficients

=========================  ==========================================================
`estimate_llc`             λ at a parameter by Langevin chains
`estimate_llc_ladder`      λ and m at a parameter from many temperatures
`exact_llc`                λ and m at a parameter, or bounds, without sampling
`function_llc`             λ_f, the least λ over all weights that express f
`jacobian_rank`            rank of a Jacobian and how clear it is
`simulate_generalisation`  Bayes and Gibbs errors of simulated data sets
`calibrate`                estimators against a suite of known λ and m
=========================  ==========================================================

Models

=========================  ==========================================================
`network`                  a fully connected network with loss, gradient, Jacobian
`polynomial`               outputs linear in monomials of the parameters
`deep_linear`              a product of matrices against a true matrix
`Program`                  a model of your own from layers, products, norms, softmax
`OwnModel`                 your own loss and gradient
`OwnLoss`                  your own loss alone
`check_gradient`           a gradient against differences of its loss
`load_weights`             parameters from a file of another library
`from_torch`               a module of PyTorch as a model with its weights
`from_sklearn`             a network or linear model of scikit-learn, likewise
`to_torch`                 a network or program as a module of PyTorch
=========================  ==========================================================

Examples
--------
>>> import pfmap
>>> counts = pfmap.sample_prior(pfmap.named_campaign("default").model_copy(update={"draws": 100}))
>>> int(counts["count"].sum())
100
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pfmap.doors import open_door

if TYPE_CHECKING:
    from pfmap.analysis import analyze
    from pfmap.calibration.calibrate import calibrate
    from pfmap.complexity import measure_tables, proxy
    from pfmap.errors import PfmapError
    from pfmap.experiments import campaign_names, named_campaign
    from pfmap.function_level import function_llc
    from pfmap.functions import function, functions_table
    from pfmap.llc.estimate import estimate_llc
    from pfmap.llc.exact.bounds import exact_llc
    from pfmap.llc.generalisation import simulate_generalisation
    from pfmap.llc.ladder.estimate import estimate_llc_ladder
    from pfmap.llc.load import load_weights
    from pfmap.llc.rank import jacobian_rank
    from pfmap.models.foreign.from_torch import from_torch
    from pfmap.models.foreign.sklearn import from_sklearn
    from pfmap.models.foreign.to_torch import to_torch
    from pfmap.models.linear import deep_linear_model as deep_linear
    from pfmap.models.network import network_model as network
    from pfmap.models.own import OwnLoss, OwnModel, check_gradient
    from pfmap.models.polynomial import polynomial_model as polynomial
    from pfmap.models.program import Program
    from pfmap.opened.campaign import open_campaign
    from pfmap.opened.running import run
    from pfmap.pipeline import status, verify
    from pfmap.sampling import sample_model, sample_prior
    from pfmap.settings.campaign import Campaign
    from pfmap.settings.read import campaign_from_mapping, read_campaign
    from pfmap.volume import (
        Settings as SplittingSettings,
    )
    from pfmap.volume import (
        estimate_probability,
        fit_curve,
        free_energy,
        sample_parameters,
        sample_posterior,
        training_set,
        volume_curve,
    )

__version__ = "0.1.0"

_HOMES = {
    "Campaign": "pfmap.settings.campaign:Campaign",
    "OwnLoss": "pfmap.models.own:OwnLoss",
    "OwnModel": "pfmap.models.own:OwnModel",
    "PfmapError": "pfmap.errors:PfmapError",
    "Program": "pfmap.models.program:Program",
    "SplittingSettings": "pfmap.volume:Settings",
    "analyze": "pfmap.analysis:analyze",
    "calibrate": "pfmap.calibration.calibrate:calibrate",
    "campaign_from_mapping": "pfmap.settings.read:campaign_from_mapping",
    "campaign_names": "pfmap.experiments:campaign_names",
    "check_gradient": "pfmap.models.own:check_gradient",
    "deep_linear": "pfmap.models.linear:deep_linear_model",
    "estimate_llc": "pfmap.llc.estimate:estimate_llc",
    "estimate_llc_ladder": "pfmap.llc.ladder.estimate:estimate_llc_ladder",
    "estimate_probability": "pfmap.volume:estimate_probability",
    "exact_llc": "pfmap.llc.exact.bounds:exact_llc",
    "fit_curve": "pfmap.volume:fit_curve",
    "free_energy": "pfmap.volume:free_energy",
    "from_sklearn": "pfmap.models.foreign.sklearn:from_sklearn",
    "from_torch": "pfmap.models.foreign.from_torch:from_torch",
    "function": "pfmap.functions:function",
    "function_llc": "pfmap.function_level:function_llc",
    "functions_table": "pfmap.functions:functions_table",
    "jacobian_rank": "pfmap.llc.rank:jacobian_rank",
    "load_weights": "pfmap.llc.load:load_weights",
    "measure_tables": "pfmap.complexity:measure_tables",
    "named_campaign": "pfmap.experiments:named_campaign",
    "network": "pfmap.models.network:network_model",
    "open_campaign": "pfmap.opened:open_campaign",
    "polynomial": "pfmap.models.polynomial:polynomial_model",
    "proxy": "pfmap.complexity:proxy",
    "read_campaign": "pfmap.settings.read:read_campaign",
    "run": "pfmap.opened:run",
    "sample_model": "pfmap.sampling:sample_model",
    "sample_parameters": "pfmap.volume:sample_parameters",
    "sample_posterior": "pfmap.volume:sample_posterior",
    "sample_prior": "pfmap.sampling:sample_prior",
    "simulate_generalisation": "pfmap.llc.generalisation:simulate_generalisation",
    "status": "pfmap.pipeline:status",
    "to_torch": "pfmap.models.foreign.to_torch:to_torch",
    "training_set": "pfmap.volume:training_set",
    "verify": "pfmap.pipeline:verify",
    "volume_curve": "pfmap.volume:volume_curve",
}

_ROOMS = {
    "activations": "pfmap.activations",
    "analysis": "pfmap.analysis",
    "calibration": "pfmap.calibration",
    "complexity": "pfmap.complexity",
    "exact": "pfmap.llc.exact",
    "function_level": "pfmap.function_level",
    "functions": "pfmap.functions",
    "kernel_limit": "pfmap.kernel_limit",
    "llc": "pfmap.llc",
    "models": "pfmap.models",
    "sampling": "pfmap.sampling",
    "volume": "pfmap.volume",
}
"""Rooms whose own public names are more than a first session needs."""

__all__ = [
    "Campaign",
    "OwnLoss",
    "OwnModel",
    "PfmapError",
    "Program",
    "SplittingSettings",
    "analyze",
    "calibrate",
    "campaign_from_mapping",
    "campaign_names",
    "check_gradient",
    "deep_linear",
    "estimate_llc",
    "estimate_llc_ladder",
    "estimate_probability",
    "exact_llc",
    "fit_curve",
    "free_energy",
    "from_sklearn",
    "from_torch",
    "function",
    "function_llc",
    "functions_table",
    "jacobian_rank",
    "load_weights",
    "measure_tables",
    "named_campaign",
    "network",
    "open_campaign",
    "polynomial",
    "proxy",
    "read_campaign",
    "run",
    "sample_model",
    "sample_parameters",
    "sample_posterior",
    "sample_prior",
    "simulate_generalisation",
    "status",
    "to_torch",
    "training_set",
    "verify",
    "volume_curve",
]

__getattr__, __dir__ = open_door(__name__, _HOMES | _ROOMS, also=("__version__",))
