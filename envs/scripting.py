"""Scripted operators: one coroutine per simulation, batched inverse kinematics for all of them.

A script drives two `Hand` commands. Its primitives are generators that change one hand's command and yield once per
control step, so that a script reads as a sequence and two hands can run theirs side by side.
"""

import abc
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from recap_bench.envs import kinematics
from recap_bench.envs.operators import OperatorProfile
from recap_bench.envs.rig import ACTION_DIM, ARM_BASES_M, SIDES, Rig, solve_hands
from recap_bench.envs.simulation import CONTROL_HZ

Motion = Iterator[None]
Pose = tuple[np.ndarray, np.ndarray]
"""Position (3,) [m] and rotation (3, 3)."""

HAND_SPEED_M_S = 0.42
"""Peak-limited mean speed of a skilled operator's free motion."""
TURN_SPEED_RAD_S = 2.2
MIN_MOVE_S = 0.16
JAW_SPEED = 3.0
"""Openings per second: 90 mm in a third of a second."""
WANDER_M = 0.15
"""Paths at least this long sway fully; short ones, near contact, are straighter."""
WANDER_HARMONICS = 3
"""Half waves of a path's deviation from the straight line; people steer as they go."""
JOINT_STEP_RAD = 0.12
"""Largest change of a joint target per control step (6 rad/s)."""
SERVO_GAIN = 0.15
"""Share of the seen error that the eye corrects per control step: about 0.15 s to two thirds, as people do."""
SERVO_TURN_RAD = 0.05
"""Largest turn per control step while correcting."""
FUNNEL_CLEAR_M = 0.003
"""Sideways error with which a hand may come down to its goal; beyond it ..."""
FUNNEL_SLOPE = 1.5
"""... it stays this much higher per metre of error."""
LEASH_M = 0.025
"""A hand that is held back is not commanded farther ahead than this: it returns without a lash when let go."""
AIMED_M = 0.002
"""A hand this close to its goal ..."""
AIMED_RAD = 0.04
"""... and turned this little from it has arrived."""
SERVO_S = 2.5
"""What has not arrived after this time, at a skilled operator's pace, is held back by something."""


class Hand:
    """The command of one hand of one simulation: grasp pose in the world and jaw opening."""

    def __init__(self, position: np.ndarray, rotation: np.ndarray, jaw: float, operator: "Operator") -> None:
        self.position, self.rotation, self.jaw = position, rotation, jaw
        self.operator = operator

    def move(
        self, position: np.ndarray, rotation: np.ndarray | None = None, speed: float = 1.0, wander: float = 1.0
    ) -> Motion:
        """Move with a minimum-jerk pace, perhaps after a pause; `speed` and `wander` scale the operator's own."""
        yield from self.operator.hesitate()
        yield from self.move_now(position, rotation, speed, wander)

    def move_now(
        self, position: np.ndarray, rotation: np.ndarray | None = None, speed: float = 1.0, wander: float = 1.0
    ) -> Motion:
        """Move without a pause: where waiting would spoil the work."""
        start, start_rotation = self.position, self.rotation
        axis_angle = np.zeros(3) if rotation is None else rotation_vector(rotation @ start_rotation.T)
        position = np.asarray(position, float)
        pace = speed * self.operator.profile.speed
        duration = max(
            float(np.linalg.norm(position - start)) / (HAND_SPEED_M_S * pace),
            float(np.linalg.norm(axis_angle)) / (TURN_SPEED_RAD_S * pace),
            MIN_MOVE_S / pace,
        )
        steps = max(1, round(duration * CONTROL_HZ))
        blend = minimum_jerk(steps)
        bow, sway = (wander * draw for draw in self.operator.wander(position - start))
        bend = np.sin(np.pi * blend[:, None] * np.arange(1, len(bow) + 1))
        rotations = rotation_matrices(bend @ sway) @ rotation_matrices(blend[:, None] * axis_angle) @ start_rotation
        positions = start + blend[:, None] * (position - start) + bend @ bow
        for k in range(steps):
            self.position, self.rotation = positions[k], rotations[k]
            yield

    def shift(self, offset: np.ndarray, speed: float = 1.0) -> Motion:
        """Move by a world offset without turning."""
        yield from self.move(self.position + np.asarray(offset, float), speed=speed)

    def nudge(self, offset: np.ndarray, turn: np.ndarray | None = None) -> None:
        """Change the command at once by a small world offset and rotation vector."""
        self.position = self.position + offset
        if turn is not None:
            self.rotation = rotation_matrices(turn[None])[0] @ self.rotation

    def set_jaw(self, opening: float, settle_s: float = 0.0) -> Motion:
        """Open or close the jaws at their speed, then wait."""
        step = JAW_SPEED / CONTROL_HZ
        while abs(self.jaw - opening) > 1e-6:
            self.jaw += float(np.clip(opening - self.jaw, -step, step))
            yield
        yield from wait(settle_s)


