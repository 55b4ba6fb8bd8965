"""What workers of a cluster do: one block, one learning coefficient, one run of a splitting.

Each is a function of its arguments alone. Nothing of a campaign's folder is needed but for the
shards, and these find another way if a worker does not see it.
"""

from __future__ import annotations

import atexit
import secrets
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pfmap.errors import EnvironmentFault
from pfmap.llc.blas import keep_one_blas_thread
from pfmap.llc.stage import Request, estimate_request
from pfmap.reading import read_bytes
from pfmap.sampling import SamplingPlan, plan_sampling, sample_blocks
from pfmap.settings.campaign import Campaign
from pfmap.settings.domain import PointsDomain
from pfmap.store import CampaignFolder
from pfmap.store.atomic import write_bytes
from pfmap.store.journal import BlockEntry
from pfmap.volume import Settings, Target, sign_target
from pfmap.volume.curves import Wanted, function_target
from pfmap.volume.severities import choose_levels
from pfmap.volume.splitting import Levels, Run, run_levels

from .shards import write_shard


@dataclass(frozen=True)
class SentCampaign:
    """A campaign as it travels: its settings as JSON, and the points of a file with them."""

    settings: str
    points: bytes = b""


@dataclass(frozen=True)
class Place:
    """Where a worker leaves a shard.

    Attributes
    ----------
    folder : str
        The campaign's folder, where workers see it.
    token : str
        Name of a file in it: who sees that, sees the folder.
    staging : str
        Location, of any kind that fsspec knows, for workers who do not; empty: they send the shard
        back.
    """

    folder: str
    token: str
    staging: str = ""


class Drawn(NamedTuple):
    """A block that a worker drew.

    Attributes
    ----------
    entry : BlockEntry
        The journal's line.
    content : bytes
        The shard, if it is sent; else empty.
    staged : str
        Where the shard waits, if it was staged; if neither, it is in its place.
    """

    entry: BlockEntry
    content: bytes = b""
    staged: str = ""


def sent(campaign: Campaign) -> SentCampaign:
    """`campaign`, ready to travel.

    Examples
    --------
    >>> campaign_here(sent(Campaign(draws=5))) == Campaign(draws=5)
    True
    """
    points = b""
    if isinstance(campaign.domain, PointsDomain):
        points = read_bytes(
            Path(campaign.domain.file),
            kind="Parquet or .npy",
            argument="domain.file",
            next_step="write a Parquet table or a .npy array of shape (points, inputs)",
        )
    return SentCampaign(campaign.model_dump_json(), points)


@lru_cache(maxsize=4)
def campaign_here(sent: SentCampaign) -> Campaign:
    """The campaign that was sent; points of a file lie in a temporary file of this process."""
    campaign = Campaign.model_validate_json(sent.settings)
    if not sent.points:
        return campaign
    folder = Path(tempfile.mkdtemp(prefix="pfmap-points-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "domain.npy"
    write_bytes(path, sent.points)
    domain = campaign.domain.model_copy(update={"file": str(path)})
    return campaign.model_copy(update={"domain": domain})


@lru_cache(maxsize=4)
def plan_here(sent: SentCampaign) -> SamplingPlan:
    """The campaign that was sent, laid out for the kernels."""
    return plan_sampling(campaign_here(sent))


def draw_block(
    campaign: SentCampaign, block_index: int, place: Place, notes: dict[str, str]
) -> Drawn:
    """Draw a block and leave its shard in its place, at the staging location, or in the result."""
    began = time.perf_counter()
    (tally,) = sample_blocks(plan_here(campaign), [block_index], threads=1)
    elapsed_s = time.perf_counter() - began
    here = campaign_here(campaign)
    folder = Path(place.folder)
    if (folder / place.token).is_file():
        return Drawn(write_shard(CampaignFolder(folder), here, tally, notes, elapsed_s))
    with tempfile.TemporaryDirectory(prefix="pfmap-shard-") as scratch:
        files = CampaignFolder(Path(scratch))
        entry = write_shard(files, here, tally, notes, elapsed_s)
        content = files.shard(block_index).read_bytes()
    if not place.staging:
        return Drawn(entry, content)
    return Drawn(entry, staged=stage(place, entry, content))


def stage(place: Place, entry: BlockEntry, content: bytes) -> str:
    """Leave a shard at the staging location, under a name of its own; where it waits."""
    import fsspec

    where = f"{staged_by(place)}{Path(entry.shard).stem}-{secrets.token_hex(4)}.parquet"
    try:
        with fsspec.open(where, "wb", auto_mkdir=True) as file:
            file.write(content)
    except (OSError, ValueError, ImportError) as error:
        raise EnvironmentFault(
            f"staging: a worker cannot write {where}: {error}",
            next_step="choose a location that all workers can write",
        ) from error
    return where


def staged_by(place: Place) -> str:
    """How the names of all begin that a run leaves at the staging location.

    Examples
    --------
    >>> staged_by(Place("results/a", ".12ab.pfmap-tmp", "s3://bucket/x/"))
    's3://bucket/x/12ab-'
    """
    token = place.token.strip(".").partition(".")[0]
    return f"{place.staging.rstrip('/')}/{token}-"


def estimate(campaign: SentCampaign, request: Request) -> Any:
    """Rows of a learning coefficient."""
    keep_one_blas_thread()
    return estimate_request(campaign_here(campaign), request)


def find_pilot(
    campaign: SentCampaign, key: str, signs: np.ndarray, loss: str, settings: Settings
) -> Levels:
    """The pilot of a splitting."""
    with ThreadPoolExecutor(1) as pool:
        return choose_levels(_target(campaign, key, signs, loss), settings, pool)


def make_run(
    campaign: SentCampaign,
    key: str,
    signs: np.ndarray,
    loss: str,
    settings: Settings,
    levels: Levels,
    number: int,
) -> Run:
    """One run at the levels of the pilot."""
    with ThreadPoolExecutor(1) as pool:
        return run_levels(_target(campaign, key, signs, loss), levels, settings, number, pool)


def _target(campaign: SentCampaign, key: str, signs: np.ndarray, loss: str) -> Target:
    """The signs themselves, or the squared error to them."""
    if loss == "squared":
        return function_target(campaign_here(campaign), Wanted(key, signs))
    return sign_target(plan_here(campaign), signs, name=key)
