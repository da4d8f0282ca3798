"""The report of a run, made from its rows alone: tables and figures."""

from pathlib import Path

from recap_bench.reporting.plots import write_figures
from recap_bench.reporting.tables import read_rows, write_tables

ROWS = "rows.csv"
"""Rows per evaluation episode, in the folder of a run."""


def write_report(source: Path, folder: Path | None = None) -> list[Path]:
    """Write tables and figures of `source`, a run's folder or a file of rows, into `folder`; return their paths.

    `folder` is by default `report` beside the rows. Raises DataError when there are no rows.
    """
    rows_file = source / ROWS if source.is_dir() else source
    rows = read_rows(rows_file)
    target = folder or rows_file.parent / "report"
    return [*write_tables(rows, target), *write_figures(rows, target)]
