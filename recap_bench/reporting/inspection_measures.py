"""What values tell about episodes: pure functions on arrays.

A value lies in [-1, 0]; T is the number of control steps of an episode. A value function is judged on episodes that it
was not fitted on.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from recap_bench.learning.ordering import wins
from recap_bench.reporting.statistics import Bootstrap, Interval

SMOOTHED_STEPS = 15
"""Steps of the moving average that swings are sought in (0.3 s): single steps are noise of the network."""

SWING = 0.05
"""Change of the value that counts as a swing: ten of the 201 bins."""

SWING_RATE = 0.05 / 50
"""Least mean change per step of a swing: 0.05 within a second, three times what an episode on track gains in that time
with the default penalty and a time limit of 30 s."""

FLAT = 0.1
"""Share of a swing's change that is cut off at each of its ends, so that a flat stretch there does not belong to it."""

APART = 50
"""Least distance of two pictures, one second [steps]."""

RESAMPLING = Bootstrap()


@dataclass(frozen=True)
class Swing:
    """A stretch of an episode in which the value keeps falling or rising."""

    start: int
    """First step."""
    end: int
    """Last step."""
    change: float
    """Change of the smoothed value from start to end; below 0 for a drop."""


def smoothed(values: np.ndarray, steps: int = SMOOTHED_STEPS) -> np.ndarray:
    """Return the centred moving average of `values` (T,) over `steps` (odd), shorter at the ends, (T,)."""
    total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    here, reach = np.arange(len(values)), steps // 2
    low, high = np.maximum(here - reach, 0), np.minimum(here + reach + 1, len(values))
    return (total[high] - total[low]) / (high - low)


def turning_points(values: np.ndarray, least: float = SWING) -> list[int]:
    """Return the steps at which `values` (T,) turn by `least` or more, with first and last step, in order."""
    numbers = values.tolist()
    points, low, high, trend = [0], 0, 0, 0
    for step, value in enumerate(numbers):
        low = step if value < numbers[low] else low
        high = step if value > numbers[high] else high
        if trend >= 0 and numbers[high] - value >= least:
            points.append(high)
            trend, low = -1, step
        elif trend <= 0 and value - numbers[low] >= least:
            points.append(low)
            trend, high = 1, step
    points.append({-1: low, 0: 0, 1: high}[trend])
    return list(dict.fromkeys([*points, len(numbers) - 1]))


def swings(values: np.ndarray, least: float = SWING, rate: float = SWING_RATE) -> list[Swing]:
    """Return the stretches in which `values` (T,) fall or rise by `least` or more, at `rate` per step or faster."""
    points = turning_points(values, least)
    found = []
    for first, last in pairwise(points):
        leg = values[first : last + 1]
        margin = FLAT * abs(leg[-1] - leg[0])
        start = first + int(np.flatnonzero(np.abs(leg - leg[0]) <= margin)[-1])
        end = first + int(np.flatnonzero(np.abs(leg - leg[-1]) <= margin)[0])
        change = float(values[end] - values[start])
        if abs(leg[-1] - leg[0]) >= least and abs(change) >= rate * (end - start):
            found.append(Swing(start, end, change))
    return found


def moments(length: int, found: list[Swing], count: int, apart: int = APART) -> list[int]:
    """Return up to `count` >= 2 steps worth a picture, in order: first, last, and the ends of the largest swings.

    No two are closer than `apart` steps, apart from first and last; what is left over goes into the largest gaps.
    """
    chosen = [0, length - 1]
    for swing in sorted(found, key=lambda swing: -abs(swing.change)):
        if len(chosen) < count and min(abs(swing.end - step) for step in chosen) >= apart:
            chosen.append(swing.end)
    while len(chosen) < count:
        ordered = sorted(chosen)
        gaps = np.diff(ordered)
        if gaps.max() < 2 * apart:
            break
        chosen.append(ordered[int(gaps.argmax())] + int(gaps.max()) // 2)
    return sorted(set(chosen))


def separation_interval(won: np.ndarray, lost: np.ndarray, bootstrap: Bootstrap = RESAMPLING) -> Interval:
    """Return the percentile bootstrap interval of the separation, over successes (n,) and failures (m,) apart."""
    if not (len(won) and len(lost)):
        return Interval(float("nan"), float("nan"))
    rng = np.random.default_rng(0)
    share_won, share_lost = (
        rng.multinomial(count, np.full(count, 1.0 / count), bootstrap.resamples) / count
        for count in (len(won), len(lost))
    )
    resampled = np.einsum("rn,nm,rm->r", share_won, wins(won, lost), share_lost, optimize=True)
    tail = (1.0 - bootstrap.confidence) / 2.0
    low, high = np.quantile(resampled, [tail, 1.0 - tail])
    return Interval(float(low), float(high))


def outcome_level(won: np.ndarray, lost: np.ndarray) -> float:
    """Return the midpoint of the medians of the mean values of successes (n,) and failures (m,); nan if one is empty.

    A value below it speaks for a failure.
    """
    return float((np.median(won) + np.median(lost)) / 2.0) if len(won) and len(lost) else float("nan")


def steps_foreseen(values: np.ndarray, level: float, success: bool) -> int:
    """Return for how many steps at its end the value (T,) keeps to the side of `level` that the outcome says.

    For a failure these are the steps since the value last fell below `level`, 0 if it ends above; for a success those
    since it last rose to it. T means that it was on that side throughout: then it knew nothing but the odds.
    """
    wrong = np.flatnonzero((values >= level) != success)
    return len(values) - 1 - int(wrong[-1]) if len(wrong) else len(values)
