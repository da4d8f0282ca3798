"""Tables of a run, by task, method and iteration: CSV for programs, Markdown for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recap_bench.envs.catalog import task_spec
from recap_bench.errors import DamagedFileError, DataError
from recap_bench.reporting.statistics import Attempts, Interval, throughput_per_hour, throughput_ratio_interval
from recap_bench.reporting.summary import failure_modes, stage_columns, stage_rates, summarise

GROUP = ["task", "method", "iteration"]
PAIR = ["seed", "env_seed"]
"""Episodes of two groups with these and START in common started from the same state."""

START = ["start", "randomization"]
"""Where in its task an episode starts, and how far that varies; '' in rows of earlier versions, which do not say."""

ROWS = "rows.csv"
"""Rows per evaluation episode, in the folder of a run."""

KEPT_ROWS = "rows.parquet"
"""The same in a report, to be kept with it."""

NEEDED = (*GROUP, *PAIR, "success", "failure_mode", "time_s")
"""Columns without which rows are none of an evaluation."""

TRUE, FALSE = (True, "True"), (False, "False")

REMEDY = "It is made from the evaluations: give the command of the run again to have it written anew."


def read_rows(path: Path) -> pd.DataFrame:
    """Read the rows per episode from a CSV or Parquet file; raise DataError when there are none or they are damaged."""
    if not path.is_file():
        raise DataError(f"No evaluation rows at {path}. A run writes them after its first evaluation.")
    try:
        rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, keep_default_na=True)
    except (OSError, ValueError) as error:
        raise DamagedFileError(path, str(error), REMEDY) from error
    missing = [name for name in NEEDED if name not in rows]
    if missing:
        raise DamagedFileError(path, f"it has no column {', '.join(missing)}", REMEDY)
    if rows.empty:
        raise DataError(f"{path} holds no evaluation episode.")
    rows = with_starts(rows)
    _refuse_nonsense(path, rows)
    return rows.assign(success=rows["success"].isin(TRUE))


def _refuse_nonsense(path: Path, rows: pd.DataFrame) -> None:
    """Raise DamagedFileError that names the first row that no evaluation writes."""
    time_s = pd.to_numeric(rows["time_s"], errors="coerce")
    wrong = {
        "its success is neither True nor False": ~rows["success"].isin([*TRUE, *FALSE]),
        "its time_s is no positive number": ~(np.isfinite(time_s) & (time_s > 0)),
        "the episode is there twice": rows.duplicated([*GROUP, *PAIR, *START]),
    }
    for what, where in wrong.items():
        if where.any():
            number = int(np.flatnonzero(where)[0]) + 1
            raise DamagedFileError(path, f"{what} in row {number}, {rows.iloc[number - 1].to_dict()}", REMEDY)


def rows_of(source: Path) -> pd.DataFrame:
    """Read the rows of `source`, the folder of a run or a file; raises as `read_rows`."""
    return read_rows(source / ROWS if source.is_dir() else source)


def with_starts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return `rows` with the columns START as text, '' where a row does not say."""
    return rows.assign(**{name: rows[name].astype(object).fillna("") if name in rows else "" for name in START})


def task_and_start(rows: pd.DataFrame, task: str) -> str:
    """Return the name of `task`, and where in it its episodes start if the rows say so."""
    starts = with_starts(rows[rows["task"] == task])["start"].unique()
    return ", ".join([task, *(f"start {start}" for start in starts if start)])


def pair_rows(rows: pd.DataFrame, others: pd.DataFrame, keys: Sequence[str], suffix: str) -> pd.DataFrame:
    """Return every row beside those of `others` with the same `keys` and start; the columns of these end in `suffix`.

    A row that does not say where it starts is taken to start where the other does.
    """
    pairs = with_starts(rows).merge(with_starts(others), on=list(keys), suffixes=("", suffix))
    for name in START:
        one, other = pairs[name], pairs[f"{name}{suffix}"]
        pairs = pairs[(one == other) | (one == "") | (other == "")]
    return pairs


