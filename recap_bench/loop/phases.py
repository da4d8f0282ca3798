"""What each phase of a run does; phases talk to each other through the run folder only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gymnasium.vector import AutoresetMode

from recap_bench import method as methods
from recap_bench.config import RunConfig
from recap_bench.data.files import read_json
from recap_bench.data.steps import StepData, concatenate
from recap_bench.data.store import Store
from recap_bench.envs.catalog import load_task
from recap_bench.errors import DataError
from recap_bench.learning import load_policy
from recap_bench.learning.tasks import TaskFacts
from recap_bench.loop import plan
from recap_bench.loop.collect import Assignment, collect_into, store_header
from recap_bench.loop.evaluate import EvaluationResult, Labels, evaluate
from recap_bench.loop.events import Observer, PhaseAdvanced, Warned
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.plan import Phase
from recap_bench.loop.recorder import Origin
from recap_bench.loop.run_folder import RunFolder, write_rows
from recap_bench.loop.workers import Fleet, Workers
from recap_bench.method import FitContext, Method
from recap_bench.policy import Policy
from recap_bench.protocol import protocol

if TYPE_CHECKING:
    from recap_bench.envs.task import TaskSpec
    from recap_bench.envs.vector_env import TaskVectorEnv


def pretrain(context: FitContext) -> Path:
    """Fit V_pre and pi_pre; loads torch."""
    from recap_bench.learning.stages import pretrain

    return pretrain(context)


def make_env(config: RunConfig, task: str, dumps: Path) -> "TaskVectorEnv":
    """Return the simulations of `task` for rollouts; diverged episodes are dumped into `dumps`."""
    from recap_bench.envs import make_vec

    return make_vec(
        task,
        num_envs=config.num_envs,
        threads=config.threads,
        randomization=config.randomization,
        start=config.start,
        autoreset_mode=AutoresetMode.DISABLED,
        dump_dir=dumps,
    )


@dataclass(frozen=True)
class Parts:
    """What the loop is run with; tests put small ones in."""

    make_env: Callable[[RunConfig, str, Path], "TaskVectorEnv"] = make_env
    """(config, task, folder for dumps) -> simulations."""
    make_method: Callable[[str], Method] = methods.make_method
    """Name -> method."""
    load_policy: Callable[..., Policy] = load_policy
    """(checkpoint folder, **overrides) -> policy."""
    pretrain: Callable[[FitContext], Path] = pretrain
    """Fits V_pre and pi_pre and returns their folder."""


REAL_PARTS = Parts()
"""The suite's own environments, methods and policies."""


