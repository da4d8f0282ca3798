"""Evaluate a policy on fresh seeds: success, throughput, stages and failure modes, with 95 % intervals.

Episode i starts from environment seed S + i, or, with --starts-of, where that of another evaluation did, in the same
place of the task and with the same randomization: then `recap-bench compare` pairs the two.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recap_bench.commands.options import (
    RANDOMIZATION,
    add_device,
    add_num_envs,
    add_randomization,
    add_start,
    add_task,
    add_threads,
    add_workers,
    changed,
    file_to_write,
    limit_threads,
    run_above,
    simulations,
)

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv
    from recap_bench.loop.evaluate import Labels
    from recap_bench.loop.pilots import Controllers
    from recap_bench.loop.workers import Fleet
    from recap_bench.policy import Policy

HELP = "evaluate a policy on fresh seeds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is evaluated, on what, and where the results go."""
    add_task(parser)
    parser.add_argument("--policy", required=True, help="oracle, idle, random, shuffled, or the folder of a checkpoint")
    parser.add_argument("--profile", default=None, help="operator profile of the oracle; by default skilled")
    parser.add_argument("--condition", default=None, help="positive, negative or none; else the checkpoint's")
    parser.add_argument("--guidance", type=float, default=None, help="guidance; else the checkpoint's")
    parser.add_argument("--sampling-noise", type=float, default=None, help="scale of noise; else the checkpoint's")
    parser.add_argument("--name", default=None, help="what rows call the policy; by default what --policy says")
    parser.add_argument("--episodes", type=int, default=None, help="number of episodes; by default 100")
    parser.add_argument("--seed", type=int, default=None, help="environment seed of the first episode; by default 0")
    parser.add_argument(
        "--starts-of",
        type=Path,
        default=None,
        metavar="ROWS",
        help="start states of this evaluation instead, e.g. RUN/TASK/seed0/methods/recap/iteration1/evaluation.csv",
    )
    add_num_envs(parser)
    add_threads(parser)
    add_workers(parser)
    add_device(parser, "of the checkpoint's inference")
    add_randomization(parser)
    add_start(parser)
    parser.add_argument("--json", type=file_to_write, default=None, help="file for the measures and the rows")
    parser.add_argument("--csv", type=file_to_write, default=None, help="file for one row per episode")


def execute(args: argparse.Namespace) -> int:
    """Run the episodes, print the measures, and write the files."""
    limit_threads(args.threads)
    from recap_bench.envs import load_task
    from recap_bench.loop.evaluate import evaluate
    from recap_bench.loop.run_folder import write_rows
    from recap_bench.reporting.progress import make_display

    seeds, labels = _assignment(args)
    start = load_task(args.task).start_of("evaluation", args.start)
    labels = replace(labels, start=start, randomization=args.randomization or RANDOMIZATION)
    with make_display() as display, simulations(args, "evaluation") as opened:

        def report(done: int, total: int, partial: dict[str, float]) -> None:
            display.update(f"evaluate {args.policy}", done, total, f"success rate {partial['success_rate']:.2f}")

        display.update(f"evaluate {args.policy}", 0, len(seeds))
        result = evaluate(opened, _controllers(args, opened), seeds, labels, report).to_dict()
    for path in (args.json, args.csv):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    if args.csv:
        write_rows(args.csv, result["rows"])
    print(json.dumps({name: value for name, value in result.items() if name != "rows"}, indent=1))
    return 0


def _assignment(args: argparse.Namespace) -> "tuple[list[int], Labels]":
    """Return the environment seeds, and what the rows are labelled with; with --starts-of, set the start to match."""
    from recap_bench.envs.catalog import normalise_task_name
    from recap_bench.errors import ConfigurationError, DataError
    from recap_bench.loop.evaluate import Labels
    from recap_bench.reporting.tables import START, read_rows

    name, rows_file = args.name or args.policy, args.starts_of
    if rows_file is None:
        first = args.seed or 0
        return [first + index for index in range(100 if args.episodes is None else args.episodes)], Labels(name)
    if args.seed is not None or args.episodes is not None:
        raise ConfigurationError("--seed and --episodes have no effect with --starts-of, which has its own.")
    task, rows = normalise_task_name(args.task), read_rows(rows_file)
    if set(rows["task"]) != {task} or len(of := rows[["seed", "iteration"]].drop_duplicates()) > 1:
        raise DataError(f"{rows_file} must hold one evaluation of {task}: of one training seed and iteration.")
    for option, theirs in _start_of_rows(rows_file, rows[START].drop_duplicates().to_dict("records"), task).items():
        _adopt(args, option, theirs)
    seed, iteration = (int(value) for value in of.iloc[0])
    return [int(value) for value in rows["env_seed"].drop_duplicates()], Labels(name, "", seed, iteration)


