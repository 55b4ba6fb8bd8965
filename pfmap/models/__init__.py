"""Models: parameters to outputs on the domain, and the gradient of the loss."""

from pfmap.doors import open_door

_HOMES = {
    "CompiledModel": "pfmap.models.base:CompiledModel",
    "ForeignModel": "pfmap.models.foreign.found:ForeignModel",
    "OwnLoss": "pfmap.models.own:OwnLoss",
    "OwnModel": "pfmap.models.own:OwnModel",
    "Program": "pfmap.models.program:Program",
    "ProgramModel": "pfmap.models.program_model:ProgramModel",
    "attention_model": "pfmap.models.attention:attention_model",
    "check_gradient": "pfmap.models.own:check_gradient",
    "convolution_model": "pfmap.models.convolution:convolution_model",
    "deep_linear_model": "pfmap.models.linear:deep_linear_model",
    "gaussian_model": "pfmap.models.polynomial:gaussian_model",
    "network_model": "pfmap.models.network:network_model",
    "padded_identity": "pfmap.models.linear:padded_identity",
    "polynomial_model": "pfmap.models.polynomial:polynomial_model",
    "polynomial_net_model": "pfmap.models.polynomial_net:polynomial_net_model",
    "random_features_model": "pfmap.models.random_features:random_features_model",
    "residual_model": "pfmap.models.residual:residual_model",
}

__all__ = [
    "CompiledModel",
    "ForeignModel",
    "OwnLoss",
    "OwnModel",
    "Program",
    "ProgramModel",
    "attention_model",
    "check_gradient",
    "convolution_model",
    "deep_linear_model",
    "gaussian_model",
    "network_model",
    "padded_identity",
    "polynomial_model",
    "polynomial_net_model",
    "random_features_model",
    "residual_model",
]

__getattr__, __dir__ = open_door(__name__, _HOMES)