def join_rows(parts: Sequence[tuple[Path, pd.DataFrame]]) -> pd.DataFrame:
    """Return the rows of all sources as one table.

    Raises DataError when episodes of one task start in several places, or one episode is there twice.
    """
    _refuse_several_starts(parts)
    rows = pd.concat([part for _, part in parts], ignore_index=True)
    twice = rows.duplicated([*GROUP, *PAIR])
    if twice.any():
        first = rows.loc[twice, [*GROUP, *PAIR]].iloc[0].to_dict()
        raise DataError(f"The runs overlap: {twice.sum()} episodes are there twice, the first is {first}.")
    return rows


def _refuse_several_starts(parts: Sequence[tuple[Path, pd.DataFrame]]) -> None:
    found: dict[str, dict[tuple[str, str], Path]] = {}
    for source, part in parts:
        for task, start, randomization in with_starts(part)[["task", *START]].drop_duplicates().itertuples(index=False):
            if start:
                found.setdefault(task, {}).setdefault((start, randomization), source)
    for task, sources in found.items():
        if len(sources) > 1:
            named = "; ".join(
                f"{source}: start {start}, randomization {how}" for (start, how), source in sources.items()
            )
            raise DataError(f"Episodes of {task} start in several places, which is not one experiment: {named}.")


