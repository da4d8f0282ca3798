"""Run the loop: demonstrations, fit, then rounds of rollouts, corrections, fit and evaluation.

A stopped run goes on where it stopped when it is started again with the same options.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recap_bench.commands.options import add_device, add_start, add_tasks, add_threads, all_tasks, limit_threads

if TYPE_CHECKING:
    from recap_bench.config import RunConfig

HELP = "run the loop on tasks, methods and seeds"

# Option -> field of the run's config, each replacing what the preset says.
OVERRIDES = {
    "num_envs": ("num_envs", "simulations stepped together"),
    "iterations": ("iterations", "rounds of collecting and fitting"),
    "demonstrations": ("demonstrations", "demonstrated episodes per seed"),
    "rollouts": ("rollouts_per_iteration", "episodes that the policy collects per round"),
    "evaluation_episodes": ("evaluation_episodes", "episodes of each evaluation"),
    "check_episodes": ("check_episodes", "episodes per condition of the conditioning check"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is run, how large, and where it goes."""
    add_tasks(parser, default="Espresso-v0")
    parser.add_argument("--methods", nargs="+", default=["recap"], metavar="NAME", help="methods, or 'all'")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="S", help="training seeds")
    parser.add_argument("--preset", default="quick", help="quick (minutes) or standard (a real experiment)")
    parser.add_argument("--out", type=Path, default=None, help="folder of the run; by default runs/PRESET")
    add_threads(parser)
    add_device(parser)
    add_start(parser)
    for option, (_, text) in OVERRIDES.items():
        parser.add_argument(f"--{option.replace('_', '-')}", type=int, default=None, help=f"{text}; else the preset's")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")


def execute(args: argparse.Namespace) -> int:
    """Run, show the progress, and write the report and a film."""
    config = _config(args)
    if args.dry_run:
        _print_plan(config)
        return 0
    limit_threads(args.threads)
    from recap_bench.loop.iterate import run
    from recap_bench.reporting.progress import make_display
    from recap_bench.reporting.report import write_report
    from recap_bench.reporting.run_progress import RunProgress

    with make_display() as display:
        display.message(f"run in {config.out}: {', '.join(config.methods)} on {', '.join(config.tasks)}")
        run(config, RunProgress(config, display))
        written = write_report([config.out])
        display.message(f"report in {written[0].parent}")
        for task in config.tasks:
            _film(config, task, display.message)
    print((written[0].parent / "summary.md").read_text())
    return 0


def _config(args: argparse.Namespace) -> "RunConfig":
    from recap_bench.config import make_config
    from recap_bench.envs import load_task
    from recap_bench.method import METHODS

    given = {field: getattr(args, option) for option, (field, _) in OVERRIDES.items()}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes |= {"out": args.out} if args.out else {}
    tasks = tuple(all_tasks(args.tasks))
    for task in tasks if args.start else ():  # now rather than hours later, when the task's turn comes
        load_task(task).start_named(args.start)
    return make_config(
        args.preset,
        tasks=tasks,
        start=args.start,
        methods=tuple(METHODS) if "all" in args.methods else tuple(args.methods),
        seeds=tuple(args.seeds),
        threads=args.threads,
        device=args.device,
        **changes,
    )


def _print_plan(config: "RunConfig") -> None:
    from recap_bench.loop.plan import make_plan
    from recap_bench.method import make_method

    for name, value in config.to_dict().items():
        print(f"{name}: {value}")
    phases = make_plan(config, [make_method(name) for name in config.methods])
    print(f"{len(phases)} phases:")
    for number, phase in enumerate(phases, 1):
        print(f"  {number:>3} {phase.title}")


def _film(config: "RunConfig", task: str, say: Any) -> None:
    """Film the evaluation episode in which the last policy got furthest; say so if that is impossible."""
    from recap_bench.commands.final_policy import film_final_policy
    from recap_bench.errors import RenderingUnavailableError

    try:
        say(f"film in {film_final_policy(config, task)}")
    except RenderingUnavailableError as error:
        say(f"WARNING no film of {task}: {error}")
