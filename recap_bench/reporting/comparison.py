"""Two sets of evaluations on the same start states, beside each other: a version and the one before, or two methods."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from recap_bench.errors import DataError
from recap_bench.reporting.statistics import (
    success_difference_interval,
    throughput_per_hour,
    throughput_ratio_interval,
)
from recap_bench.reporting.tables import GROUP, PAIR, START, markdown_table, pair_rows, paired_attempts, rows_of

SUFFIX = "_baseline"
"""Of the columns of the other side."""

WORSE, BETTER, UNDECIDED = "worse", "better", "no difference shown"

MIN_EPISODES = 20
"""Episodes in common without which there is no verdict, whatever the intervals say."""

TOO_FEW = f"undecided: fewer than {MIN_EPISODES} episodes in common"


@dataclass(frozen=True)
class Side:
    """One of the two things that are compared."""

    source: Path
    """Folder of a run, or its rows."""
    method: str | None = None
    """The method whose evaluations count; None for every method that both sides have."""

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Its rows, read once; raise DataError if it has none of its method."""
        rows = rows_of(self.source)
        if self.method is None:
            return rows
        if self.method not in set(rows["method"]):
            raise DataError(
                f"{self.source} has no evaluation of {self.method}. It has: {', '.join(sorted(set(rows['method'])))}."
            )
        return rows[rows["method"] == self.method]


def compare(run: Side, baseline: Side) -> pd.DataFrame:
    """Return one line per task, method and iteration that both sides evaluated on common start states.

    Columns: task, iteration, method, baseline_method, seeds, episodes (in common), success_rate and
    baseline_success_rate, success_difference and throughput_ratio with their 95 % intervals (_low, _high; of paired
    episodes, see `statistics`), and the verdict: worse (or better) if an interval lies wholly on that side and none on
    the other; TOO_FEW with less than MIN_EPISODES in common. Raises DataError if nothing is in common.
    """
    lines = [_line(pairs) for pairs in _paired(run, baseline)]
    if not lines:
        raise DataError(
            f"{run.source} ({_starts(run)}) and {baseline.source} ({_starts(baseline)}) have no evaluation episodes in "
            "common: the same task, method, iteration, training seed and start state. Evaluate both with the same "
            "seeds and the same --start and --randomization."
        )
    return pd.DataFrame(lines)


def missing(run: Side, baseline: Side) -> list[str]:
    """Return what `baseline` evaluated and `run` did not, in words: of each task, method and iteration, how much.

    Nothing if the two are compared by different methods, which need not have the same iterations.
    """
    if run.source == baseline.source or run.method != baseline.method:
        return []
    left, right = (side.rows[[*GROUP, *PAIR, *START]] for side in (run, baseline))
    wanted = right.groupby(GROUP).size()
    found = pair_rows(right, left, [*GROUP, *PAIR], SUFFIX).groupby(GROUP).size().reindex(wanted.index, fill_value=0)
    return [
        f"{task} {method} iteration {iteration}, {count - found[task, method, iteration]} of {count} episodes"
        for (task, method, iteration), count in wanted.items()
        if found[task, method, iteration] < count
    ]


def _paired(run: Side, baseline: Side) -> Iterator[pd.DataFrame]:
    """Yield the paired episodes of each task, method and iteration of `run`.

    What was evaluated in iteration 0 only, as SFT, is what every iteration is compared with.
    """
    left, right = run.rows, baseline.rows
    keys = ["task", *PAIR]
    keys += ["method"] if run.method is None and baseline.method is None else []
    keys += ["iteration"] if right["iteration"].any() else []
    columns = right[[*keys, *START]].assign(
        **{f"{name}{SUFFIX}": right[name] for name in ("method", "success", "time_s")},
    )
    pairs = pair_rows(left, columns, keys, SUFFIX)
    if run.source == baseline.source and run.method != baseline.method:
        pairs = pairs[pairs["method"] != pairs[f"method{SUFFIX}"]]
    for _, group in pairs.groupby(["task", "method", f"method{SUFFIX}", "iteration"]):
        yield group


def _starts(side: Side) -> str:
    """Return where the episodes of a side start, for messages."""
    found = side.rows[START].drop_duplicates().to_numpy().tolist()
    return ", ".join(f"start {start}, randomization {how}" if start else "unknown start" for start, how in found)


def _line(pairs: pd.DataFrame) -> dict[str, object]:
    now, then = paired_attempts(pairs, SUFFIX)
    difference, ratio = success_difference_interval(now, then), throughput_ratio_interval(now, then)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = throughput_per_hour(now.success, now.time_s) / throughput_per_hour(then.success, then.time_s)
    first = pairs.iloc[0]
    return {
        "task": first["task"],
        "iteration": first["iteration"],
        "method": first["method"],
        "baseline_method": first[f"method{SUFFIX}"],
        "seeds": pairs["seed"].nunique(),
        "episodes": len(pairs),
        "success_rate": now.success.mean(),
        "baseline_success_rate": then.success.mean(),
        "success_difference": now.success.mean() - then.success.mean(),
        "success_difference_low": difference.low,
        "success_difference_high": difference.high,
        "throughput_ratio": float(quotient),
        "throughput_ratio_low": ratio.low,
        "throughput_ratio_high": ratio.high,
        "verdict": verdict(difference, ratio) if len(pairs) >= MIN_EPISODES else TOO_FEW,
    }


def verdict(difference: tuple[float, float], ratio: tuple[float, float]) -> str:
    """Return what the intervals of the success difference and of the throughput ratio say together."""
    worse = difference[1] < 0 or ratio[1] < 1
    better = difference[0] > 0 or ratio[0] > 1
    return UNDECIDED if worse == better else WORSE if worse else BETTER


def comparison_text(table: pd.DataFrame) -> str:
    """Return the comparison as a Markdown table for people."""

    def text(line: pd.Series) -> dict[str, str]:
        methods = line["method"], line["baseline_method"]
        return {
            "task": line["task"],
            "method": methods[0] if methods[0] == methods[1] else " / ".join(methods),
            "iteration": str(line["iteration"]),
            "seeds": str(line["seeds"]),
            "episodes": str(line["episodes"]),
            "success": f"{line['success_rate']:.1%} / {line['baseline_success_rate']:.1%}",
            "difference": "{:+.1%} [{:+.1%}, {:+.1%}]".format(*_with_interval(line, "success_difference")),
            "throughput ratio": "{:.2f} [{:.2f}, {:.2f}]".format(*_with_interval(line, "throughput_ratio")),
            "verdict": line["verdict"],
        }

    return markdown_table(pd.DataFrame([text(line) for _, line in table.iterrows()]))


def _with_interval(line: pd.Series, name: str) -> tuple[float, float, float]:
    return line[name], line[f"{name}_low"], line[f"{name}_high"]
