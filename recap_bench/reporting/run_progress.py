"""What a run says while it works: progress of its phases, results as they come, and the remaining time."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from recap_bench.loop import plan
from recap_bench.loop.events import Event, PhaseAdvanced, PhaseFinished, PhaseStarted, RunPlanned, Warned
from recap_bench.loop.plan import Phase
from recap_bench.reporting.progress import Display

WEIGHTS: Mapping[str, float] = {
    plan.DEMONSTRATIONS: 1.0,
    plan.PRETRAIN: 2.0,
    plan.FIT: 1.5,
    plan.EVALUATION: 1.0,
    plan.CHECK: 0.6,
    **dict.fromkeys(plan.COLLECTIONS, 0.7),
}
"""Relative durations of phases, for an estimate before one of a kind has been timed."""


class RemainingTime:
    """Estimates the remaining time of a run from the phases that it has finished."""

    def __init__(self, phases: tuple[Phase, ...]) -> None:
        self._waiting = dict.fromkeys(phases)
        self._seconds: dict[str, list[float]] = {}

    def finished(self, phase: Phase, seconds: float | None) -> None:
        """Note that `phase` is done in `seconds`, None if an earlier attempt did it."""
        self._waiting.pop(phase, None)
        if seconds is not None:
            self._seconds.setdefault(phase.name, []).append(seconds)

    def estimate_s(self, current: Phase, elapsed_s: float) -> float | None:
        """Return the estimated remaining time [s] while `current` has run for `elapsed_s`; None before any is timed."""
        if not self._seconds:
            return None
        expected = sum(self._expected(phase) for phase in self._waiting)
        return max(expected - min(elapsed_s, self._expected(current)), 0.0)

    def _expected(self, phase: Phase) -> float:
        timed = self._seconds.get(phase.name)
        if timed:
            return sum(timed) / len(timed)
        seconds = sum(sum(times) for times in self._seconds.values())
        return WEIGHTS[phase.name] * seconds / sum(WEIGHTS[name] * len(times) for name, times in self._seconds.items())


class RunProgress:
    """An observer of a run that shows its events on a display."""

    def __init__(self, display: Display, clock: Callable[[], float] = time.monotonic) -> None:
        self._display, self._clock = display, clock
        self._number: dict[Phase, str] = {}
        self._remaining = RemainingTime(())
        self._started = 0.0

    def __call__(self, event: Event) -> None:
        """Show one event."""
        match event:
            case RunPlanned(phases):
                self._number = {phase: f"[{index + 1}/{len(phases)}]" for index, phase in enumerate(phases)}
                self._remaining = RemainingTime(phases)
            case PhaseStarted(phase):
                self._started = self._clock()
                self._display.update(self._title(phase), 0, 1)
            case PhaseAdvanced(phase, stage, done, total, partial):
                self._display.update(f"{self._title(phase)}, {stage}", done, total, self._note(phase, partial))
            case PhaseFinished(phase, result, seconds, resumed):
                self._remaining.finished(phase, None if resumed else seconds)
                took = "done before" if resumed else f"{seconds:.0f} s"
                self._display.message(f"{self._title(phase)} ({took}){_said(phase, result)}")
            case Warned(phase, message):
                self._display.message(f"WARNING {self._title(phase)}: {message}")

    def _title(self, phase: Phase) -> str:
        return f"{self._number.get(phase, '')} {phase.title}"

    def _note(self, phase: Phase, partial: Mapping[str, float]) -> str:
        parts = [f"{name} {value:.2f}" for name, value in partial.items()]
        left_s = self._remaining.estimate_s(phase, self._clock() - self._started)
        return ", ".join(parts + ([f"run about {_duration(left_s)} left"] if left_s is not None else []))


def evaluation_text(result: Mapping[str, Any]) -> str:
    """Return success and throughput with their intervals on one line."""
    success, throughput = result["success_ci95"], result["throughput_ci95"]
    return (
        f"success {result['success_rate']:.1%} [{success[0]:.1%}, {success[1]:.1%}], "
        f"throughput {result['throughput_per_hour']:.1f} [{throughput[0]:.1f}, {throughput[1]:.1f}] per hour "
        f"({result['successes']} of {result['episodes']})"
    )


def _said(phase: Phase, result: Mapping[str, Any]) -> str:
    if phase.name == plan.EVALUATION:
        return f": {evaluation_text(result)}"
    if phase.name == plan.CHECK:
        return "".join(f"\n    {name:<14} {evaluation_text(found)}" for name, found in result.items())
    if "correction_s" in result:
        helped = f", {result['assisted']} corrected for {result['correction_s']:.0f} s" if result["assisted"] else ""
        return f": {result['successes']} of {result['episodes']} episodes succeeded{helped}"
    return ""


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
