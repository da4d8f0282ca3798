"""How long a run will take on this machine: a brief measurement of each task, and what each phase makes of it."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recap_bench.config import RunConfig
from recap_bench.data.steps import StepData, from_episodes
from recap_bench.envs import task_spec
from recap_bench.learning.config import LearningConfig
from recap_bench.learning.descent import check_device
from recap_bench.loop import plan
from recap_bench.loop.phases import REAL_PARTS, Parts, task_facts
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.plan import Phase
from recap_bench.loop.recorder import Origin
from recap_bench.loop.rollout import collect
from recap_bench.method import FitContext
from recap_bench.policy import Policy

if TYPE_CHECKING:
    from recap_bench.envs.task import TaskSpec

EPISODES = 4
"""Demonstrations that are flown to measure a task, side by side: one to a few seconds."""

GRADIENT_STEPS = 20
"""Steps of the policy's fit that are measured: half a second of the standard network on one core."""

A_SINGLE_STEP = 1e-9
"""So few passes through the data that a fit takes one gradient step."""

INFERENCES = 5
"""Chunks of all simulations that are inferred to measure the policy."""


@dataclass(frozen=True)
class Pace:
    """What one task costs on this machine, measured."""

    control_step_s: float
    """Wall time of one control step of one simulation, operator and recording included [s]."""
    demonstration_steps: float
    """Mean length of a demonstration [control steps]."""
    limit_steps: int
    """Time limit of the task [control steps]."""
    inference_s: float
    """Wall time of the policy per control step of one simulation [s]."""
    value_step_s: float
    """One gradient step of one value network [s]."""
    pretrain_step_s: float
    """One gradient step of the policy in the pre-training [s]."""
    fit_step_s: float
    """The same in later fits, whose batches may have another size [s]."""


def measure(config: RunConfig, task: str, parts: Parts = REAL_PARTS) -> Pace:
    """Fly a few demonstrations of `task` and take a few gradient steps of the networks of `config`; leaves no file."""
    check_device(config.device)
    with tempfile.TemporaryDirectory() as folder:
        start = config.chosen_start(task) or task_spec(task).start_of("demonstration")
        few = replace(config, num_envs=EPISODES, start=start)
        env = parts.make_env(few, task, Path(folder) / "diverged")
        controllers = Controllers(profiles=config.profile_mix)
        began = time.perf_counter()
        episodes = list(collect(env, controllers, range(EPISODES), Origin(0, "demonstration")))
        flight_s = time.perf_counter() - began
        spec = env.spec_of_task
        env.close()
        steps = from_episodes(episodes, spec.state_names)
        learner = _Learner(config, spec, Path(folder), parts)
        step_s = learner.fit(steps)
        inference_s = _inference_s(learner.policy, steps, config.num_envs, spec.instruction)
    length = steps.num_steps / steps.num_episodes
    return Pace(flight_s / steps.num_steps, length, spec.max_episode_steps, inference_s, *step_s)


def phase_s(config: RunConfig, phase: Phase, pace: Pace) -> float:
    """Return how long `phase` takes at most [s].

    That is: attempts of a policy last until the time limit, every episode is imitated, and no fit of a value function
    stops early.
    """
    attempt_s = pace.limit_steps * (pace.control_step_s + pace.inference_s)
    value, policy = config.learning.value, config.learning.policy
    values_s = value.folds * value.steps * pace.value_step_s
    if phase.name == plan.DEMONSTRATIONS and phase.method != plan.PRETRAINING:
        return 0.0  # the run takes over those of the pre-training
    if phase.name == plan.DEMONSTRATIONS:
        return config.demonstrated(phase.task) * pace.demonstration_steps * pace.control_step_s
    if phase.name == plan.PRETRAIN:
        return values_s + policy.pretraining_steps(len(config.demonstrated_tasks)) * pace.pretrain_step_s
    if phase.name == plan.FIT:
        policy_s = policy.fit_steps(_steps_so_far(config, phase, pace)) * pace.fit_step_s
        return values_s + policy_s if phase.iteration > 0 else policy_s
    if phase.name in plan.COLLECTIONS:
        return plan.collection_size(config, phase.task, phase.name) * attempt_s
    if phase.name == plan.CHECK:
        return plan.CHECKED_CONDITIONS * config.check_episodes * attempt_s
    return config.evaluation_episodes * attempt_s


