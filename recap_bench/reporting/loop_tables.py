"""Tables from the phases of runs: what the operator's corrections cost, and what the condition of a policy does."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recap_bench.data.files import read_json
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.loop import plan
from recap_bench.reporting.statistics import success_interval
from recap_bench.reporting.tables import markdown_table

ADDRESS = ["task", "method", "iteration"]

COST_TITLE = """## What corrections cost

Episodes that an operator watched. A rescued one succeeded with help, and never counts as the policy's success; the last
column divides by all successes of watched episodes."""

CHECK_TITLE = """## The condition of one policy

The same policy on the same start states, told that its actions are good ('positive', as it is evaluated), told nothing,
told that they are bad, or told that they are good with guidance 2 instead of 1 ('guided')."""


def cost_table(runs: Sequence[Path]) -> pd.DataFrame:
    """Return what corrections cost: one line per task, method whose policy was watched, and round; seeds together.

    Columns: seeds; episodes that an operator watched; assisted ones, in which they acted; rescued ones, which are
    assisted and succeeded; autonomous_successes, without any help; interventions_per_episode; share_of_steps on which
    the operator acted; oracle_s_per_success, over successes with and without help [s]. A measure that an older run did
    not record is nan.
    """
    found = [{**address, **result} for address, result in _results(runs, f"{plan.CORRECTED}.json")]
    if not found:
        return pd.DataFrame()
    lines = []
    for key, group in (
        pd.DataFrame(found).sort_values(["task", "iteration"], kind="stable").groupby(ADDRESS, sort=False)
    ):
        sums = {name: _sum(group, name) for name in ("episodes", "steps", "successes", "assisted", "correction_s")}
        rescued, interventions = _sum(group, "rescued"), _sum(group, "interventions")
        lines.append(
            {
                **dict(zip(ADDRESS, key, strict=True)),
                "seeds": group["seed"].nunique(),
                "episodes": sums["episodes"],
                "assisted": sums["assisted"],
                "rescued": rescued,
                "autonomous_successes": sums["successes"] - rescued,
                "interventions_per_episode": _ratio(interventions, sums["episodes"]),
                "share_of_steps": _ratio(sums["correction_s"] * CONTROL_HZ, sums["steps"]),
                "oracle_s_per_success": _ratio(sums["correction_s"], sums["successes"]),
            }
        )
    return pd.DataFrame(lines)


def check_table(runs: Sequence[Path]) -> pd.DataFrame:
    """Return what the same policy does under each condition: one line per task, method, iteration and condition.

    Columns: seeds, episodes, successes, success_rate with Wilson's 95 % interval, and stages_done, the mean number of
    stages reached: a finer measure where hardly any episode succeeds.
    """
    found = [
        {**address, "condition": condition, **measures}
        for address, result in _results(runs, f"{plan.CHECK}.json")
        for condition, measures in result.items()
    ]
    if not found:
        return pd.DataFrame()
    lines = []
    for key, group in pd.DataFrame(found).groupby([*ADDRESS, "condition"], sort=False):
        episodes, successes = int(group["episodes"].sum()), int(group["successes"].sum())
        low, high = success_interval(successes, episodes)
        stages = [sum(stages.values()) for stages in group["stages"]]
        lines.append(
            {
                **dict(zip([*ADDRESS, "condition"], key, strict=True)),
                "seeds": group["seed"].nunique(),
                "episodes": episodes,
                "successes": successes,
                "success_rate": successes / episodes,
                "success_low": low,
                "success_high": high,
                "stages_done": float(np.average(stages, weights=group["episodes"])),
            }
        )
    return pd.DataFrame(lines)


def write_loop_tables(runs: Sequence[Path], folder: Path) -> tuple[list[Path], str]:
    """Write corrections.csv and conditions.csv of `runs`, as far as there are any, into `folder`.

    Returns their paths, and both tables as Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written, text = [], ""
    for name, title, table, readable in (
        ("corrections", COST_TITLE, cost_table(runs), cost_text),
        ("conditions", CHECK_TITLE, check_table(runs), check_text),
    ):
        if table.empty:
            continue
        written.append(folder / f"{name}.csv")
        table.to_csv(written[-1], index=False, float_format="%.6g")
        text += f"\n{title}\n"
        for task, lines in table.groupby("task", sort=False):
            text += f"\n### {task}\n\n{markdown_table(readable(lines))}\n"
    return written, text


def cost_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the cost of corrections as text cells for people."""
    return pd.DataFrame(
        {
            "flown by": table["method"],
            "for iteration": table["iteration"].astype(str),
            "seeds": table["seeds"].astype(str),
            "watched episodes": table["episodes"].map("{:.0f}".format),
            "assisted": table["assisted"].map("{:.0f}".format),
            "rescued": _cells(table["rescued"], "{:.0f}"),
            "succeeded alone": _cells(table["autonomous_successes"], "{:.0f}"),
            "interventions per episode": _cells(table["interventions_per_episode"], "{:.2f}"),
            "share of steps": _cells(table["share_of_steps"], "{:.1%}"),
            "oracle time per success [s]": _cells(table["oracle_s_per_success"], "{:.1f}"),
        }
    )


def check_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the conditioning check as text cells for people."""
    interval = [
        f"{line.success_rate:.1%} [{line.success_low:.1%}, {line.success_high:.1%}]" for line in table.itertuples()
    ]
    return pd.DataFrame(
        {
            "method": table["method"],
            "iteration": table["iteration"].astype(str),
            "condition": table["condition"],
            "seeds": table["seeds"].astype(str),
            "episodes": table["episodes"].astype(str),
            "success": interval,
            "mean stages done": table["stages_done"].map("{:.2f}".format),
        }
    )


def _results(runs: Sequence[Path], name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield (task, seed, method and iteration, result) of the finished phases whose file is called `name`."""
    for run in runs:
        for file in sorted(run.glob(f"*/seed*/methods/*/iteration*/{name}")):
            task, seed, _, method, iteration, _ = file.relative_to(run).parts
            address = {"task": task, "seed": int(seed.removeprefix("seed")), "method": method}
            result = read_json(file, "Delete it to have its phase done again.")
            yield {**address, "iteration": int(iteration.removeprefix("iteration"))}, result


def _sum(group: pd.DataFrame, name: str) -> float:
    """Return the sum of a column; nan where it, or a value of it, is missing."""
    return float(group[name].sum(skipna=False)) if name in group else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _cells(values: pd.Series, form: str) -> pd.Series:
    return values.map(lambda value: form.format(value) if np.isfinite(value) else "")
