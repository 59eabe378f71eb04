"""When a message is tried again: soon at first, then ever more rarely, for three days."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.notifications.attempt import Attempt, one_line, retry_after
from consumers.notifications.retry import FIRST, LONGEST, LONGEST_ASKED, PATIENCE, Next, after, delay

DOWN = Attempt(503, 0.1, problem="The target answered 503")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def next_of(attempt: Attempt, *, tried: int = 1, now: float = 0.0) -> Next:
    return after(attempt, tried=tried, first_at=0.0, now=now, rng=Random(1))


def test_what_arrived_is_sent() -> None:
    assert next_of(Attempt(204, 0.1)) == Next("sent")
    assert next_of(Attempt(0, 0.1)) == Next("sent"), "a person's message has no status"


@given(st.integers(), st.floats(0, 1e6))
def test_the_first_retry_comes_within_ten_seconds(seed: int, now: float) -> None:
    found = after(DOWN, tried=1, first_at=now, now=now, rng=Random(seed))

    assert found.at is not None
    assert 5.0 <= found.at - now <= FIRST


@given(st.integers(1, 10_000), st.integers())
def test_pauses_stay_within_their_bounds_and_are_the_same_for_the_same_rng(tried: int, seed: int) -> None:
    pause = delay(tried, retry_after_s=None, rng=Random(seed))

    assert 5.0 <= pause <= LONGEST
    assert pause == delay(tried, retry_after_s=None, rng=Random(seed))


def test_pauses_grow_threefold_up_to_an_hour() -> None:
    bounds = [max(delay(tried, retry_after_s=None, rng=Random(seed)) for seed in range(200)) for tried in range(1, 9)]

    assert [round(bound, -1) for bound in bounds[:5]] == [10, 30, 90, 270, 810]
    assert 3500 < bounds[-1] <= LONGEST


@given(st.integers())
def test_a_target_that_is_away_is_tried_for_three_days_and_then_given_up(seed: int) -> None:
    rng, now, tried = Random(seed), 0.0, 1
    while (found := after(DOWN, tried=tried, first_at=0.0, now=now, rng=rng)).what == "retry":
        assert found.at is not None
        assert now < found.at <= PATIENCE
        now, tried = found.at, tried + 1

    assert (found.what, now) == ("gave_up", PATIENCE)
    assert 70 < tried < 200
    assert found.reason == f"No success in {tried} attempts over three days. The target answered 503."


@pytest.mark.parametrize("status", [100, 101, 301, 302, 400, 401, 403, 404, 408, 409, 422, 425, 429, 500, 502, 503, 504, 599])
def test_all_other_answers_are_tried_again(status: int) -> None:
    assert next_of(Attempt(status, 0.1, problem=f"The target answered {status}")).what == "retry"


def test_no_answer_is_tried_again() -> None:
    assert next_of(Attempt(0, 5.0, problem="The target did not answer in time")).what == "retry"


def test_gone_ends_the_subscription() -> None:
    assert next_of(Attempt(410, 0.1, problem="The target answered 410")) == Next("ended", reason="The target answered 410.")


def test_a_message_that_is_too_large_is_given_up_at_once() -> None:
    assert next_of(Attempt(413, 0.1, problem="The target answered 413")).what == "gave_up"


@given(st.floats(0, 1e12), st.integers())
def test_a_receiver_is_left_alone_as_long_as_it_asks_within_reason(asked: float, seed: int) -> None:
    pause = delay(1, retry_after_s=asked, rng=Random(seed))

    assert pause >= min(asked, LONGEST_ASKED)
    assert pause <= max(FIRST, LONGEST_ASKED)


def test_what_is_asked_for_never_puts_the_last_attempt_off() -> None:
    asking = Attempt(503, 0.1, retry_after_s=1e9, problem="The target answered 503")

    assert next_of(asking, tried=80, now=PATIENCE - 60).at == PATIENCE


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 23 Nov 2026 12:01:00 GMT", 60.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 999_999_999.0),
        (None, None),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("١٢", None),
        ("1e9", None),
        ("Mon, 99 Nov 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=NOW) == seconds


@given(st.text(max_size=50))
def test_no_retry_after_breaks_anything(value: str) -> None:
    found = retry_after(value, now=NOW)

    assert found is None or found >= 0


@given(st.text(max_size=5000))
def test_a_problem_is_shown_on_one_short_line(text: str) -> None:
    shown = one_line(text)

    assert len(shown) <= 300
    assert shown.isprintable()
