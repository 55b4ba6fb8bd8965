"""What a Python session holds of a campaign: its tables, functions, weights and figures.

A room above the pipeline, since it reads what every stage wrote, draws figures, and runs stages
again; nothing below needs it.
"""

from pfmap.doors import open_door

_HOMES = {
    "FunctionRecord": "pfmap.opened.function:FunctionRecord",
    "OpenedCampaign": "pfmap.opened.campaign:OpenedCampaign",
    "open_campaign": "pfmap.opened.campaign:open_campaign",
    "run": "pfmap.opened.running:run",
}

__all__ = ["FunctionRecord", "OpenedCampaign", "open_campaign", "run"]

__getattr__, __dir__ = open_door(__name__, _HOMES)
