"""Success rate and throughput with their confidence intervals.

E is the number of evaluation episodes. Times are seconds of the attempt, failures included; to charge a fixed time
between episodes, add it to `time_s`.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from recap_bench.errors import ConfigurationError

SECONDS_PER_HOUR = 3600.0


class Interval(NamedTuple):
    """A confidence interval; also a plain pair (low, high)."""

    low: float
    high: float


@dataclass(frozen=True)
class Bootstrap:
    """How to resample."""

    resamples: int = 2000
    """Number of resampled data sets; 2000 put the ends of a 95 % interval within about 3 % of its width."""
    confidence: float = 0.95
    """Probability content of the interval, in (0, 1)."""


@dataclass(frozen=True)
class Attempts:
    """The outcomes of E evaluation episodes."""

    success: np.ndarray
    """The episode succeeded, (E,) bool."""
    time_s: np.ndarray
    """Time of the attempt [s], (E,), > 0."""
    strata: np.ndarray | None = None
    """Training seed that each episode belongs to, (E,); None when there is only one."""

    def __post_init__(self) -> None:
        success, time_s = np.asarray(self.success, bool), np.asarray(self.time_s, float)
        strata = np.zeros(success.shape, int) if self.strata is None else np.asarray(self.strata)
        if success.ndim != 1 or success.shape != time_s.shape or success.shape != strata.shape:
            shapes = f"{success.shape}, {time_s.shape}, {strata.shape}"
            raise ConfigurationError(f"success, time_s and strata must be (E,) arrays of one length; got {shapes}.")
        if success.size == 0:
            raise ConfigurationError("An interval needs at least one episode; got none.")
        if not (np.isfinite(time_s).all() and (time_s > 0).all()):
            raise ConfigurationError("Every attempt must take a positive, finite time in seconds.")
        for name, value in (("success", success), ("time_s", time_s), ("strata", strata)):
            object.__setattr__(self, name, value)

    def resampled(self, rng: np.random.Generator | int, resamples: int) -> np.ndarray:
        """Return indices (resamples, E) drawn with replacement within each stratum."""
        generator = np.random.default_rng(rng)
        columns = np.empty((resamples, self.success.size), np.int64)
        strata = np.asarray(self.strata)
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            columns[:, members] = members[generator.integers(members.size, size=(resamples, members.size))]
        return columns


def success_interval(successes: int, episodes: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's score interval of a success rate; it stays inside [0, 1] and is not empty at 0 or all successes.

    Raises ConfigurationError unless 0 <= successes <= episodes and episodes > 0.
    """
    if not 0 <= successes <= episodes or episodes == 0:
        raise ConfigurationError(f"Need 0 <= successes <= episodes and episodes > 0; got {successes} of {episodes}.")
    z = _normal_quantile(confidence)
    rate, spread = successes / episodes, z * z / episodes
    centre = (rate + spread / 2) / (1 + spread)
    half = z * np.sqrt(rate * (1 - rate) / episodes + spread / (4 * episodes)) / (1 + spread)
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == episodes else float(centre + half)
    return Interval(max(low, 0.0), min(high, 1.0))


def throughput_per_hour(success: np.ndarray, time_s: np.ndarray) -> np.ndarray:
    """Return successes per hour of attempted work: 3600 * successes / total time of all attempts.

    Both arrays are (..., E); the result is (...).
    """
    return np.asarray(SECONDS_PER_HOUR * np.sum(success, axis=-1) / np.sum(time_s, axis=-1))


def throughput_interval(
    success: np.ndarray,
    time_s: np.ndarray,
    rng: np.random.Generator | int = 0,
    strata: np.ndarray | None = None,
    bootstrap: Bootstrap = Bootstrap(),
) -> Interval:
    """Return the percentile bootstrap interval of the throughput per hour, over episodes within each training seed.

    success and time_s are (E,), strata (E,) holds the training seeds. The interval tells the chance of the evaluation
    episodes; it treats the training seeds as given. Without any success the bootstrap is degenerate, and the upper end
    is what Wilson's upper end of the success rate would give in the same time.
    """
    attempts = Attempts(success, time_s, strata)
    if not attempts.success.any():
        rate = success_interval(0, attempts.success.size, bootstrap.confidence).high
        return Interval(0.0, float(SECONDS_PER_HOUR * rate / attempts.time_s.mean()))
    drawn = attempts.resampled(rng, bootstrap.resamples)
    return _percentiles(throughput_per_hour(attempts.success[drawn], attempts.time_s[drawn]), bootstrap.confidence)


def success_difference_interval(
    a: Attempts, b: Attempts, rng: np.random.Generator | int = 0, bootstrap: Bootstrap = Bootstrap()
) -> Interval:
    """Return the interval of the success rate of `a` minus that of `b`, both on the same episodes in the same order."""
    drawn = _paired(a, b).resampled(rng, bootstrap.resamples)
    difference = a.success[drawn].mean(axis=-1) - b.success[drawn].mean(axis=-1)
    return _percentiles(difference, bootstrap.confidence)


def throughput_ratio_interval(
    a: Attempts, b: Attempts, rng: np.random.Generator | int = 0, bootstrap: Bootstrap = Bootstrap()
) -> Interval:
    """Return the interval of the throughput of `a` over that of `b`, both on the same episodes in the same order.

    The upper end is infinite where `b` may well have no success; (nan, nan) when neither ever succeeds.
    """
    drawn = _paired(a, b).resampled(rng, bootstrap.resamples)
    top = throughput_per_hour(a.success[drawn], a.time_s[drawn])
    bottom = throughput_per_hour(b.success[drawn], b.time_s[drawn])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = top / bottom
    ratio = ratio[~np.isnan(ratio)]
    return _percentiles(ratio, bootstrap.confidence) if ratio.size else Interval(float("nan"), float("nan"))


def _paired(a: Attempts, b: Attempts) -> Attempts:
    if not np.array_equal(np.asarray(a.strata), np.asarray(b.strata)):
        raise ConfigurationError("A paired comparison needs the same episodes, in the same order, on both sides.")
    return a


def _percentiles(values: np.ndarray, confidence: float) -> Interval:
    tail = 50.0 * (1.0 - confidence)
    # No interpolation: it would turn infinite ratios into nan.
    low, high = np.percentile(values, [tail, 100.0 - tail], method="nearest")
    return Interval(float(low), float(high))


def _normal_quantile(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise ConfigurationError(f"confidence must lie in (0, 1); got {confidence}.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)
