"""What a Python session holds of a campaign: its tables, functions, weights and figures.

A room above the pipeline, since it reads what every stage wrote, draws figures, and runs stages
again; nothing below needs it.
"""

from pfmap.opened.campaign import OpenedCampaign, open_campaign
from pfmap.opened.function import FunctionRecord
from pfmap.opened.running import run

__all__ = ["FunctionRecord", "OpenedCampaign", "open_campaign", "run"]