def estimate_s(config: RunConfig, phases: tuple[Phase, ...], paces: Mapping[str, Pace]) -> list[float]:
    """Return phase_s of each of `phases`; `paces` holds the pace of every task that is demonstrated or run."""
    first = next(iter(paces.values()))  # networks are fitted at the same pace on any task
    return [phase_s(config, phase, paces.get(phase.task, first)) for phase in phases]


def _steps_so_far(config: RunConfig, phase: Phase, pace: Pace) -> int:
    """Return the control steps of all episodes of the task that a fit sees, at most."""
    demonstrated = config.demonstrated(phase.task) * pace.demonstration_steps
    return round(demonstrated + phase.iteration * config.rollouts(phase.task) * pace.limit_steps)


class _Learner:
    """Fits the networks of a config for a few steps, and notes when."""

    def __init__(self, config: RunConfig, spec: "TaskSpec", folder: Path, parts: Parts) -> None:
        value = replace(config.learning.value, folds=1, steps=config.learning.value.check_every, strict=False)
        policy = replace(config.learning.policy, pretrain_steps=GRADIENT_STEPS, passes=A_SINGLE_STEP)
        self._learning = replace(config.learning, value=value, policy=policy)
        self._config, self._spec, self._folder, self._parts = config, spec, folder, parts
        self._reached: dict[str, float] = {}
        self.policy: Policy

    def fit(self, steps: StepData) -> tuple[float, float, float]:
        """Fit networks to `steps` and set `policy`.

        Returns the time of a gradient step of the value, and of the policy in the pre-training and in a fit.
        """
        method = self._parts.make_method(plan.FOUNDATION)
        context, policy = self._context(steps), self._learning.policy
        self._parts.pretrain(replace(context, config=_shortest(self._learning)))  # the first steps are slower
        as_fits = replace(_shortest(self._learning), policy=replace(policy, batch=policy.fit_batch))
        _, fit_step_s = self._pretrain(replace(context, config=as_fits))
        value_step_s, pretrain_step_s = self._pretrain(context)
        fitted = method.fit(replace(context, pretrained=self._folder, folder=self._folder / "fit"))
        self.policy = self._parts.load_policy(fitted.policy, device=self._config.device)
        return value_step_s, pretrain_step_s, fit_step_s

    def _pretrain(self, context: FitContext) -> tuple[float, float]:
        """Pre-train; return the time of a gradient step of the value and of the policy."""
        self._reached.clear()
        began = time.perf_counter()
        self._parts.pretrain(context)
        value_end = self._reached.get("value", began)
        policy_end = self._reached.get("policy", value_end)
        return (value_end - began) / self._learning.value.steps, (policy_end - value_end) / GRADIENT_STEPS

    def _context(self, steps: StepData) -> FitContext:
        (self._folder / "fit").mkdir()
        return FitContext(
            steps=steps,
            iteration=0,
            tasks={self._spec.name: task_facts(self._spec)},
            seed=0,
            folder=self._folder,
            config=self._learning,
            device=self._config.device,
            threads=self._config.threads,
            report=self._note,
        )

    def _note(self, stage: str, done: int, total: int) -> None:
        self._reached[stage] = time.perf_counter()


def _shortest(learning: LearningConfig) -> LearningConfig:
    """Return the config with a single gradient step of each kind."""
    value = replace(learning.value, steps=1, check_every=1)
    return replace(learning, value=value, policy=replace(learning.policy, pretrain_steps=1))


def _inference_s(policy: Policy, steps: StepData, num_envs: int, instruction: str) -> float:
    """Return the wall time of `policy` per control step of one of `num_envs` simulations that act together [s]."""
    rows = np.resize(np.arange(steps.num_steps), num_envs)
    observation = {name: getattr(steps, name)[rows] for name in ("agent_pos", "environment_state")}
    rngs = [np.random.default_rng(row) for row in range(num_envs)]
    policy.act(observation, [instruction] * num_envs, rngs)  # the first call is slower
    began = time.perf_counter()
    for _ in range(INFERENCES):
        policy.act(observation, [instruction] * num_envs, rngs)
    return (time.perf_counter() - began) / (INFERENCES * num_envs * policy.execute_steps)
