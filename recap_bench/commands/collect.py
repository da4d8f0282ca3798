"""Collect episodes into a store: demonstrations, or rollouts of a policy with or without corrections.

Episode i starts from environment seed S + i. Seeds that the store holds already are not collected again. A store keeps
what it was collected with, and takes no episodes of another start, randomization, policy or profile beside them.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from recap_bench.commands.options import (
    RANDOMIZATION,
    add_num_envs,
    add_randomization,
    add_start,
    add_task,
    add_threads,
    add_workers,
    folder_to_write,
    limit_threads,
    simulations,
)
from recap_bench.errors import ConfigurationError

if TYPE_CHECKING:
    from recap_bench.loop.pilots import Controllers

HELP = "collect episodes into a store"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add who acts, how often, and the store."""
    add_task(parser)
    parser.add_argument("--policy", default="oracle", help="oracle, or the folder of a checkpoint")
    parser.add_argument("--profile", default="mix", help="operator profile that acts or corrects, or 'mix'")
    parser.add_argument("--corrections", action="store_true", help="let an operator correct the policy")
    parser.add_argument("--episodes", type=int, default=100, help="number of episodes")
    parser.add_argument("--seed", type=int, default=0, help="environment seed of the first episode")
    parser.add_argument("--out", type=folder_to_write, required=True, help="folder of the store, made if missing")
    add_num_envs(parser)
    add_threads(parser)
    add_workers(parser)
    add_randomization(parser)
    add_start(parser)


def execute(args: argparse.Namespace) -> int:
    """Collect, and print what the store's group holds."""
    if args.episodes < 1:
        raise ConfigurationError(f"--episodes must be at least 1, received {args.episodes}.")
    limit_threads(args.threads)
    _refuse_store_of_a_run(args.out)
    from recap_bench.data.store import Store
    from recap_bench.loop.collect import Assignment, collect_into, store_header
    from recap_bench.loop.recorder import Origin
    from recap_bench.reporting.progress import make_display

    demonstrations = args.policy == "oracle"
    group = "demonstrations" if demonstrations else "corrected" if args.corrections else "autonomous"
    origin = Origin(run_seed=args.seed, source="demonstration" if demonstrations else "rollout")
    controllers = _controllers(args)
    assignment = Assignment(group, [args.seed + index for index in range(args.episodes)], origin)
    with make_display() as display, simulations(args, origin.source) as opened:

        def report(done: int, total: int, partial: dict[str, float]) -> None:
            display.update(f"collect {group}", done, total)

        store = Store.open(args.out, store_header(opened.spec_of_task))
        store.agree(group, _conditions(args, controllers, origin.source))
        display.update(f"collect {group}", 0, args.episodes)
        summary = collect_into(store, opened, controllers, assignment, report).to_dict()
    for name, value in summary.items():
        print(f"{name}: {value}")
    if not store.conditions(group):
        print(f"note: {args.out} does not say what its first episodes were collected with, so that was not compared")
    return 0


def _refuse_store_of_a_run(store: Path) -> None:
    from recap_bench.loop.run_folder import home_of_store

    home = home_of_store(store)
    if home is not None:
        raise ConfigurationError(
            f"--out {store} is the store of {home}, whose fits would take these episodes for their own; collect "
            "into another folder."
        )


def _conditions(args: argparse.Namespace, controllers: "Controllers", source: str) -> dict[str, str]:
    """Return what the episodes are collected with, option -> value; paths of checkpoints are absolute."""
    from recap_bench.envs import load_task

    conditions = {
        "start": load_task(args.task).start_of(source, args.start),
        "randomization": args.randomization or RANDOMIZATION,
        "policy": "oracle" if controllers.policy is None else str(Path(args.policy).resolve()),
    }
    if controllers.policy is None:
        conditions["profile"] = args.profile
    elif controllers.gate is not None:
        conditions["profile"] = controllers.gate.profile
    return conditions


def _controllers(args: argparse.Namespace) -> "Controllers":
    from recap_bench.config import PROFILE_MIX
    from recap_bench.envs.catalog import normalise_task_name
    from recap_bench.envs.operators import profile
    from recap_bench.learning import load_policy
    from recap_bench.loop.intervention import GateConfig
    from recap_bench.loop.pilots import Controllers

    if args.policy == "oracle":
        if args.corrections:
            raise ConfigurationError("--corrections needs a policy to correct; --policy is oracle.")
        return Controllers(profiles=PROFILE_MIX if args.profile == "mix" else {profile(args.profile).name: 1.0})
    if args.profile != "mix" and not args.corrections:
        raise ConfigurationError("--profile has no effect on a policy without --corrections: no operator acts.")
    policy = load_policy(args.policy, task=normalise_task_name(args.task))
    if not args.corrections:
        return Controllers(policy)
    gate = GateConfig() if args.profile == "mix" else GateConfig(profile=profile(args.profile).name)
    return Controllers(policy, gate=gate)
