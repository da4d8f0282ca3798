import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KILLS = 20
RESULTS = ("rows.csv", "summary.json", "evaluation.csv", "check.json", "autonomous.json", "corrected.json")


def start(out: Path) -> subprocess.Popen:
    """Start the tiny run in `out`, as a person would, in a process of its own."""
    command = [sys.executable, "-m", "tests.loop.tiny_run", "run", "--preset", "tiny", "--threads", "1"]
    # The film, which comes after all results, is left out.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MUJOCO_GL": "disabled"}
    log = out.with_suffix(".log").open("a")
    command += ["--out", str(out), "--cache", str(out.with_name("cache"))]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)


def finish(out: Path) -> float:
    """Run to the end; return the wall time [s]."""
    began = time.monotonic()
    process = start(out)
    assert process.wait() == 0, out.with_suffix(".log").read_text()[-3000:]
    return time.monotonic() - began


def results(out: Path) -> dict[str, bytes]:
    files = sorted(file for name in RESULTS for file in out.rglob(name))
    return {str(file.relative_to(out)): file.read_bytes().replace(out.name.encode(), b"RUN") for file in files}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    out = tmp_path_factory.mktemp("unbroken") / "run"
    seconds = finish(out)
    return results(out), seconds


@pytest.mark.slow
@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_a_random_moment_resumes_to_the_same_rows(
    unbroken: tuple[dict[str, bytes], float], tmp_path: Path, number: int
) -> None:
    expected, seconds = unbroken
    process = start(tmp_path / "run")
    # Moments are spread over the run, one in each twentieth of it.
    time.sleep(seconds * (number + random.Random(number).random()) / KILLS)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    finish(tmp_path / "run")
    found = results(tmp_path / "run")
    assert sorted(found) == sorted(expected)
    assert [name for name, content in found.items() if content != expected[name]] == []