def servo(
    hand: Hand,
    grasp: Callable[[], Pose],
    wanted: Callable[[], Pose],
    speed: float = 1.0,
    tolerance_m: float = AIMED_M,
    seen: Callable[[], Pose] | None = None,
    while_true: Callable[[], bool] = lambda: True,
) -> Motion:
    """Move a hand by eye until what is `seen`, its own `grasp` or what it holds, is where it is `wanted`.

    The goal may move. The hand comes down to it as into a funnel: beside it first.
    """
    seen = seen or grasp
    pace = hand.operator.profile.speed
    most = HAND_SPEED_M_S * speed * pace / CONTROL_HZ
    for _ in range(round(SERVO_S * CONTROL_HZ / pace)):
        (position, turned), (goal, rotation) = seen(), wanted()
        error, turn = goal - position, rotation_vector(rotation @ turned.T)
        if not while_true() or (np.linalg.norm(error) < tolerance_m and np.linalg.norm(turn) < AIMED_RAD):
            return
        error[2] += FUNNEL_SLOPE * max(0.0, float(np.hypot(error[0], error[1])) - FUNNEL_CLEAR_M)
        place, _ = grasp()
        turn = limited(SERVO_GAIN * turn, SERVO_TURN_RAD)
        hand.nudge(limited(SERVO_GAIN * error, most) + np.cross(turn, place - position), turn)
        hand.position = place + limited(hand.position - place, LEASH_M)
        yield


