"""Which draws of a function the llc stage examines, against counting every draw."""

import numpy as np
import pandas as pd
import pytest

from pfmap import pipeline, sampling
from pfmap.errors import DataError
from pfmap.execution import StopRequest
from pfmap.functions.keys import keys_from_words
from pfmap.pipeline.job import Job
from pfmap.pipeline.stages import llc as llc_stage
from pfmap.pipeline.stages.llc import check_draws, choose_draws
from pfmap.settings.campaign import Campaign
from pfmap.settings.network import Network
from pfmap.settings.sections import Llc
from pfmap.store import CampaignFolder, read_table

LIMIT = 4
EXACT = Campaign(
    draws=3000,
    block_draws=512,
    network=Network(widths=(5, 8, 1)),
    llc=Llc(draws_per_function=LIMIT),
)
HASHED = EXACT.model_copy(
    update={"network": Network(widths=(9, 3, 1)), "draws": 900, "block_draws": 256}
)


def sampled(campaign: Campaign, folder) -> tuple[Job, pd.DataFrame]:
    """A sampled campaign, and its functions with every one of their draws."""
    pipeline.run(campaign, folder, stages=["sample"])
    job = Job(campaign, CampaignFolder(folder), 1, pipeline.SilentReporter(), StopRequest())
    words = sampling.words_of_draws(job.plan, np.arange(campaign.draws))
    keys = keys_from_words(words, campaign.n_points, campaign.exact_keys)
    return job, pd.DataFrame({"function": keys, "draw": np.arange(campaign.draws)})


@pytest.mark.parametrize("campaign", [EXACT, HASHED], ids=["exact", "hashed"])
def test_chosen_draws_are_draws_of_their_function_and_as_many_as_there_are(campaign, tmp_path):
    job, every = sampled(campaign, tmp_path)
    counts = read_table(tmp_path, "counts").to_pandas()
    functions = counts["function"][:60]
    chosen = choose_draws(job, functions)
    assert chosen["function"].drop_duplicates().tolist() == functions.tolist()
    assert len(chosen.merge(every)) == len(chosen)
    assert not chosen.duplicated().any()
    grouped = chosen.groupby("function", sort=False)["draw"]
    assert grouped.count().tolist() == np.minimum(counts["count"][:60], LIMIT).tolist()
    assert grouped.min().tolist() == counts["first_draw"][:60].tolist()
    assert grouped.apply(lambda draws: draws.is_monotonic_increasing).all()


def test_only_blocks_that_are_needed_are_drawn_again(tmp_path, monkeypatch):
    job, every = sampled(EXACT, tmp_path)
    again: list[int] = []
    real = sampling.find_draws

    def spy(plan, words, blocks, **settings):
        again.extend(blocks)
        return real(plan, words, blocks, **settings)

    monkeypatch.setattr(llc_stage.sampling, "find_draws", spy)
    blocks = every["draw"] // EXACT.block_draws
    spread = every.assign(block=blocks).groupby("function")["block"].agg(["nunique", "count"])
    everywhere = spread.index[spread["nunique"] >= LIMIT]
    choose_draws(job, pd.Series(everywhere))
    assert again == []  # the first draws of enough blocks stand in their shards
    once = spread.index[spread["count"] == 1]
    choose_draws(job, pd.Series(once))
    assert again == []
    rare = spread.index[(spread["nunique"] == 1) & (spread["count"] > 1)]
    choose_draws(job, pd.Series(rare[:1]))
    assert len(again) == 1


def test_a_draw_that_expresses_another_function_is_refused(tmp_path):
    job, every = sampled(EXACT, tmp_path)
    check_draws(job, every[:20])
    swapped = every[:20].assign(draw=every["draw"].to_numpy()[20:0:-1])
    with pytest.raises(DataError, match=r"draw 20: expresses another function than"):
        check_draws(job, swapped)
