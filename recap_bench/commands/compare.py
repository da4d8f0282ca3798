"""Compare the evaluations of a run with those of a baseline on the same start states, e.g. in continuous integration.

Ends with exit code 1 if the run is worse: if, with at least 20 episodes in common, the 95 % interval of the difference
in success lies below 0, or that of the ratio of throughputs below 1. With nothing changed each line is so by chance in
about one of twenty to forty cases.
Ends with exit code 2 if it is not worse, but lacks evaluations that the baseline has, as a run does that was stopped.
"""

import argparse
import sys
from pathlib import Path

from recap_bench.commands.options import file_to_write

HELP = "compare a run with a baseline on the same start states; exit code 1 if it is worse"

REGRESSION, INCOMPLETE = 1, 2
"""Exit codes of a run that is worse than its baseline, and of one that lacks some of its evaluations."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add both sides and the methods."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run, or its rows (.csv, .parquet)")
    parser.add_argument("baseline", type=Path, metavar="BASELINE", help="the same; RUN again to compare two methods")
    parser.add_argument("--method", default=None, help="method of RUN; else every method that both have")
    parser.add_argument("--against", default=None, help="method of BASELINE; by default that of RUN")
    parser.add_argument("--allow-missing", action="store_true", help="let RUN lack evaluations that BASELINE has")
    parser.add_argument("--csv", type=file_to_write, default=None, help="file to write the comparison to")


def execute(args: argparse.Namespace) -> int:
    """Print the comparison; return REGRESSION if any line is worse."""
    from recap_bench.reporting.comparison import WORSE, Side, compare, comparison_text, missing

    run, baseline = Side(args.run, args.method), Side(args.baseline, args.against or args.method)
    table = compare(run, baseline)
    print(comparison_text(table))
    if args.csv:
        args.csv.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(args.csv, index=False, float_format="%.6g")
    if (table["verdict"] == WORSE).any():
        return REGRESSION
    lacking = [] if args.allow_missing else missing(run, baseline)
    if lacking:
        print(
            f"recap-bench compare: {args.run} lacks what {args.baseline} has: {'; '.join(lacking)}. Finish it, name "
            "the --method to compare, or give --allow-missing.",
            file=sys.stderr,
        )
    return INCOMPLETE if lacking else 0
