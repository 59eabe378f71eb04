"""Who speaks: desks append events to the log."""

from producers.desk import Desk, Receipt

__all__ = ["Desk", "Receipt"]
