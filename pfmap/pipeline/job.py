"""What every stage gets: the campaign, its folder, threads, and whom to tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property

from pfmap.execution import StopRequest
from pfmap.execution.cluster import Cluster
from pfmap.sampling import SamplingPlan, plan_sampling
from pfmap.settings.campaign import Campaign
from pfmap.store import CampaignFolder

from .report import Progress, Reporter

_PROGRESS_EVERY_S = 0.05


@dataclass
class Job:
    """One run of a campaign.

    Attributes
    ----------
    campaign : Campaign
        Settings.
    files : CampaignFolder
        Folder of the campaign, locked.
    threads : int
        Threads of the kernels.
    reporter : Reporter
        Told what happens.
    stop : StopRequest
        Whether the user asked to stop.
    memory : int or None
        Budget in bytes; None is half of the machine's memory. No result depends on it.
    cluster : Cluster or None
        Workers elsewhere; None: the threads of this process do everything.
    staging : str
        Where workers leave shards that do not see the folder; empty: they send them.
    blocks : range or None
        Blocks to draw; None: all.
    repaired : list of str
        Files found damaged and made again.
    drawn : int
        Blocks that the stage ``sample`` drew in this run.
    """

    campaign: Campaign
    files: CampaignFolder
    threads: int
    reporter: Reporter
    stop: StopRequest
    memory: int | None = None
    cluster: Cluster | None = None
    staging: str = ""
    blocks: range | None = None
    repaired: list[str] = field(default_factory=list)
    drawn: int = 0

    @cached_property
    def plan(self) -> SamplingPlan:
        """The campaign as arrays."""
        return plan_sampling(self.campaign)

    @property
    def notes(self) -> dict[str, str]:
        """What the metadata of every table says about its campaign."""
        return {
            "pfmap_campaign": self.campaign.digest(),
            "pfmap_draws": str(self.campaign.draws),
        }

    def progress(self, stage: str) -> Progress:
        """A progress callback of `stage`, thinned out so that tight loops can call it."""
        last = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal last
            now = time.perf_counter()
            if done >= total or now - last > _PROGRESS_EVERY_S:
                last = now
                self.reporter.progress(stage, done, total)

        return tell
