"""How hands reach for cloth: grip postures within the arms' reach, and motions that folding and spreading share."""

from collections.abc import Callable

import numpy as np

from recap_bench.envs.laundry import measuring
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.rig import ARM_BASES_M, SIDES
from recap_bench.envs.scripting import (
    Hand,
    Motion,
    facing,
    minimum_jerk,
    nearer_half_turn,
    rotation_matrices,
    rotation_vector,
)

LEFT, RIGHT = 0, 1
UP = np.array([0.0, 0.0, 1.0])
UPRIGHT_REACH_M = 0.50
"""Up to this distance from the arm's base the hand points straight down; beyond, it leans outwards."""
TOOL_M = 0.18
MOST_LEAN = 0.87
"""Sine of the largest lean, 60 degrees: 0.66 m of reach."""
NEAREST_M = 0.12
"""Nearer to its base a hand cannot point down."""
TIP_CLEARANCE_M = 0.0005
"""The lowest corner of the pads passes this far above the table."""
ABOVE_M = 0.055
"""Height above the cloth from which a hand goes straight down to it."""
NARROW = 0.35
"""Jaw opening with which hands go down to cloth: 31 mm."""
WAY_M = (np.array([0.22, 0.24, 0.20]), np.array([0.22, -0.24, 0.20]))
"""Each hand passes here on its way across the table, so that the arms do not meet."""
SKIM_M = -0.0023
"""Height of the taken layer above the tips when only that layer is wanted: the next one down is not reached."""
SKIM_SLACK_M = 0.001
"""How much deeper a leaning hand may reach to take cloth away from the edge of its pads."""
LEVEL, LEANING_FROM_M, LEVEL_FROM_M = 0.97, 0.05, 0.32
"""Sine of the lean of a hand that holds cloth up, and the heights between which it comes to that: pointing down, a hand
reaches no higher than 0.5 m."""
BEYOND = 3.0
"""Strain of a point out of reach; arms that cross at both ends of a fold, 1 each, are better than that."""
LOWEST_M = 0.0015
"""Cloth pressed flat by other things is still gripped at this height."""


