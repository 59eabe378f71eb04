"""What tests of a whole deployment need that run on both logs."""

from __future__ import annotations

import pytest

on_both_logs = pytest.mark.parametrize("log_url", ["sqlite", "kafka"], indirect=True)
"""Has a test run once on a file and once on Kafka; `log_url` is the log's."""