class Phases:
    """The phases of one run of `config` in `folder`."""

    def __init__(self, config: RunConfig, folder: RunFolder, parts: Parts, observe: Observer) -> None:
        self.config, self._folder, self._parts, self._observe = config, folder, parts, observe
        self.methods = {name: parts.make_method(name) for name in (plan.FOUNDATION, *config.methods)}
        """Every method of the run by name."""
        self._envs: dict[tuple[str, str | None], TaskVectorEnv] = {}
        """Task and start -> simulations."""
        self._workers: Workers | None = None

    def close(self) -> None:
        """Close all simulations and end the workers."""
        for env in self._envs.values():
            env.close()
        if self._workers:
            self._workers.close()

    def run(self, phase: Phase) -> dict[str, Any]:
        """Do the work of `phase` and return its result, in JSON types."""
        work = {
            plan.DEMONSTRATIONS: self._demonstrate,
            plan.PRETRAIN: self._pretrain,
            plan.FIT: self._fit,
            plan.EVALUATION: self._evaluate,
            plan.CHECK: self._check,
            **dict.fromkeys(plan.COLLECTIONS, self._collect),
        }
        return work[phase.name](phase)

    def _demonstrate(self, phase: Phase) -> dict[str, Any]:
        """Collect the demonstrations of a task for the pre-training; a seed of a run takes them over from there."""
        if phase.method != plan.PRETRAINING:
            shared = plan.demonstrations_of(phase.task)
            self._store(phase).link(self._store(shared), phase.group)
            return self._needed(shared)
        controllers = Controllers(profiles=self.config.profile_mix)
        return self._collect_into(phase, controllers, self.config.demonstrated(phase.task), "demonstration")

    def _collect(self, phase: Phase) -> dict[str, Any]:
        policy = self._policy(plan.behaviour(phase))
        controllers = Controllers(policy)
        if phase.name == plan.CORRECTED:
            controllers = Controllers(policy, {}, self.config.gate, self.config.correction_budget_s)
        count = plan.collection_size(self.config, phase.task, phase.name)
        return self._collect_into(phase, controllers, count, "rollout")

    def _collect_into(self, phase: Phase, controllers: Controllers, count: int, source: str) -> dict[str, Any]:
        origin = Origin(phase.seed, source, phase.iteration)
        seeds = plan.environment_seeds(phase, count)
        assignment = Assignment(phase.group, seeds, origin, self.config.shard_episodes)
        simulations = self._simulations(phase.task, source, controllers)
        summary = collect_into(self._store(phase), simulations, controllers, assignment, self._reporter(phase))
        if summary.diverged_seeds:
            self._observe(Warned(phase, f"physics diverged and was left out for seeds {summary.diverged_seeds}"))
        return summary.to_dict()

    def _pretrain(self, phase: Phase) -> dict[str, Any]:
        tasks = self.config.demonstrated_tasks
        steps = concatenate([self._store(plan.demonstrations_of(task)).load([plan.DEMONSTRATIONS]) for task in tasks])
        context = self._context(phase, steps, tasks)
        path = self._parts.pretrain(replace(context, folder=self._folder.folder(phase) / "pretrained"))
        written = path / "diagnostics.json"
        diagnostics = read_json(written, "The same command makes it anew.") if written.is_file() else {}
        return {"pretrained": self._folder.relative(phase, path), "diagnostics": diagnostics}

    def _fit(self, phase: Phase) -> dict[str, Any]:
        groups = self._groups(phase)
        context = self._context(phase, self._store(phase).load(groups), (phase.task,))
        context = replace(context, pretrained=self._pretrained(), previous=self._previous(phase))
        result = self.methods[phase.method].fit(context)
        for message in result.warnings:
            self._observe(Warned(phase, message))
        return {
            "policy": self._folder.relative(phase, result.policy),
            "groups": groups,
            "variants": result.variants,
            "diagnostics": result.diagnostics,
            "warnings": list(result.warnings),
        }

    def _groups(self, phase: Phase) -> list[str]:
        """Return the groups of the store that the fit `phase` sees."""
        return plan.data_groups(self.config, self.methods[phase.method], phase)

    def _previous(self, phase: Phase) -> Path | None:
        """Return the folder of the fit before `phase`."""
        before = plan.fit_before(phase)
        return self._folder.folder(before) if before else None

    def _evaluate(self, phase: Phase) -> dict[str, Any]:
        result = self._evaluation(phase, self.config.evaluation_episodes, {})
        write_rows(self._folder.folder(phase) / "evaluation.csv", result.rows)
        return result.to_dict()

    def _check(self, phase: Phase) -> dict[str, Any]:
        """Evaluate the policy as it is ('positive') and each variant on the same few seeds; {} without variants."""
        variants = self._needed(_fit_of(phase))["variants"]
        results = {}
        for name, overrides in {"positive": {}, **variants}.items() if variants else ():
            result = self._evaluation(phase, self.config.check_episodes, overrides).to_dict()
            results[name] = {key: value for key, value in result.items() if key != "rows"}
        return results

    def _evaluation(self, phase: Phase, episodes: int, overrides: Mapping[str, Any]) -> EvaluationResult:
        controllers = Controllers(self._policy(_fit_of(phase), **overrides))
        start = self._start(phase.task, "evaluation") or load_task(phase.task).starts[0]
        run, randomization = self._folder.path.name, self.config.randomization
        labels = Labels(phase.method, run, phase.seed, phase.iteration, start, randomization)
        seeds = plan.environment_seeds(phase, episodes)
        simulations = self._simulations(phase.task, "evaluation", controllers)
        return evaluate(simulations, controllers, seeds, labels, self._reporter(phase))

    def _policy(self, fit: Phase, **overrides: Any) -> Policy:
        return self._parts.load_policy(
            self._folder.path / self._needed(fit)["policy"], device=self.config.device, **overrides
        )

    def _pretrained(self) -> Path:
        """Return the folder of the networks that fits start from."""
        phase = plan.pretraining_plan(self.config)[-1]
        return self._folder.adopt_pretrained(self._folder.home(phase) / self._needed(phase)["pretrained"])

    def _context(self, phase: Phase, steps: StepData, tasks: tuple[str, ...]) -> FitContext:
        folder = self._folder.folder(phase)
        folder.mkdir(parents=True, exist_ok=True)
        return FitContext(
            steps=steps,
            iteration=phase.iteration,
            tasks={task: task_facts(self._env(task).spec_of_task) for task in tasks},
            seed=phase.seed,
            folder=folder,
            config=self.config.learning,
            device=self.config.device,
            threads=self.config.threads,
            report=lambda stage, done, total: self._observe(PhaseAdvanced(phase, stage, done, total)),
        )

    def _needed(self, phase: Phase) -> dict[str, Any]:
        result = self._folder.result(phase)
        if result is None:
            raise DataError(f"{phase.title} has no result in {self._folder.folder(phase)}, but a later phase needs it.")
        return result

    def _store(self, phase: Phase) -> Store:
        header = store_header(self._env(phase.task).spec_of_task)
        return Store.open(self._folder.seed_folder(phase) / "store", header)

    def _env(self, task: str, source: str | None = None) -> "TaskVectorEnv":
        """Return the simulations for episodes of `source`, shared where these start in the same place.

        Without a source, those at the task's own start, to read its facts.
        """
        start = self.config.chosen_start(task) if source is None else self._start(task, source)
        if (task, start) not in self._envs:
            self._envs[task, start] = self._env_maker(task, start, self.config)()
        return self._envs[task, start]

    def _env_maker(self, task: str, start: str | None, config: RunConfig) -> "Callable[[], TaskVectorEnv]":
        return partial(self._parts.make_env, replace(config, start=start), task, self._folder.path / task / "diverged")

    def _start(self, task: str, source: str) -> str | None:
        return self.config.chosen_start(task) or self._env(task).spec_of_task.start_of(source)

    def _simulations(self, task: str, source: str, controllers: Controllers) -> "TaskVectorEnv | Fleet":
        """Return what flies episodes of `source`: the workers, if there are several and no budget to share."""
        config = self.config
        if config.workers == 1 or controllers.correction_budget_s is not None:
            return self._env(task, source)
        self._workers = workers = self._workers or Workers(config.workers, config.threads)
        part = replace(config, num_envs=workers.share(config.num_envs), threads=workers.threads)
        make_env = self._env_maker(task, self._start(task, source), part)
        return Fleet(workers, make_env, self._env(task).spec_of_task, config.num_envs)

    def _reporter(self, phase: Phase) -> Callable[[int, int, dict[str, float]], None]:
        return lambda done, total, partial: self._observe(PhaseAdvanced(phase, "episodes", done, total, partial))


def task_facts(spec: "TaskSpec") -> TaskFacts:
    """Return what learning knows of a task."""
    return TaskFacts(spec.max_episode_steps, spec.phrasings, spec.state_names, protocol(spec.name).positive_fraction)


def _fit_of(phase: Phase) -> Phase:
    return Phase(phase.task, phase.seed, phase.method, phase.iteration, plan.FIT)
