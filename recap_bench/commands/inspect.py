"""Look into a run: values of episodes beside their pictures, how good the values are, and what became positive.

Without options: tables of all fits, and for each task the values of a success, a failure and a rescue of the last
iteration.
"""

import argparse
from pathlib import Path

from recap_bench.commands.options import folder_to_write

HELP = "look into a run: values, labels, diagnostics"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run, what to look at, and where to write."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--task", default=None, metavar="ID", help="task, with or without 'recap_bench/'")
    parser.add_argument("--seed", type=int, default=None, help="training seed")
    parser.add_argument("--method", default=None, help="method, or 'pretraining'")
    parser.add_argument("--iteration", type=int, default=None, help="iteration of the fit")
    parser.add_argument(
        "--episode", type=int, nargs="+", default=[], metavar="I", help="episodes to show, as numbered in episodes.csv"
    )
    parser.add_argument("--no-film", action="store_true", help="pictures only, no films")
    parser.add_argument(
        "--out", type=folder_to_write, default=None, help="folder to write to; by default RUN/inspection"
    )


def execute(args: argparse.Namespace) -> int:
    """Write pictures, films and tables, and print the tables."""
    from recap_bench.envs.catalog import normalise_task_name
    from recap_bench.reporting.inspection import Choice, inspect_run

    task = normalise_task_name(args.task) if args.task else None
    choice = Choice(task, args.seed, args.method, args.iteration, tuple(args.episode), not args.no_film)
    print(inspect_run(args.run, choice, args.out or args.run / "inspection", lambda text: print(text, flush=True)))
    return 0
