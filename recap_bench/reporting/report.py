"""The report of one run or several, made from its rows alone: tables and figures."""

from collections.abc import Sequence
from pathlib import Path

from recap_bench.reporting.plots import write_figures
from recap_bench.reporting.tables import join_rows, read_rows, write_tables

ROWS = "rows.csv"
"""Rows per evaluation episode, in the folder of a run."""


def write_report(sources: Sequence[Path], folder: Path | None = None) -> list[Path]:
    """Write tables and figures of `sources`, folders of runs or files of rows, into `folder`; return their paths.

    Several sources are one experiment whose seeds were run apart. `folder` is by default `report` beside the first
    rows. Raises DataError when there are no rows, or the same episode twice.
    """
    files = [source / ROWS if source.is_dir() else source for source in sources]
    rows = join_rows([read_rows(file) for file in files])
    target = folder or files[0].parent / "report"
    return [*write_tables(rows, target), *write_figures(rows, target)]
