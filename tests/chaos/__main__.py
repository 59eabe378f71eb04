"""`make chaos`: every scenario, or those named; one line for each. Exits 1 if a law was broken, and says the seed."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import random
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests import chaos
from tests.chaos.scenario import Scenario, bounded


def main() -> int:
    scenarios = _find_scenarios()
    given = _arguments(scenarios)
    chosen = [one for one in scenarios if not given.names or any(one.name.startswith(name) for name in given.names)]
    print(f"seed {given.seed}", flush=True)
    held = [_run(one, given.times or one.times, given.seed) for one in chosen]
    return 0 if all(held) else 1


def _arguments(scenarios: Sequence[Scenario]) -> argparse.Namespace:
    listed = "\n".join(f"  {one.name:<20} {one.about}, {one.times} times" for one in scenarios)
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.chaos", description=f"{__doc__}\n\n{listed}", formatter_class=form)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a scenario, or how the names of several begin")
    parser.add_argument("--times", type=int, help="how often each fault is made")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="the moments and the events")
    given = parser.parse_args()
    for name in given.names:
        if not any(one.name.startswith(name) for one in scenarios):
            parser.error(f"there is no scenario {name!r}; there are {', '.join(one.name for one in scenarios)}")
    return given


def _find_scenarios() -> list[Scenario]:
    """Return what the modules of this package have in `SCENARIOS`."""
    names = sorted(module.name for module in pkgutil.iter_modules(chaos.__path__) if not module.name.startswith("_"))
    modules = [importlib.import_module(f"{chaos.__name__}.{name}") for name in names]
    return [scenario for module in modules for scenario in getattr(module, "SCENARIOS", ())]


def _run(scenario: Scenario, times: int, seed: int) -> bool:
    start = time.monotonic()
    with TemporaryDirectory(prefix="dateline-chaos-") as folder:
        try:
            with bounded(scenario.limit(times)):
                measured = scenario.run(Path(folder), times, seed)
        except pytest.skip.Exception as missing:  # a server that is not there; the tests' own support says how to get it
            measured, holds = f"NOT RUN: {missing}", False
        except Exception:  # each scenario is told of, whatever became of those before it
            traceback.print_exc()
            measured, holds = f"FAILED; again with: python -m tests.chaos {scenario.name} --seed {seed}", False
        else:
            holds = True
    print(f"{scenario.name:<20} {times:>4} × in {time.monotonic() - start:4.0f} s  {measured}", flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(main())
