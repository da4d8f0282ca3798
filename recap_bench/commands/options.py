"""Options that several commands share."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv
    from recap_bench.loop.workers import Fleet

RANDOMIZATION = "standard"
"""How far start states vary unless told otherwise."""


class Gather(argparse.Action):
    """A list whose option may be given several times: the first replaces the default, the others add to it."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        """Add `values` to what was given before."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if before is self.default else before), *values])


def file_to_write(text: str) -> Path:
    """Return the path of a file that can be written, as a type of argparse; its folder is made when it is written."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"must be a file, but {text} is a folder")
    folder_to_write(str(path.parent))
    return path


def folder_to_write(text: str) -> Path:
    """Return the path of a folder that is there or can be made, as a type of argparse."""
    path = Path(text)
    for part in (path, *path.parents):
        if part.exists() and not part.is_dir():
            raise argparse.ArgumentTypeError(f"must be in a folder, but {part} is a file")
    return path


def add_tasks(parser: argparse.ArgumentParser, default: str = "all") -> None:
    """Add --tasks."""
    parser.add_argument(
        "--tasks",
        nargs="+",
        action=Gather,
        default=[default],
        metavar="ID",
        help="tasks, with or without 'recap_bench/', or 'all'",
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


def add_device(parser: argparse.ArgumentParser, use: str = "of training and inference") -> None:
    """Add --device."""
    parser.add_argument("--device", default="cpu", help=f"torch device {use}, 'cpu' or 'cuda'")


def add_randomization(parser: argparse.ArgumentParser) -> None:
    """Add --randomization; None, if it is not given, is RANDOMIZATION to `simulations`."""
    parser.add_argument("--randomization", default=None, help=f"none, standard or wide; by default {RANDOMIZATION}")


def add_start(parser: argparse.ArgumentParser) -> None:
    """Add --start."""
    parser.add_argument("--start", default=None, help="where episodes start, e.g. stack; else the task's own choice")


def changed(args: argparse.Namespace, usual: Mapping[str, Any]) -> str:
    """Return the options that were given another value than the `usual` one, for a message; '' if none was."""
    return ", ".join(f"--{name.replace('_', '-')}" for name, value in usual.items() if getattr(args, name) != value)


def limit_threads(threads: int) -> None:
    """Let torch use `threads` threads; 0 leaves its own choice."""
    if threads > 0:
        import torch

        torch.set_num_threads(threads)


def add_settings(parser: argparse.ArgumentParser, use: str) -> None:
    """Add --set."""
    parser.add_argument("--set", nargs="+", action=Gather, default=[], metavar="NAME=VALUE", help=use)


def run_above(file: Path) -> dict[str, Any]:
    """Return the config of the run in whose folder `file` lies, {} if it lies in none."""
    from recap_bench.data.files import CONFIG, read_config

    for folder in file.resolve().parents:
        if (folder / CONFIG).is_file():
            return dict(read_config(folder).get("config", {}))
    return {}


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add --workers."""
    parser.add_argument("--workers", type=int, default=1, help="processes that simulations and threads are spread over")


@contextmanager
def simulations(args: argparse.Namespace, source: str) -> "Iterator[TaskVectorEnv | Fleet]":
    """Open what --task, --num-envs, --threads, --workers, --randomization and --start describe, for rollouts.

    Without --start, episodes start where the task lets those of `source` start.
    """
    from gymnasium.vector import AutoresetMode

    from recap_bench.envs import make_vec, task_spec
    from recap_bench.errors import ConfigurationError
    from recap_bench.loop.workers import Fleet, Workers

    if args.workers < 1:
        raise ConfigurationError(f"--workers must be at least 1, received {args.workers}.")
    spec = task_spec(args.task)
    start, mode = args.start or spec.start_of(source), AutoresetMode.DISABLED
    randomization = args.randomization or RANDOMIZATION
    make_env = partial(make_vec, args.task, randomization=randomization, start=start, autoreset_mode=mode)
    if args.workers == 1:
        with closing(make_env(num_envs=args.num_envs, threads=args.threads)) as env:
            yield env
        return
    with closing(Workers(args.workers, args.threads)) as workers:
        part = partial(make_env, num_envs=workers.share(args.num_envs), threads=workers.threads)
        yield Fleet(workers, part, spec, args.num_envs)
