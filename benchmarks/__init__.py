"""One command, one table: `make bench` (QUICK=1 for a short one). Every figure has a peer or ceiling of the same run."""
