"""How good the estimates are: models with known λ and m, estimated and compared."""
