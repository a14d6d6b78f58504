"""Versions and aliases: what Fairlead asks of a registry."""
