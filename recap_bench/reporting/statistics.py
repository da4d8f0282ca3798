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
    time_limit_s: float = 0.0
    """Time after which an attempt counts as failed [s]; the longest attempt where that is longer, or none is given."""

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
        object.__setattr__(self, "time_limit_s", max(self.time_limit_s, float(time_s.max())))

    @property
    def outcomes(self) -> np.ndarray:
        """Number of the training seed and the outcome that each episode has in common with others, (E,) int."""
        return 2 * np.unique(np.asarray(self.strata), return_inverse=True)[1] + self.success

    def resampled(self, rng: np.random.Generator | int, resamples: int, strata: np.ndarray) -> np.ndarray:
        """Return indices (resamples, E) drawn with replacement within each of the `strata`, (E,)."""
        generator = np.random.default_rng(rng)
        columns = np.empty((resamples, self.success.size), np.int64)
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
    attempts: Attempts, rng: np.random.Generator | int = 0, bootstrap: Bootstrap = Bootstrap()
) -> Interval:
    """Return the interval of the throughput per hour; it tells the chance of the episodes, training seeds as given.

    Chance decides how many episodes succeed and how long they take. What the first does is told by the throughputs at
    the ends of Wilson's interval of the success rate, at the mean times that were seen; what the second does, by the
    percentile bootstrap of the times within each training seed and outcome. The distances of both from the measured
    throughput are squared and added (MOVER: Zou and Donner, Statistics in Medicine 27, 2008, 1693). A bootstrap of
    whole episodes knows of no failure where none was drawn: near 100 % success it holds the truth far too seldom.
    """
    drawn = attempts.resampled(rng, bootstrap.resamples, attempts.outcomes)
    times = _percentiles(throughput_per_hour(attempts.success[drawn], attempts.time_s[drawn]), bootstrap.confidence)
    rates = _throughput_at_rate_ends(attempts, bootstrap.confidence)
    return _squared_and_added(float(throughput_per_hour(attempts.success, attempts.time_s)), rates, times)


def success_difference_interval(a: Attempts, b: Attempts, confidence: float = 0.95) -> Interval:
    """Return the interval of the success rate of `a` minus that of `b`, both on the same episodes in the same order.

    It is Newcombe's for paired proportions (method 10 of Statistics in Medicine 17, 1998, 2635), from Wilson's interval
    of either rate: it has a width where few pairs differ, or none. Training seeds are taken together.
    """
    _refuse_unpaired(a, b)
    (rate_a, low_a, high_a), (rate_b, low_b, high_b) = (
        (side.success.mean(), *success_interval(int(side.success.sum()), side.success.size, confidence))
        for side in (a, b)
    )
    correlation = _correlation(a.success, b.success)
    below = _correlated_distance(rate_a - low_a, high_b - rate_b, correlation)
    above = _correlated_distance(high_a - rate_a, rate_b - low_b, correlation)
    return Interval(float(rate_a - rate_b - below), float(rate_a - rate_b + above))


def throughput_ratio_interval(
    a: Attempts, b: Attempts, rng: np.random.Generator | int = 0, bootstrap: Bootstrap = Bootstrap()
) -> Interval:
    """Return the interval of the throughput of `a` over that of `b`, both on the same episodes in the same order.

    It is made as that of one throughput, of logarithms: the ends of the two success rates are put together as in
    `success_difference_interval`, and the times are drawn for both sides at once. Where one side never succeeds, the
    ends of the two throughputs are divided, so that the upper end is infinite if it is `b`; (nan, nan) if it is both.
    """
    _refuse_unpaired(a, b)
    if not (a.success.any() and b.success.any()):
        return _ratio_to_nothing(throughput_interval(a, rng, bootstrap), throughput_interval(b, rng, bootstrap))
    drawn = a.resampled(rng, bootstrap.resamples, 2 * a.outcomes + b.success)
    times = _percentiles(_log_throughput(a, drawn) - _log_throughput(b, drawn), bootstrap.confidence)
    everything = np.arange(a.success.size)
    log_a, log_b = float(_log_throughput(a, everything)), float(_log_throughput(b, everything))
    ends_a, ends_b = (np.log(_throughput_at_rate_ends(side, bootstrap.confidence)) for side in (a, b))
    correlation = _correlation(a.success, b.success)
    below = _correlated_distance(log_a - ends_a[0], ends_b[1] - log_b, correlation)
    above = _correlated_distance(ends_a[1] - log_a, log_b - ends_b[0], correlation)
    centre = log_a - log_b
    low, high = _squared_and_added(centre, Interval(centre - below, centre + above), times)
    return Interval(float(np.exp(low)), float(np.exp(high)))


def _throughput_at_rate_ends(attempts: Attempts, confidence: float) -> Interval:
    """Return the throughput per hour at the ends of Wilson's interval of the success rate, at mean times.

    At the lower end one more failure counts in the mean time of failures: one that takes until the time limit.
    """
    success, time_s, limit_s = attempts.success, attempts.time_s, attempts.time_limit_s
    low, high = success_interval(int(success.sum()), success.size, confidence)
    failures = time_s[~success]
    success_s = time_s[success].mean() if success.any() else time_s.mean()
    failure_s = np.append(failures, limit_s).mean(), failures.mean() if failures.size else limit_s
    ends = (
        SECONDS_PER_HOUR * rate / (rate * success_s + (1 - rate) * failed_s)
        for rate, failed_s in zip((low, high), failure_s, strict=True)
    )
    return Interval(*(float(end) for end in ends))


def _log_throughput(attempts: Attempts, drawn: np.ndarray) -> np.ndarray:
    return np.log(throughput_per_hour(attempts.success[drawn], attempts.time_s[drawn]))


def _ratio_to_nothing(a: Interval, b: Interval) -> Interval:
    """Return the interval of a ratio of throughputs of which at least one is 0."""
    if a.low == b.low == 0:
        return Interval(float("nan"), float("nan"))
    return Interval(a.low / b.high, float("inf") if b.low == 0 else a.high / b.low)


def _squared_and_added(centre: float, one: Interval, other: Interval) -> Interval:
    """Return the interval about `centre` of two independent causes of chance, from the interval that each has alone."""
    below, above = np.hypot(centre - one.low, centre - other.low), np.hypot(one.high - centre, other.high - centre)
    return Interval(float(centre - below), float(centre + above))


def _correlated_distance(one: float, other: float, correlation: float) -> float:
    """Return the distance of an end of the interval of a difference from those of its terms."""
    return float(np.sqrt(one * one - 2 * correlation * one * other + other * other))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Newcombe's correlation of paired outcomes (E,) bool: phi, drawn towards 0 where it is positive."""
    both, only_a, only_b, none = (float(np.sum(cell)) for cell in (a & b, a & ~b, ~a & b, ~a & ~b))
    margins = (both + only_a) * (only_b + none) * (both + only_b) * (only_a + none)
    if margins == 0:
        return 0.0
    product = both * none - only_a * only_b
    return float((max(product - a.size / 2, 0.0) if product > 0 else product) / np.sqrt(margins))


def _refuse_unpaired(a: Attempts, b: Attempts) -> None:
    if not np.array_equal(np.asarray(a.strata), np.asarray(b.strata)):
        raise ConfigurationError("A paired comparison needs the same episodes, in the same order, on both sides.")


def _percentiles(values: np.ndarray, confidence: float) -> Interval:
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(values, [tail, 100.0 - tail])
    return Interval(float(low), float(high))


def _normal_quantile(confidence: float) -> float:
    if not 0.0 < confidence < 1.0:
        raise ConfigurationError(f"confidence must lie in (0, 1); got {confidence}.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)
