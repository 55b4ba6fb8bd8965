"""Local learning coefficients: ranks, samplers, estimators, diagnostics."""