def _start_of_rows(rows_file: Path, found: list[dict[str, str]], task: str) -> dict[str, str | None]:
    """Return start and randomization of an evaluation, of those `found` in its rows; None for what nothing says.

    Rows of earlier versions do not say; then the config of the run counts in whose folder they lie.
    """
    from recap_bench.envs import load_task
    from recap_bench.errors import DataError

    if len(found) > 1:
        raise DataError(f"{rows_file} must hold one evaluation, its episodes start in several places: {found}.")
    if all(found[0].values()):
        return dict(found[0])
    run = run_above(rows_file)
    if not run:
        return dict.fromkeys(found[0])
    start = load_task(task).start_of("evaluation", run.get("start"))
    return {"start": start, "randomization": run.get("randomization")}


def _adopt(args: argparse.Namespace, option: str, theirs: str | None) -> None:
    """Set `option` to that of the rows of --starts-of; raise ConfigurationError if another, or none, is given."""
    from recap_bench.errors import ConfigurationError

    given = getattr(args, option)
    if theirs and given not in (None, theirs):
        raise ConfigurationError(
            f"{args.starts_of} was flown with --{option} {theirs}, received {given}. Leave out --{option}."
        )
    if not theirs and not given:
        raise ConfigurationError(
            f"{args.starts_of} is of an earlier version and does not say where its episodes start, nor does a run in "
            f"whose folder it lies. Give --{option} as it was flown."
        )
    setattr(args, option, theirs or given)


def _controllers(args: argparse.Namespace, opened: "TaskVectorEnv | Fleet") -> "Controllers":
    from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW
    from recap_bench.learning import load_policy
    from recap_bench.loop.pilots import Controllers
    from recap_bench.policy import IdlePolicy, RandomPolicy

    named = {
        "oracle": lambda: Controllers(profiles={args.profile or "skilled": 1.0}),
        "idle": lambda: Controllers(IdlePolicy()),
        "random": lambda: Controllers(RandomPolicy(ACTION_LOW, ACTION_HIGH)),
        "shuffled": lambda: Controllers(_shuffled(opened)),
    }
    _refuse_unread(args, args.policy in named)
    if args.policy in named:
        return named[args.policy]()
    task = opened.spec_of_task.name
    policy = load_policy(args.policy, args.condition, args.guidance, task, args.sampling_noise, args.device)
    return Controllers(policy)


def _refuse_unread(args: argparse.Namespace, named: bool) -> None:
    """Raise ConfigurationError for an option that only a checkpoint, or only the oracle, reads."""
    from recap_bench.errors import ConfigurationError

    given = changed(args, {"condition": None, "guidance": None, "sampling_noise": None, "device": "cpu"})
    if given and named:
        raise ConfigurationError(f"{given} has no effect on {args.policy!r}, which is no checkpoint.")
    if args.profile is not None and args.policy != "oracle":
        raise ConfigurationError(f"--profile has no effect on {args.policy!r}: the oracle alone has one.")


def _shuffled(opened: "TaskVectorEnv | Fleet") -> "Policy":
    """Return the policy that plays the actions of one skilled demonstration in random order."""
    from recap_bench.loop.pilots import Controllers
    from recap_bench.loop.recorder import Origin
    from recap_bench.loop.workers import fly
    from recap_bench.policy import ShuffledPolicy

    origin = Origin(run_seed=0, source="demonstration")
    (episode,) = fly(opened, Controllers(profiles={"skilled": 1.0}), [0], origin)
    return ShuffledPolicy(episode.actions)
