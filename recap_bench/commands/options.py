"""Options that several commands share."""

import argparse
from collections.abc import Sequence


def add_tasks(parser: argparse.ArgumentParser) -> None:
    """Add --tasks."""
    parser.add_argument(
        "--tasks", nargs="+", default=["all"], metavar="ID", help="tasks, with or without 'recap_bench/', or 'all'"
    )


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add --task."""
    parser.add_argument("--task", required=True, metavar="ID", help="task, with or without 'recap_bench/'")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Add --threads."""
    parser.add_argument("--threads", type=int, default=0, help="threads of physics and learning; 0 takes every core")


def add_num_envs(parser: argparse.ArgumentParser, default: int | None = 32) -> None:
    """Add --num-envs."""
    parser.add_argument("--num-envs", type=int, default=default, help="simulations stepped together")


def all_tasks(names: Sequence[str]) -> list[str]:
    """Return the tasks' names without prefix, each once; raise UnknownNameError with the known ones."""
    from recap_bench.envs.catalog import normalise_task_name, task_names

    return task_names() if "all" in names else list(dict.fromkeys(normalise_task_name(name) for name in names))
