"""Operator profiles: how well and how fast a person would drive the oracle."""

from dataclasses import dataclass

from recap_bench.errors import UnknownNameError


@dataclass(frozen=True)
class OperatorProfile:
    """One operator's way of working; every demonstration records its name."""

    name: str
    """Name under which episodes record this profile."""
    speed: float = 1.0
    """Hand speed relative to the skilled operator, > 0."""
    hesitation_rate: float = 0.0
    """Probability of a pause before a motion, in [0, 1]."""
    hesitation_s: float = 0.0
    """Mean length of such a pause [s]."""
    aim_noise_m: float = 0.0
    """Standard deviation of the aim at each grasp or placement [m]."""
    approach_error_m: float = 0.0
    """Standard deviation of where a coarse motion ends, before it is corrected by eye [m]."""
    path_wander: float = 0.0
    """Standard deviation of a path's sideways bow relative to its length, and of the hand's sway [rad]."""
    fumble_probability: float = 0.0
    """Probability that a grasp misses and must be tried again, in [0, 1]."""
    mistake_probability: float = 0.0
    """Probability, per phase that allows one, of a real mistake (in [0, 1])."""


PROFILES: dict[str, OperatorProfile] = {
    profile.name: profile
    for profile in (
        OperatorProfile("skilled", aim_noise_m=0.0005, approach_error_m=0.008, path_wander=0.05),
        OperatorProfile(
            "average",
            speed=0.85,
            hesitation_rate=0.15,
            hesitation_s=0.3,
            aim_noise_m=0.001,
            approach_error_m=0.010,
            path_wander=0.07,
            fumble_probability=0.05,
            mistake_probability=0.01,
        ),
        OperatorProfile(
            "hurried",
            speed=1.15,
            hesitation_rate=0.05,
            hesitation_s=0.2,
            aim_noise_m=0.0015,
            approach_error_m=0.011,
            path_wander=0.08,
            fumble_probability=0.08,
            mistake_probability=0.04,
        ),
        OperatorProfile(
            "novice",
            speed=0.75,
            hesitation_rate=0.25,
            hesitation_s=0.5,
            aim_noise_m=0.002,
            approach_error_m=0.012,
            path_wander=0.09,
            fumble_probability=0.15,
            mistake_probability=0.03,
        ),
    )
}


def profile(name: str) -> OperatorProfile:
    """Return the profile called `name`; raise UnknownNameError with the known ones."""
    try:
        return PROFILES[name]
    except KeyError:
        raise UnknownNameError("operator profile", name, list(PROFILES)) from None
