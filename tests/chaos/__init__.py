"""Faults on purpose: servers and processes are killed, paused and emptied while events flow; then the view is compared."""
