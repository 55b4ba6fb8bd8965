"""Models: parameters to outputs on the domain, and the gradient of the loss."""
