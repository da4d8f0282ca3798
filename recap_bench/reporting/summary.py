"""One dictionary of measures from the rows of evaluation episodes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recap_bench.envs.catalog import task_spec
from recap_bench.errors import ConfigurationError
from recap_bench.reporting.statistics import Attempts, success_interval, throughput_interval, throughput_per_hour

Row = Mapping[str, Any]
"""An evaluation episode: at least task, seed, success, failure_mode, time_s, stage_<name>_s [s, nan if unreached]."""


def summarise(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the measures of one group of episodes of a task; every attempt's time counts, failures included.

    Intervals are (low, high) at 95 %; `stages` holds the share of episodes that reached each stage, `failure_modes` the
    number of episodes that ended in each. The result depends on the rows alone.
    """
    if not rows:
        raise ConfigurationError("A summary needs at least one episode; got none.")
    success = np.array([bool(row["success"]) for row in rows])
    time_s = np.array([float(row["time_s"]) for row in rows])
    seeds = np.array([int(row["seed"]) for row in rows])
    attempts = Attempts(success, time_s, seeds, task_spec(rows[0]["task"]).time_limit_s)
    successes = int(success.sum())
    return {
        "episodes": len(rows),
        "successes": successes,
        "success_rate": successes / len(rows),
        "success_ci95": list(success_interval(successes, len(rows))),
        "throughput_per_hour": float(throughput_per_hour(success, time_s)),
        "throughput_ci95": list(throughput_interval(attempts)),
        "mean_success_time_s": float(time_s[success].mean()) if successes else None,
        "failure_modes": failure_modes(rows),
        "stages": stage_rates(rows),
    }


def failure_modes(rows: Sequence[Row]) -> dict[str, int]:
    """Return the number of failed episodes by failure mode, most frequent first."""
    return dict(Counter(str(row["failure_mode"]) for row in rows if not row["success"]).most_common())


def stage_rates(rows: Sequence[Row]) -> dict[str, float]:
    """Return the share of episodes that reached each stage, in the order of the task, in [0, 1]."""
    reached = {name: np.array([row[column] for row in rows], float) for column, name in stage_columns(rows[0]).items()}
    return {name: float(np.isfinite(times).mean()) for name, times in reached.items()}


def stage_columns(row: Row) -> dict[str, str]:
    """Return column -> stage name for the columns that hold the time at which a stage was reached."""
    return {key: key[len("stage_") : -len("_s")] for key in row if key.startswith("stage_") and key.endswith("_s")}
