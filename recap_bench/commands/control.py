"""Fit other methods, or the same with other options, on the episodes of a finished run, and evaluate them.

Pre-training, episodes and start states are the run's, so that nothing differs but how is learned. Then
`recap-bench compare OUT RUN --method awr --against recap` tells the difference, and `recap-bench report RUN OUT` draws
both. A stopped control goes on when the same command is given again.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from recap_bench.commands.options import (
    Gather,
    add_device,
    add_settings,
    add_threads,
    add_workers,
    folder_to_write,
    limit_threads,
)

if TYPE_CHECKING:
    from recap_bench.config import RunConfig

HELP = "fit other methods on the data of a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add whose data, which methods, and where the results go."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run")
    parser.add_argument(
        "--methods", nargs="+", action=Gather, required=True, metavar="NAME", help="methods that learn from its data"
    )
    parser.add_argument("--data-of", default=None, metavar="METHOD", help="whose data; else the run's first method's")
    parser.add_argument("--iteration", type=int, default=None, help="which fit's data; else the run's last")
    parser.add_argument(
        "--seeds", nargs="+", action=Gather, type=int, default=None, metavar="S", help="training seeds; else all"
    )
    add_settings(parser, "options that differ from the run's, e.g. learning.labels.look_ahead=25 check_episodes=96")
    parser.add_argument("--out", type=folder_to_write, required=True, help="folder of the control")
    add_threads(parser)
    add_workers(parser)
    add_device(parser)


def execute(args: argparse.Namespace) -> int:
    """Fit and evaluate, show the progress, and write the report."""
    limit_threads(args.threads)
    from recap_bench.config import RunConfig
    from recap_bench.errors import ConfigurationError
    from recap_bench.loop.control import Source, control
    from recap_bench.reporting.inspection_data import run_config
    from recap_bench.reporting.progress import make_display
    from recap_bench.reporting.report import write_report
    from recap_bench.reporting.run_progress import RunProgress

    theirs = RunConfig.from_dict(run_config(args.run))
    iteration = theirs.iterations if args.iteration is None else args.iteration
    if not 1 <= iteration <= theirs.iterations:
        raise ConfigurationError(f"--iteration must be from 1 to {theirs.iterations}, the run's, received {iteration}.")
    config = _config(args, theirs)
    source = Source(str(args.run), args.data_of or theirs.methods[0], iteration)
    with make_display() as display:
        display.message(f"control of {args.run}: {', '.join(config.methods)} on the data of {source.method}")
        control(config, source, RunProgress(config, display))
        written = write_report([config.out])
        display.message(f"report in {written[0].parent}")
    print((written[0].parent / "summary.md").read_text())
    return 0


def _config(args: argparse.Namespace, theirs: "RunConfig") -> "RunConfig":
    """Return the config of the control of a run with the config `theirs`."""
    from dataclasses import replace

    from recap_bench.loop.control import refuse_what_the_run_decided
    from recap_bench.loop.intervention import GateConfig
    from recap_bench.method import CORRECTED
    from recap_bench.overrides import override

    seeds = theirs.seeds if args.seeds is None else tuple(args.seeds)
    where = {"out": args.out, "threads": args.threads, "workers": args.workers, "device": args.device}
    if not CORRECTED & set(args.methods):  # the run's operators mean nothing to them, and a control collects nothing
        where |= {"gate": GateConfig(), "correction_budget_s": None}
    plain = replace(theirs, methods=tuple(args.methods), seeds=seeds, **where)
    config = override(plain, args.set)
    refuse_what_the_run_decided(plain, config)
    return config
