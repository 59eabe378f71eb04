"""Each wire format's parser against bytes that a coverage-guided fuzzer finds: items or a clear error, never anything else.

What it found once stands as an example in tests/unit/test_wires_bad_input.py.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from producers.wires.formats import FORMATS
from tests.chaos.scenario import Scenario
from tests.support.wires import EXAMPLES

SECONDS = 2
"""That one run of a format takes; `--times` makes it longer."""

_SEEDS = {"ninjs": "ninjs/*", "newsml-g2": "newsml-g2/*", "rss": "feeds/*.rss", "atom": "feeds/*.atom"}


def fuzz(form: str, folder: Path, times: int, seed: int) -> str:
    """Let the fuzzer run in a process of its own, which ends at the first error that is not ours, and after a hang."""
    if find_spec("atheris") is None:
        pytest.skip("atheris is not there: pip install atheris (Linux, and not for every Python)")
    corpus = folder / "corpus"
    corpus.mkdir()
    for path in EXAMPLES.glob(_SEEDS[form]):
        (corpus / path.name).write_bytes(path.read_bytes())
    seconds = SECONDS * times
    command = [
        sys.executable,
        "-m",
        "tests.chaos._fuzz",
        form,
        str(corpus),
        f"-max_total_time={seconds}",
        f"-seed={seed % 2**31 or 1}",
    ]
    bounds = ["-timeout=10", "-rss_limit_mb=2048", "-max_len=20000", f"-artifact_prefix={folder}/"]
    done = subprocess.run([*command, *bounds], capture_output=True, text=True, timeout=seconds + 120, check=False)
    if done.returncode:
        found = [path.read_bytes()[:2000] for path in folder.iterdir() if path.is_file()]
        raise AssertionError(f"{done.stderr[-3000:]}\nby: {found}")
    last = [line for line in done.stderr.splitlines() if line.startswith(("Done ", "#"))]
    return last[-1] if last else "nothing was said"


SCENARIOS = tuple(
    Scenario(f"fuzz-{form}", f"{form} from bytes that a fuzzer finds", partial(fuzz, form), times=15, each=SECONDS)
    for form in FORMATS
)
