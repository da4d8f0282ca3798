"""Write the tables and figures of a run again from its rows, one per evaluation episode."""

import argparse
from pathlib import Path

HELP = "write the tables and figures of a run again from its rows"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run and where to write."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or a file of rows (.csv, .parquet)")
    parser.add_argument("--out", type=Path, default=None, help="folder to write to; by default RUN/report")


def execute(args: argparse.Namespace) -> int:
    """Write and name the files, and print the tables."""
    from recap_bench.reporting.report import write_report

    for path in write_report(args.run, args.out):
        print(path)
    return 0
