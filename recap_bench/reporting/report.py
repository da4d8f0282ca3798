"""The report of one run or several: tables and figures from its rows, and tables from its phases."""

from collections.abc import Sequence
from pathlib import Path

from recap_bench.reporting.loop_tables import write_loop_tables
from recap_bench.reporting.plots import write_figures
from recap_bench.reporting.tables import join_rows, rows_of, write_tables


def write_report(sources: Sequence[Path], folder: Path | None = None) -> list[Path]:
    """Write tables and figures of `sources`, folders of runs or files of rows, into `folder`; return their paths.

    Several sources are one experiment whose seeds were run apart. `folder` is by default `report` beside the first
    rows. What corrections cost and what the condition does is told for folders of runs only. Raises DataError when
    there are no rows, the same episode twice, or several starts of one task.
    """
    rows = join_rows([(source, rows_of(source)) for source in sources])
    first = sources[0]
    target = folder or (first if first.is_dir() else first.parent) / "report"
    runs = [source for source in sources if source.is_dir()]
    written, appendix = write_loop_tables(runs, target)
    return [*write_tables(rows, target, appendix), *written, *write_figures(rows, target)]
