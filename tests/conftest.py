"""What holds for every test: nothing is skipped in CI, and the caller's settings stay outside."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from dateline.log.base import Log
from producers.desk import Desk
from tests.support import iptc
from tests.support.browser import chromium as chromium
from tests.support.kafka_servers import kafka_address

IN_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# Where CI is set, Hypothesis would choose the same examples each time; new ones find more, and a failure prints its blob.
settings.register_profile("dev", deadline=None, max_examples=50, derandomize=False)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=100,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is no fault of the test
)
settings.load_profile("ci" if IN_CI else "dev")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI, turn a skip into a failure; a test that is expected to fail is reported as a skip too, and stays one."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        if iptc.ABSENT in str(reason):
            return
        report.outcome = "failed"
        report.longrepr = f"Nothing is skipped in CI. {reason}"


@pytest.fixture(autouse=True, scope="session")
def _interrupts_are_heard() -> None:
    """Where the tests were started in the background, Ctrl-C is ignored by all that they start, unless this process hears it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_the_caller() -> Iterator[None]:
    """Take every DATELINE_* variable out of the environment, for the tests and for what they start."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("DATELINE_") and not name.startswith("DATELINE_TEST_"):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def kafka() -> str:
    """The address of the one Kafka broker that the tests of this run share: each makes topics of its own."""
    return kafka_address()


@pytest.fixture
def desk(log: Log) -> Desk:
    """A desk that writes to the test's log."""
    return Desk(log, name="houston")