def lean_of(side: int, point: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the sine of the hand's lean that reaches `point`, and the horizontal direction of the lean, (3,)."""
    offset = point[:2] - ARM_BASES_M[SIDES[side]][:2]
    distance = float(np.linalg.norm(offset))
    sine = float(np.clip((distance - UPRIGHT_REACH_M) / TOOL_M, 0.0, MOST_LEAN))
    return sine, np.append(offset / max(distance, 1e-9), 0.0)


def posture(side: int, point: np.ndarray) -> np.ndarray:
    """Return the hand's rotation (3, 3) above or at `point`: pointing down, leaning outwards far away."""
    sine, outwards = lean_of(side, point)
    approach = sine * outwards - np.sqrt(1 - sine**2) * UP
    return facing(approach, np.cross(UP, outwards))


def grip_at(side: int, point: np.ndarray, skim: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return grasp point (3,) and rotation (3, 3) with cloth at `point` between the pads, tips just above the table.

    A leaning hand touches down with the outer corner of its pads, so the cloth is taken near that corner. With
    `skim` the tips only just reach the cloth at `point`, and leave what lies below it.
    """
    sine, _ = lean_of(side, point)
    cosine = np.sqrt(1 - sine**2)
    rotation = posture(side, point)
    height = SKIM_M if skim else max(point[2] - TIP_CLEARANCE_M, LOWEST_M)
    corner = -p.PAD_HALF_WIDTH_M + min(p.PAD_HALF_WIDTH_M, max(0.8 * height, SKIM_SLACK_M) / max(sine, 1e-6))
    along = p.PAD_FORWARD_M - (height - (p.PAD_HALF_WIDTH_M + corner) * sine) / cosine
    along = max(along, 0.0)
    return point - along * rotation[:, 0] - corner * rotation[:, 2], rotation


def travel(hand: Hand, side: int, point: np.ndarray, speed: float = 1.4) -> Motion:
    """Go above `point` by way of the hand's own side of the table, unless it is near already."""
    if np.linalg.norm(hand.position[:2] - point[:2]) > 0.12:
        way = WAY_M[side]
        if np.linalg.norm(hand.position - way) > 0.10:
            yield from hand.move(way, nearer_half_turn(posture(side, way), hand.rotation), speed=speed)
    goal, rotation = grip_at(side, point)
    rotation = nearer_half_turn(rotation, hand.rotation)
    yield from hand.move(goal + ABOVE_M * UP + hand.operator.coarse(), rotation, speed=speed)


def swing(hand: Hand, side: int, path: Callable[[float], np.ndarray], grip: np.ndarray, seconds: float) -> Motion:
    """Carry held cloth along `path`, which maps progress in [0, 1] to the place of the held point, (3,).

    `grip` is where the point is now, and it stays put in the hand. The hand leans as it must at the path's end, but
    does not turn about its approach: nothing needs that (results/operators.md has what it may do to a double edge).
    """
    start = hand.rotation
    local = start.T @ (hand.position - grip)
    turn = between(start[:, 0], posture(side, path(1.0))[:, 0])
    steps = max(2, round(seconds / hand.operator.profile.speed * 50))
    blend = minimum_jerk(steps)
    rotations = rotation_matrices(blend[:, None] * turn) @ start
    for share, rotation in zip(blend, rotations, strict=True):
        hand.rotation = rotation
        hand.position = path(float(share)) + rotation @ local
        yield


def between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the shortest rotation vector (3,) [rad] that takes one unit vector (3,) to another, not its opposite."""
    axis = np.cross(first, second)
    sine = float(np.linalg.norm(axis))
    return axis * (np.arctan2(sine, first @ second) / max(sine, 1e-9))


def hanging(side: int, point: np.ndarray) -> np.ndarray:
    """Return the hand's rotation (3, 3) where cloth hangs from it at `point`: the higher, the more level."""
    sine, outwards = lean_of(side, point)
    sine = max(sine, LEVEL * float(np.clip((point[2] - LEANING_FROM_M) / (LEVEL_FROM_M - LEANING_FROM_M), 0.0, 1.0)))
    return facing(sine * outwards - np.sqrt(1 - sine**2) * UP, np.cross(UP, outwards))


def haul(hand: Hand, side: int, path: Callable[[float], np.ndarray], grip: np.ndarray, seconds: float) -> Motion:
    """Carry held cloth as `swing` does, through the air: the posture follows the height."""
    local = hand.rotation.T @ (hand.position - grip)
    first = nearer_half_turn(hanging(side, grip), hand.rotation)
    turn = rotation_vector(hand.rotation @ first.T)
    steps = max(2, round(seconds / hand.operator.profile.speed * 50))
    blend = minimum_jerk(steps)
    rest = rotation_matrices((1 - blend)[:, None] * turn)
    for share, correction in zip(blend, rest, strict=True):
        point = path(float(share))
        first = nearer_half_turn(hanging(side, point), first)
        hand.rotation = correction @ first
        hand.position = point + hand.rotation @ local
        yield


def side_by_side(*motions: Motion) -> Motion:
    """Run one motion per hand at the same time until all have ended."""
    active = list(motions)
    while active:
        active = [motion for motion in active if next(motion, StopIteration) is not StopIteration]
        if active:
            yield


def reachable(side: int, point: np.ndarray, slack_m: float = 0.0) -> bool:
    """Whether a hand can grip cloth lying at `point`, or `slack_m` nearer."""
    distance = float(np.linalg.norm(point[:2] - ARM_BASES_M[SIDES[side]][:2]))
    return NEAREST_M < distance < UPRIGHT_REACH_M + MOST_LEAN * TOOL_M + slack_m


def along(corners: np.ndarray) -> Callable[[float], np.ndarray]:
    """Return the path straight from corner to corner, (C, 3), at an even pace."""
    length = np.linalg.norm(np.diff(corners, axis=0), axis=1)
    reached = np.append(0.0, np.cumsum(length)) / length.sum()
    return lambda share: np.array([np.interp(share, reached, corners[:, axis]) for axis in range(3)])


def uncovered(points: np.ndarray, vertex: int) -> bool:
    """Whether no other vertex lies above one."""
    return bool(measuring.uncovered(points[None, [vertex]], points[None])[0, 0])


def own_side(point: np.ndarray) -> int:
    """Return the hand on whose side of the table `point` lies."""
    return RIGHT if point[1] < 0 else LEFT


def strain(left: np.ndarray, right: np.ndarray) -> float:
    """Return how badly two points suit the two hands: squared reaches [m^2], more beyond reach or with arms crossed."""
    bases = [ARM_BASES_M[side][:2] for side in SIDES]
    reaches = [float(np.linalg.norm(point[:2] - base)) for point, base in zip((left, right), bases, strict=True)]
    beyond = sum(not reachable(side, point) for side, point in ((LEFT, left), (RIGHT, right)))
    crossed = _cross(bases[LEFT], left[:2], bases[RIGHT], right[:2])
    return sum(reach**2 for reach in reaches) + BEYOND * beyond + crossed


def by_strain(first: int, second: int, *moments: np.ndarray) -> list[dict[int, int]]:
    """Return both ways to give two vertices to the hands, side -> vertex, that which strains them less first.

    `moments` are the vertices (V, 3) at the moments that count.
    """
    ways = [{LEFT: first, RIGHT: second}, {LEFT: second, RIGHT: first}]
    return sorted(ways, key=lambda way: sum(strain(points[way[LEFT]], points[way[RIGHT]]) for points in moments))


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> bool:
    """Whether the lines from a to b and from c to d, all (2,), meet."""

    def turn(p: np.ndarray, q: np.ndarray, r: np.ndarray) -> bool:
        return bool((q - p)[0] * (r - p)[1] > (q - p)[1] * (r - p)[0])

    return turn(a, b, c) != turn(a, b, d) and turn(c, d, a) != turn(c, d, b)
