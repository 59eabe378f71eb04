"""Dateline: the engine behind a newsroom's live-updates page."""

__version__ = "0.1.0"
