"""Settings of a campaign: its file and sections, prior and domain, checked and completed."""