class Operator:
    """The person behind a script: profile and random stream of one simulation."""

    def __init__(self, profile: OperatorProfile, rng: np.random.Generator) -> None:
        self.profile, self.rng = profile, rng

    def hesitate(self) -> Motion:
        """Pause, as often and as long as the profile says."""
        if self.rng.random() < self.profile.hesitation_rate:
            yield from wait(self.rng.exponential(self.profile.hesitation_s))

    def look(self, seconds: float) -> Motion:
        """Pause to check, at the operator's own pace."""
        yield from wait(seconds / self.profile.speed)

    def wander(self, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Draw the harmonics of a path (3,) [m]: its bow [m] and the hand's sway [rad], (WANDER_HARMONICS, 3) each."""
        distance = float(np.linalg.norm(path))
        scale = self.profile.path_wander / np.arange(1, WANDER_HARMONICS + 1)[:, None]
        bow, sway = self.rng.normal(0.0, 1.0, (2, WANDER_HARMONICS, 3)) * scale
        bow[0, 2] = abs(bow[0, 2])  # nobody aims into the table
        return bow * distance, sway * min(1.0, distance / WANDER_M)

    def aim(self) -> np.ndarray:
        """Return an aiming error, (3,) [m], horizontal."""
        return np.append(self.rng.normal(0.0, self.profile.aim_noise_m, 2), 0.0)

    def coarse(self) -> np.ndarray:
        """Return the error of a coarse motion's end, (3,) [m], horizontal; what follows corrects it by eye."""
        return np.append(self.rng.normal(0.0, self.profile.approach_error_m, 2), 0.0)

    def fumbles(self) -> bool:
        """Draw whether this grasp misses."""
        return bool(self.rng.random() < self.profile.fumble_probability)

    def errs(self) -> bool:
        """Draw whether this phase goes wrong for real."""
        return bool(self.rng.random() < self.profile.mistake_probability)


class Script(abc.ABC):
    """What one operator does in one simulation."""

    phase: str = "start"
    hands: tuple[Hand, Hand]

    @abc.abstractmethod
    def run(self) -> Motion:
        """Yield once per control step, for ever, after setting the hands' commands."""


class ScriptedOracle(abc.ABC):
    """Runs one script per simulation and turns the hands' commands into joint targets."""

    def __init__(self, n: int, rig: Rig) -> None:
        self.rig = rig
        self.scripts: list[Script | None] = [None] * n
        self._motions: list[Motion | None] = [None] * n

    @abc.abstractmethod
    def make_script(self, simulation: int, operator: Operator) -> Script:
        """Return the script for one simulation."""

    def begin(self, ids: np.ndarray, profiles: Sequence[OperatorProfile], rngs: Sequence[np.random.Generator]) -> None:
        """Start a new operator in each simulation of `ids` from its present targets."""
        targets = self.rig.targets(ids)
        for row, (i, profile, rng) in enumerate(zip(ids, profiles, rngs, strict=True)):
            operator = Operator(profile, rng)
            script = self.make_script(int(i), operator)
            script.hands = tuple(_hand_at(targets[row], side, operator) for side in range(2))  # type: ignore[assignment]
            self.scripts[i], self._motions[i] = script, script.run()

    def act(self, ids: np.ndarray) -> np.ndarray:
        """Return the next action of each simulation of `ids`, (k, 14)."""
        k = len(ids)
        position, rotation, jaw = np.empty((k, 2, 3)), np.empty((k, 2, 3, 3)), np.empty((k, 2))
        for row, i in enumerate(ids):
            script, motion = self.scripts[i], self._motions[i]
            if script is None or motion is None:
                raise RuntimeError(f"No operator is active in simulation {i}; call begin() first.")
            next(motion)
            for side, hand in enumerate(script.hands):
                position[row, side], rotation[row, side], jaw[row, side] = hand.position, hand.rotation, hand.jaw
        near = self.rig.targets(ids).reshape(k, 2, 7)[:, :, :6]
        joints, _ = solve_hands(position, rotation, near)
        joints = near + np.clip(joints - near, -JOINT_STEP_RAD, JOINT_STEP_RAD)
        return np.concatenate([joints, jaw[:, :, None]], axis=2).reshape(k, ACTION_DIM)

    def phase(self, simulation: int) -> str:
        """Return the name of the phase that the operator of `simulation` is in."""
        script = self.scripts[simulation]
        return "none" if script is None else script.phase


def wait(seconds: float) -> Motion:
    """Hold still."""
    for _ in range(round(seconds * CONTROL_HZ)):
        yield


def minimum_jerk(steps: int) -> np.ndarray:
    """Return the progress of a motion that starts and ends at rest, (steps,) in (0, 1]."""
    phase = np.arange(1, steps + 1) / steps
    return phase**3 * (10 - 15 * phase + 6 * phase**2)


def limited(step: np.ndarray, most: float) -> np.ndarray:
    """Return `step` (3,), shortened to the length `most` if it is longer."""
    return step * min(1.0, most / max(float(np.linalg.norm(step)), 1e-9))


def rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Return the axis times angle of a rotation matrix, (3,) [rad]."""
    skew = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    sine, cosine = 0.5 * np.linalg.norm(skew), 0.5 * (np.trace(rotation) - 1.0)
    angle = np.arctan2(sine, cosine)
    if sine > 1e-6:
        return skew * (0.5 * angle / sine)
    if cosine > 0:
        return 0.5 * skew
    column = np.argmax(np.diag(rotation))
    axis = rotation[:, column] + np.eye(3)[column]
    return np.pi * axis / np.linalg.norm(axis)


def rotation_matrices(vectors: np.ndarray) -> np.ndarray:
    """Return the rotation matrices (m, 3, 3) of rotation vectors (m, 3) [rad]."""
    angle = np.linalg.norm(vectors, axis=1)
    axis = vectors / np.maximum(angle, 1e-12)[:, None]
    cross = np.zeros((len(vectors), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= np.swapaxes(cross, 1, 2)
    sine, cosine = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)


def facing(approach: np.ndarray, jaw: np.ndarray) -> np.ndarray:
    """Return the hand rotation with this approach direction and the jaws opening near `jaw`, both (3,)."""
    x = np.asarray(approach, float) / np.linalg.norm(approach)
    y = np.asarray(jaw, float) - x * np.dot(jaw, x)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def nearer_half_turn(rotation: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return `rotation` or its half turn about the approach, whichever is nearer to `current`."""
    turned = rotation @ kinematics.HALF_TURN
    return rotation if np.sum(rotation * current) >= np.sum(turned * current) else turned


def _hand_at(target: np.ndarray, side: int, operator: Operator) -> Hand:
    """Return the hand command that matches the present joint targets of one arm."""
    part = target[7 * side : 7 * side + 7]
    position, rotation = kinematics.forward(part[:6])
    return Hand(position + ARM_BASES_M[SIDES[side]], rotation, float(part[6]), operator)
