"""List the tasks, methods, operator profiles and presets by name."""

import argparse

HELP = "list the tasks, methods, operator profiles and presets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no option."""


def execute(args: argparse.Namespace) -> int:
    """Print one line per name."""
    from recap_bench.config import PRESETS
    from recap_bench.envs.catalog import NAMESPACE, task_names
    from recap_bench.envs.operators import PROFILES
    from recap_bench.method import METHODS

    names = {
        "task": [NAMESPACE + name for name in task_names()],
        "method": list(METHODS),
        "profile": list(PROFILES),
        "preset": list(PRESETS),
    }
    for kind, entries in names.items():
        for entry in entries:
            print(f"{kind:<8} {entry}")
    return 0
