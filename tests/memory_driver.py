"""Volumes of (3,4,1) networks under both laws, printed for `test_volume_memory`."""

from __future__ import annotations

import numpy as np

from pfmap.models.polynomial import polynomial_model
from pfmap.sampling import plan_sampling
from pfmap.settings.read import campaign_from_mapping
from pfmap.volume import Settings, estimate_volume, loss_target, sign_target


def main() -> None:
    """Estimate and print."""
    settings = Settings(chains=16, steps=8, runs=2, max_levels=12, lowest=1e-3)
    targets = [loss_target(polynomial_model([[1, 1]]), name="w1 w2")]
    for law in ("normal", "uniform"):
        prior = {"law": law}
        plan = plan_sampling(
            campaign_from_mapping({"network": {"widths": [3, 4, 1]}, "prior": prior})
        )
        for code in range(1, 256, 23):
            bits = np.unpackbits(np.array([code], dtype=np.uint8))
            targets.append(sign_target(plan, np.where(bits == 1, 1.0, -1.0), name=f"{code:02x}"))
    for target in targets:
        print(target.name, repr(estimate_volume(target, settings, threads=1).log2_p))


if __name__ == "__main__":
    main()
