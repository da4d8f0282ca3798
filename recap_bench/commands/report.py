"""Write the tables and figures of a run again from its rows, one per evaluation episode.

Several runs are taken together as one experiment whose seeds were run apart: their episodes of a task must start in the
same place.
"""

import argparse
from pathlib import Path

from recap_bench.commands.options import folder_to_write

HELP = "write the tables and figures of a run again from its rows"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run and where to write."""
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="folder of a run, or its rows (.csv, .parquet)"
    )
    parser.add_argument(
        "--out", type=folder_to_write, default=None, help="folder to write to; by default report in the first RUN"
    )


def execute(args: argparse.Namespace) -> int:
    """Write and name the files, and print the tables."""
    from recap_bench.reporting.report import write_report

    written = write_report(args.runs, args.out)
    for path in written:
        print(path)
    print((written[0].parent / "summary.md").read_text())
    return 0
