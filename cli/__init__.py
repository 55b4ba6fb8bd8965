"""Command line of pfmap: one file a command."""
