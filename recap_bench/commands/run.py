"""Run the loop: demonstrations, fit, then rounds of rollouts, corrections, fit and evaluation.

A stopped run goes on where it stopped when it is started again with the same options.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recap_bench.commands.options import (
    Gather,
    add_device,
    add_settings,
    add_start,
    add_tasks,
    add_threads,
    all_tasks,
    folder_to_write,
    limit_threads,
)

if TYPE_CHECKING:
    from recap_bench.config import RunConfig

HELP = "run the loop on tasks, methods and seeds"

# Option -> field of the run's config, each replacing what the preset says.
OVERRIDES = {
    "num_envs": ("num_envs", "simulations stepped together"),
    "workers": ("workers", "processes that the simulations are spread over"),
    "iterations": ("iterations", "rounds of collecting and fitting"),
    "demonstrations": ("demonstrations", "demonstrated episodes per task, which all seeds share"),
    "rollouts": ("rollouts_per_iteration", "episodes that the policy collects per round"),
    "evaluation_episodes": ("evaluation_episodes", "episodes of each evaluation"),
    "check_episodes": ("check_episodes", "episodes per condition of the conditioning check"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is run, how large, and where it goes."""
    add_tasks(parser, default="Espresso-v0")
    parser.add_argument(
        "--methods", nargs="+", action=Gather, default=["recap"], metavar="NAME", help="methods, or 'all'"
    )
    parser.add_argument("--seeds", nargs="+", action=Gather, type=int, default=[0], metavar="S", help="training seeds")
    parser.add_argument(
        "--preset",
        default="quick",
        help="quick (minutes), standard (hours), large (a larger policy), paper (for a GPU)",
    )
    parser.add_argument(
        "--pretraining-tasks",
        nargs="+",
        action=Gather,
        default=None,
        metavar="ID",
        help="tasks to pre-train on; else those of the run",
    )
    parser.add_argument(
        "--task-demonstrations",
        nargs="+",
        action=Gather,
        type=_task_and_number,
        default=[],
        metavar="ID=N",
        help="demonstrated episodes of tasks that have more or fewer than --demonstrations",
    )
    parser.add_argument("--pretrained", type=Path, default=None, help="use this finished pre-training of the cache")
    parser.add_argument(
        "--cache", type=folder_to_write, default=None, help="folder of pre-trainings; by default runs/pretrained"
    )
    add_settings(parser, "options of RunConfig, e.g. learning.labels.look_ahead=25")
    parser.add_argument("--out", type=folder_to_write, default=None, help="folder of the run; by default runs/PRESET")
    add_threads(parser)
    add_device(parser)
    add_start(parser)
    for option, (_, text) in OVERRIDES.items():
        parser.add_argument(f"--{option.replace('_', '-')}", type=int, default=None, help=f"{text}; else the preset's")
    parser.add_argument("--dry-run", action="store_true", help="print the plan with estimated hours and stop")


def execute(args: argparse.Namespace) -> int:
    """Run, show the progress, and write the report and a film."""
    config = _config(args)
    limit_threads(args.threads)
    if args.dry_run:
        _print_plan(config)
        return 0
    from recap_bench.loop.events import all_of
    from recap_bench.loop.iterate import run
    from recap_bench.reporting.progress import make_display
    from recap_bench.reporting.report import write_report
    from recap_bench.reporting.run_progress import RunProgress
    from recap_bench.reporting.tensorboard_log import TensorBoardLog

    with make_display() as display:
        display.message(f"run in {config.out}: {', '.join(config.methods)} on {', '.join(config.tasks)}")
        run(config, all_of(RunProgress(config, display), TensorBoardLog(config.out, display.message)))
        written = write_report([config.out])
        display.message(f"report in {written[0].parent}")
        for task in config.tasks:
            _film(config, task, display.message)
    print((written[0].parent / "summary.md").read_text())
    return 0


def _task_and_number(text: str) -> tuple[str, int]:
    task, _, number = text.partition("=")
    if not number.isdigit():
        raise argparse.ArgumentTypeError(f"must be TASK=EPISODES, e.g. Espresso-v0=250, received {text!r}")
    return task, int(number)


def _config(args: argparse.Namespace) -> "RunConfig":
    from recap_bench.config import make_config
    from recap_bench.envs import load_task
    from recap_bench.method import METHODS
    from recap_bench.overrides import override

    given = {field: getattr(args, option) for option, (field, _) in OVERRIDES.items()}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    changes["task_demonstrations"] = dict(args.task_demonstrations)
    changes |= {name: getattr(args, name) for name in ("out", "cache", "pretrained") if getattr(args, name)}
    if args.pretraining_tasks:
        changes["pretraining_tasks"] = tuple(all_tasks(args.pretraining_tasks))
    tasks = tuple(all_tasks(args.tasks))
    for task in tasks if args.start else ():  # now rather than hours later, when the task's turn comes
        load_task(task).start_named(args.start)
    config = make_config(
        args.preset,
        tasks=tasks,
        start=args.start,
        methods=tuple(METHODS) if "all" in args.methods else tuple(args.methods),
        seeds=tuple(args.seeds),
        threads=args.threads,
        device=args.device,
        **changes,
    )
    return override(config, args.set)


def _print_plan(config: "RunConfig") -> None:
    from recap_bench.loop.estimate import estimate_s, measure
    from recap_bench.loop.plan import make_plan
    from recap_bench.loop.pretraining import check_pretrained, pretraining_folder
    from recap_bench.loop.run_folder import RunFolder
    from recap_bench.method import make_method

    folder = RunFolder(config.out, pretraining_folder(config))
    check_pretrained(config, folder)
    folder.check(config)
    for name, value in config.to_dict().items():
        print(f"{name}: {value}")
    phases = make_plan(config, [make_method(name) for name in config.methods])
    paces = {}
    for task in config.demonstrated_tasks:
        paces[task] = pace = measure(config, task)
        print(
            f"measured on {task}: {1 / pace.control_step_s:.0f} control steps/s, {1e3 * pace.fit_step_s:.1f} ms per "
            f"gradient step of a fit of the policy, {1e3 * pace.value_step_s:.1f} ms of a value network"
        )
    left = folder.unfinished(phases)
    hours = {phase: seconds / 3600 for phase, seconds in zip(left, estimate_s(config, left, paces), strict=True)}
    print(
        f"{len(phases)} phases, at most {sum(hours.values()):.2f} h: attempts that last the whole time limit, and value"
    )
    print("fits that do not stop early; a machine that is busy with other things takes longer.")
    for number, phase in enumerate(phases, 1):
        cost = f"{hours[phase]:7.3f} h" if phase in hours else f"{'done':>9}"
        print(f"  {number:>3} {cost}  {phase.title}")


def _film(config: "RunConfig", task: str, say: Any) -> None:
    """Film the evaluation episode in which the last policy got furthest; say so if that is impossible."""
    from recap_bench.commands.final_policy import film_final_policy
    from recap_bench.errors import RenderingUnavailableError

    try:
        say(f"film in {film_final_policy(config, task)}")
    except RenderingUnavailableError as error:
        say(f"WARNING no film of {task}: {error}")
