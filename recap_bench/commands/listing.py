"""List the tasks with their starts, the methods, the operator profiles and the presets."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recap_bench.config import RunConfig
    from recap_bench.envs.operators import OperatorProfile

HELP = "list the tasks, methods, operator profiles and presets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no option."""


def execute(args: argparse.Namespace) -> int:
    """Print one line per name, with what it stands for."""
    from recap_bench.config import PRESETS
    from recap_bench.envs.catalog import NAMESPACE, load_task, task_names
    from recap_bench.envs.operators import PROFILES
    from recap_bench.method import METHODS

    entries = {
        "task": {NAMESPACE + name: f"starts: {_starts(load_task(name).starts)}" for name in task_names()},
        "method": dict.fromkeys(METHODS, ""),
        "profile": {name: _profile(profile) for name, profile in PROFILES.items()},
        "preset": {name: _preset(preset) for name, preset in PRESETS.items()},
    }
    for kind, named in entries.items():
        width = max(map(len, named))
        for name, text in named.items():
            print(f"{kind:<8} {name:<{width}}  {text}".rstrip())
    return 0


def _starts(starts: Sequence[str]) -> str:
    """Return the names of starts; of those that fix an object, e.g. towel_flat beside flat, the objects' only."""
    fixed = [start for start in starts if start.rpartition("_")[2] in starts and "_" in start]
    plain = ", ".join(start for start in starts if start not in fixed)
    objects = ", ".join(dict.fromkeys(start.rpartition("_")[0] for start in fixed))
    return f"{plain}; or e.g. {fixed[0]}, of {objects}" if fixed else plain


def _profile(profile: "OperatorProfile") -> str:
    return (
        f"{profile.speed:.2f} of the skilled speed, pauses before {profile.hesitation_rate:.0%} of the motions, misses "
        f"{profile.fumble_probability:.0%} of the grasps, errs in {profile.mistake_probability:.0%} of the phases"
    )


def _preset(preset: "RunConfig") -> str:
    rollouts, policy = preset.rollouts_per_iteration, preset.learning.policy
    return (
        f"{preset.demonstrations} demonstrations, iterations: {preset.iterations} of "
        f"{'as many rollouts as the paper' if rollouts is None else f'{rollouts} rollouts'}, "
        f"evaluations of {preset.evaluation_episodes}, policy {policy.width} x {policy.blocks}"
    )
