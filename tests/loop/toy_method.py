"""A method that fits in microseconds, and the parts that run the loop on the toy environment."""

import json
from pathlib import Path

import numpy as np

from recap_bench.config import RunConfig
from recap_bench.loop.intervention import GateConfig
from recap_bench.loop.phases import Parts
from recap_bench.method import FitContext, FitResult
from tests.toy_env import SteadyPolicy, ToyVectorEnv


class ToyMethod:
    """Reaches farther with each iteration; the data's mean action is mixed in to reveal any other data."""

    iterates = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.uses_corrections = name == "recap"
        self.iterates = name != "sft"

    def fit(self, context: FitContext) -> FitResult:
        assert context.pretrained is not None
        assert context.pretrained.is_dir()
        for done in (1, 2):
            context.report("policy", done, 2)
        noise = 1e-3 * (1 + abs(float(np.mean(context.steps.actions, dtype=np.float64))))
        values = {"reach": 0.85 + 0.1 * context.iteration, "noise": noise}
        (context.folder / "policy.json").write_text(json.dumps(values))
        diagnostics = {
            "episodes": context.steps.num_episodes,
            "positions": context.steps.num_steps,
            "previous": context.previous and "/".join(context.previous.parts[-6:]),  # from the run's folder on
        }
        variants = {"negative": {"reach": 0.2}} if self.uses_corrections else {}
        return FitResult(context.folder, diagnostics, variants, ("a toy",) if context.iteration else ())


def pretrain_toy(context: FitContext) -> Path:
    context.folder.mkdir(parents=True, exist_ok=True)
    (context.folder / "start.json").write_text("{}")
    return context.folder


def load_toy_policy(path: Path, device: str, **overrides: float) -> SteadyPolicy:
    return SteadyPolicy(**{**json.loads((path / "policy.json").read_text()), **overrides})


def toy_config(out: Path, **changes) -> RunConfig:
    watched = {"gate": GateConfig(no_progress_s=0.4, reaction_delay_s=0.04)}
    values = {
        "methods": ("recap", "filtered_bc"),
        "num_envs": 4,
        "demonstrations": 6,
        "iterations": 2,
        "rollouts_per_iteration": 6,
        "corrected_share": 0.5,
        "evaluation_episodes": 5,
        "check_episodes": 3,
        "shard_episodes": 2,
        "cache": out.parent / "pretrained",
        **(watched if changes.get("iterations", 2) else {}),
    }
    return RunConfig(out=out, **{**values, **changes})


def make_toy_env(config: RunConfig, task: str, dumps: Path) -> ToyVectorEnv:
    return ToyVectorEnv(config.num_envs)


TOY_PARTS = Parts(
    make_env=make_toy_env,
    make_method=ToyMethod,
    load_policy=load_toy_policy,
    pretrain=pretrain_toy,
)
