"""Campaign folders: schema, atomic files, journal, provenance, merging, reading back."""

from pfmap.store.folder import (
    CampaignFolder,
    find_functions,
    read_campaign_folder,
    read_table,
)

__all__ = ["CampaignFolder", "find_functions", "read_campaign_folder", "read_table"]
