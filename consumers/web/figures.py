"""What a process that serves counts of itself."""

from __future__ import annotations

from msgspec import Struct


class Figures(Struct, frozen=True):
    """What was done since the process began, and how it is now.

    Attributes:
        answered_2xx, answered_3xx, answered_4xx, answered_5xx: Requests by the class of their status; a stream's
            counts once it has ended.
        streams: Open now.
        streams_shed: Sent away, as there was no room.
        slow_clients_cut: Cut, as they did not read.
        frames_written: How often news was written to one who listens: one write may hold several changes.
        kept_bytes: What the answers take that are kept.
        answers_kept, answers_made, answers_shared: How often an answer was there, was made anew, and was waited for that another
            request had asked for.
        is_following: 1 if the view is followed now, else 0.
    """

    answered_2xx: float = 0
    answered_3xx: float = 0
    answered_4xx: float = 0
    answered_5xx: float = 0
    streams: float = 0
    streams_shed: float = 0
    slow_clients_cut: float = 0
    frames_written: float = 0
    kept_bytes: float = 0
    answers_kept: float = 0
    answers_made: float = 0
    answers_shared: float = 0
    is_following: float = 0
