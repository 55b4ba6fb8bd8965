"""Which rows of the tables stand for an orbit."""

from __future__ import annotations

import math

from pfmap.analysis.quantities import counted_orbits
from pfmap.complexity import measure_tables
from pfmap.experiments import named_campaign
from pfmap.functions import functions_table
from pfmap.sampling import sample_prior


def test_the_row_of_an_orbit_is_a_random_member():
    """And the smallest key, which ties in the count would choose, is a simple one."""
    campaign = named_campaign("small").model_copy(update={"draws": 200_000})
    functions = functions_table(sample_prior(campaign), campaign).to_pandas()
    keys = functions["function"].to_list()
    tables = [f"{int(key, 16):032b}" for key in keys]
    functions = functions.assign(lz=measure_tables(tables, ["lz"])["lz"])
    functions = functions[functions["orbit_count"] >= 10]
    first = counted_orbits(functions, 10).set_index("orbit")
    smallest = functions.sort_values("function").drop_duplicates("orbit").set_index("orbit")
    groups = functions.groupby("orbit")["lz"]
    means, variances = groups.mean(), groups.var(ddof=0)
    tolerance = 5 * math.sqrt(variances.sum()) / len(means)
    assert abs((first["lz"] - means).mean()) < tolerance
    assert (smallest["lz"] - means).mean() < -tolerance
