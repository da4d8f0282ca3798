"""What a run tells its observer; the loop itself prints nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from recap_bench.loop.plan import Phase


@dataclass(frozen=True)
class RunPlanned:
    """The first event: everything that the run consists of."""

    phases: tuple[Phase, ...]
    """In the order of execution, finished ones of an earlier attempt included."""


@dataclass(frozen=True)
class PhaseStarted:
    """A phase begins; phases whose result exists already are only `PhaseFinished`."""

    phase: Phase


@dataclass(frozen=True)
class PhaseAdvanced:
    """A phase has got further."""

    phase: Phase
    stage: str
    """What is being done, e.g. 'episodes', 'value', 'policy'."""
    done: int
    """Units done, of `total`; a fit counts each stage from 0."""
    total: int
    partial: dict[str, float] = field(default_factory=dict)
    """Partial results, e.g. {'success_rate': 0.4}."""


@dataclass(frozen=True)
class PhaseFinished:
    """A phase has its result."""

    phase: Phase
    result: dict[str, Any]
    """As written to the phase's JSON file."""
    seconds: float
    """Wall time; 0 if `resumed`."""
    resumed: bool
    """The result was there from an earlier attempt."""


@dataclass(frozen=True)
class Warned:
    """Something that has to be shown loudly."""

    phase: Phase
    message: str


Event = RunPlanned | PhaseStarted | PhaseAdvanced | PhaseFinished | Warned

Observer = Callable[[Event], None]
"""Receives every event, in the thread of the run."""


def all_of(*observers: Observer) -> Observer:
    """Return an observer that hands every event to each of `observers`, in order."""

    def observe(event: Event) -> None:
        for observer in observers:
            observer(event)

    return observe


def ignore(event: Event) -> None:
    """Observe nothing."""