def of_task(rows: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return the rows of `task`, without the stages that are not its own, and that it never reached."""
    mine, stages = rows[rows["task"] == task], task_spec(task).stages
    columns = stage_columns(dict.fromkeys(map(str, rows)))
    foreign = [name for name, stage in columns.items() if stage not in stages and mine[name].isna().all()]
    return mine.drop(columns=foreign)


def summary_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per task, method and iteration: 95 % intervals, and the throughput relative to iteration 0."""
    lines = []
    for key, group in _groups(rows):
        measures = summarise(_records(group))
        success, throughput = measures["success_ci95"], measures["throughput_ci95"]
        ratio, interval = _relative_to_start(rows, group, key)
        lines.append(
            {
                **key,
                "seeds": group["seed"].nunique(),
                "episodes": measures["episodes"],
                "successes": measures["successes"],
                "success_rate": measures["success_rate"],
                "success_low": success[0],
                "success_high": success[1],
                "throughput_per_hour": measures["throughput_per_hour"],
                "throughput_low": throughput[0],
                "throughput_high": throughput[1],
                "mean_success_time_s": measures["mean_success_time_s"],
                "throughput_ratio": ratio,
                "throughput_ratio_low": interval.low,
                "throughput_ratio_high": interval.high,
            }
        )
    return pd.DataFrame(lines)


def stage_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the share of episodes that reached each stage, one line per task, method, iteration and stage."""
    tables = [_long(of_task(rows, task), _stage_rates, "stage", "rate") for task in rows["task"].unique()]
    return pd.concat(tables, ignore_index=True)


def failure_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the number of episodes that ended in each failure mode, one line per task, method, iteration and mode."""
    return _long(rows, lambda group: failure_modes(_records(group)), "failure_mode", "episodes")


def markdown(rows: pd.DataFrame) -> str:
    """Return the whole report of a run as Markdown: summary, stages and failure modes of each task."""
    parts = []
    for task in rows["task"].unique():
        chosen = of_task(rows, task)
        parts += [f"## {task}", markdown_table(_readable(summary_table(chosen)))]
        parts += ["Share of episodes that reached each stage:", _wide(stage_table(chosen), "stage", "rate", "{:.0%}")]
        failures = failure_table(chosen)
        if not failures.empty:
            parts += ["Failed episodes by mode:", _wide(failures, "failure_mode", "episodes", "{:.0f}")]
    return "\n\n".join(parts) + "\n"


def write_tables(rows: pd.DataFrame, folder: Path, appendix: str = "") -> list[Path]:
    """Write rows.parquet, summary.csv, stages.csv, failure_modes.csv and summary.md into `folder`; return their paths.

    The rows are there so that a report can be kept without its run, and still be compared with and made again.
    summary.md ends with the `appendix`, Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"summary": summary_table(rows), "stages": stage_table(rows), "failure_modes": failure_table(rows)}
    written = [folder / KEPT_ROWS]
    rows.to_parquet(written[0], index=False)
    for name, table in tables.items():
        written.append(folder / f"{name}.csv")
        table.to_csv(written[-1], index=False, float_format="%.6g")
    written.append(folder / "summary.md")
    written[-1].write_text(markdown(rows) + appendix)
    return written


def _groups(rows: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield task, method and iteration with their rows; iteration 0, from which all methods start, comes first."""
    groups = [(dict(zip(GROUP, values, strict=True)), group) for values, group in rows.groupby(GROUP)]
    yield from sorted(groups, key=lambda item: (item[0]["task"], item[0]["iteration"] > 0))


def _stage_rates(group: pd.DataFrame) -> dict[str, float]:
    return stage_rates(_records(group))


def _records(group: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in group.to_dict("records")]


def paired_attempts(pairs: pd.DataFrame, suffix: str) -> tuple[Attempts, Attempts]:
    """Return the attempts of both sides of a task's paired episodes; the second side's columns end in `suffix`."""
    seeds, limit_s = pairs["seed"].to_numpy(), task_spec(pairs["task"].iloc[0]).time_limit_s
    now, then = (
        Attempts(pairs[f"success{end}"].to_numpy(), pairs[f"time_s{end}"].to_numpy(), seeds, limit_s)
        for end in ("", suffix)
    )
    return now, then


def _relative_to_start(rows: pd.DataFrame, group: pd.DataFrame, key: dict[str, Any]) -> tuple[float, Interval]:
    """Return the throughput over that of iteration 0 on the same episodes; nan where there are none in common."""
    nothing = float("nan"), Interval(float("nan"), float("nan"))
    start = rows[(rows["task"] == key["task"]) & (rows["iteration"] == 0)]
    if key["iteration"] == 0:
        return nothing
    pairs = pair_rows(group, with_starts(start).drop_duplicates([*PAIR, *START]), PAIR, "_sft")
    if pairs.empty:
        return nothing
    now, then = paired_attempts(pairs, "_sft")
    if not then.success.any():
        return nothing
    ratio = throughput_per_hour(now.success, now.time_s) / throughput_per_hour(then.success, then.time_s)
    return float(ratio), throughput_ratio_interval(now, then)


def _long(
    rows: pd.DataFrame, measure: Callable[[pd.DataFrame], Mapping[str, float]], name: str, value: str
) -> pd.DataFrame:
    lines = [
        {**key, name: entry, value: number} for key, group in _groups(rows) for entry, number in measure(group).items()
    ]
    return pd.DataFrame(lines, columns=[*GROUP, name, value])


def _readable(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary as text cells, each number with its interval."""

    def cell(line: pd.Series, value: str, prefix: str, form: str) -> str:
        if not np.isfinite(line[value]):
            return ""
        low, high = (form.format(line[f"{prefix}_{end}"]) for end in ("low", "high"))
        return f"{form.format(line[value])} [{low}, {high}]"

    def line_of(line: pd.Series) -> dict[str, str]:
        mean_time = line["mean_success_time_s"]
        return {
            "method": line["method"],
            "iteration": str(line["iteration"]),
            "seeds": str(line["seeds"]),
            "episodes": str(line["episodes"]),
            "success": cell(line, "success_rate", "success", "{:.1%}"),
            "throughput per hour": cell(line, "throughput_per_hour", "throughput", "{:.1f}"),
            "mean time of successes [s]": f"{mean_time:.1f}" if mean_time and np.isfinite(mean_time) else "",
            "throughput / iteration 0": cell(line, "throughput_ratio", "throughput_ratio", "{:.2f}"),
        }

    return pd.DataFrame([line_of(line) for _, line in summary.iterrows()])


def _wide(table: pd.DataFrame, name: str, value: str, form: str) -> str:
    """Return `table` as Markdown with a column for each `name`; lines and columns in the order of the table."""
    lines = pd.MultiIndex.from_frame(table[["method", "iteration"]].drop_duplicates())
    columns = list(dict.fromkeys(table[name]))
    wide = table.pivot_table(index=lines.names, columns=name, values=value, fill_value=0).loc[lines, columns]
    text = wide.map(form.format).reset_index().astype(str)
    return markdown_table(text)


def markdown_table(table: pd.DataFrame) -> str:
    """Return a table of text cells as Markdown."""
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
