"""What a run says while it works: progress of its phases, results as they come, and the remaining time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from recap_bench.config import RunConfig
from recap_bench.loop import plan
from recap_bench.loop.events import Event, PhaseAdvanced, PhaseFinished, PhaseStarted, RunPlanned, Warned
from recap_bench.loop.plan import Phase
from recap_bench.reporting.progress import Display

EPISODE_S = 0.5
"""Duration of one of many episodes simulated together, measured on two cores [s]."""

EPISODE_STEPS = 1000
"""Control steps of an episode, roughly."""

GRADIENT_STEP_S = 1.3e-10
"""Duration of a gradient step per example, block and square of the width of the policy's network, measured on one core:
27 ms with 512 examples and 3 blocks of 256, 87 ms with 4 blocks of 512 [s]."""

UPDATE_EXAMPLES = 256
"""Examples that take as long as what a step does once, whatever its batch: clip, move and average the weights."""

FITTING = (plan.PRETRAIN, plan.FIT)


def prior_s(config: RunConfig, phase: Phase) -> float:
    """Return how long `phase` may take [s] before any has been timed; only relations matter much."""
    episodes = {
        plan.DEMONSTRATIONS: config.demonstrated(phase.task),
        plan.EVALUATION: config.evaluation_episodes,
        plan.CHECK: plan.CHECKED_CONDITIONS * config.check_episodes,
    }
    if phase.name in FITTING:
        policy = config.learning.policy
        steps, batch = policy.pretraining_steps(len(config.demonstrated_tasks)), policy.batch
        if phase.name == plan.FIT:
            episodes_so_far = config.demonstrated(phase.task) + phase.iteration * config.rollouts(phase.task)
            steps, batch = policy.fit_steps(EPISODE_STEPS * episodes_so_far), policy.fit_batch
        return GRADIENT_STEP_S * steps * (batch + UPDATE_EXAMPLES) * policy.width**2 * policy.blocks
    if phase.name in plan.COLLECTIONS:
        return EPISODE_S * plan.collection_size(config, phase.task, phase.name)
    return EPISODE_S * episodes[phase.name]


class RemainingTime:
    """Estimates the remaining time of a run; phases that have been timed correct the prior of their kind."""

    def __init__(self, prior_s: Mapping[Phase, float]) -> None:
        self._prior_s = dict(prior_s)
        self._waiting = dict.fromkeys(prior_s)
        self._timed: dict[bool, tuple[float, float]] = {True: (0.0, 0.0), False: (0.0, 0.0)}

    def finished(self, phase: Phase, seconds: float | None) -> None:
        """Note that `phase` is done in `seconds`, None if an earlier attempt did it."""
        self._waiting.pop(phase, None)
        if seconds is not None:
            taken, expected = self._timed[phase.name in FITTING]
            self._timed[phase.name in FITTING] = (taken + seconds, expected + self._prior_s[phase])

    def estimate_s(self, current: Phase, elapsed_s: float, pace_s: float) -> float:
        """Return the estimated remaining time [s].

        `current` has run for `elapsed_s`, and what it does now needs another `pace_s` at its present pace.
        """
        later = sum(self._expected(phase) for phase in self._waiting if phase != current)
        return later + max(self._expected(current) - elapsed_s, pace_s)

    def _expected(self, phase: Phase) -> float:
        taken, expected = self._timed[phase.name in FITTING]
        return self._prior_s[phase] * (taken / expected if expected > 0 else 1.0)


class RunProgress:
    """An observer of a run that shows its events on a display."""

    def __init__(self, config: RunConfig, display: Display, clock: Callable[[], float] = time.monotonic) -> None:
        self._config, self._display, self._clock = config, display, clock
        self._number: dict[Phase, str] = {}
        self._remaining = RemainingTime({})
        self._phase_began = self._stage_began = 0.0
        self._stage = ""

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunPlanned(phases):
                self._number = {phase: f"[{index + 1}/{len(phases)}]" for index, phase in enumerate(phases)}
                self._remaining = RemainingTime({phase: prior_s(self._config, phase) for phase in phases})
            case PhaseStarted():
                self._phase_began, self._stage = self._clock(), ""
            case PhaseAdvanced(phase, stage, done, total):
                if stage != self._stage:
                    self._stage, self._stage_began = stage, self._clock()
                self._display.update(f"{self._title(phase)}, {stage}", done, total, self._note(event))
            case PhaseFinished(phase, result, seconds, resumed):
                self._remaining.finished(phase, None if resumed else seconds)
                took = "done before" if resumed else f"{seconds:.0f} s"
                self._display.message(f"{self._title(phase)} ({took}){_said(phase, result)}")
            case Warned(phase, message):
                self._display.message(f"WARNING {self._title(phase)}: {message}")

    def _title(self, phase: Phase) -> str:
        return f"{self._number.get(phase, '')} {phase.title}"

    def _note(self, event: PhaseAdvanced) -> str:
        now = self._clock()
        pace_s = (now - self._stage_began) * (event.total - event.done) / event.done if event.done else 0.0
        left_s = self._remaining.estimate_s(event.phase, now - self._phase_began, pace_s)
        parts = [f"{name} {value:.2f}" for name, value in event.partial.items()]
        return ", ".join([*parts, f"run about {_duration(left_s)} left"])


def evaluation_text(result: Mapping[str, Any]) -> str:
    """Return success and throughput with their intervals on one line."""
    success, throughput = result["success_ci95"], result["throughput_ci95"]
    return (
        f"success {result['success_rate']:.1%} [{success[0]:.1%}, {success[1]:.1%}], "
        f"throughput {result['throughput_per_hour']:.1f} [{throughput[0]:.1f}, {throughput[1]:.1f}] per hour "
        f"({result['successes']} of {result['episodes']})"
    )


def labels_text(diagnostics: Mapping[str, Any]) -> str:
    """Return the realised positive shares and the bins per second of a fit's labels on one line."""
    shares = ", ".join(f"{group} {share:.1%}" for group, share in diagnostics["positive_share_by"].items())
    bins = ", ".join(f"{count:.1f} on {task}" for task, count in diagnostics["bins_per_second"].items())
    return (
        f"positive {diagnostics['positive_share_reference']:.1%} of the steps that set the threshold, "
        f"{diagnostics['positive_share']:.1%} of all ({shares}); value bins per second {bins}"
    )


def stalls_text(shares: Mapping[str, float]) -> str:
    """Return in which shares of a fit's steps policies got nowhere, on one line; empty where no policy acted."""
    found = ", ".join(f"{group} {share:.1%}" for group, share in shares.items() if share > 0)
    return f"policies got nowhere in {found}" if found else ""


def _said(phase: Phase, result: Mapping[str, Any]) -> str:
    if phase.name == plan.EVALUATION:
        return f": {evaluation_text(result)}"
    if phase.name == plan.CHECK:
        return "".join(f"\n    {name:<14} {evaluation_text(found)}" for name, found in result.items())
    if "diagnostics" in result:
        diagnostics = result["diagnostics"]
        labels = labels_text(diagnostics) if "positive_share_by" in diagnostics else ""
        told = "; ".join(filter(None, (labels, stalls_text(diagnostics.get("stalled_share_by", {})))))
        return f": {told}" if told else ""
    if "rescued" in result:
        helped = (
            f", {result['rescued']} of them rescued; {result['assisted']} corrected for {result['correction_s']:.0f} s"
            if result["assisted"]
            else ""
        )
        return f": {result['successes']} of {result['episodes']} episodes succeeded{helped}"
    return ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
