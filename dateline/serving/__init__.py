"""Processes and connections of `dateline serve`."""
