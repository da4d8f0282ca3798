"""From a flat sheet on the jig to a latched box: square, push, fold the tabs, push again."""

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.hands import (
    JAW_ALONG_X,
    JAW_ALONG_Y,
    LEFT,
    RIGHT,
    SIGN,
    TIP_M,
    UP,
    WANDER,
    Phases,
)
from recap_bench.envs.scripting import Motion, wait

PUSH_M = 0.036
"""Distance of the pushing hands from the jig's middle: four fingertips near the creases of the base."""
SWEEP_RADIUS_M = 0.030
"""Where along a tab the fingertip pushes."""
SWEEP_RAD = 1.72
"""The tab springs back by about its yield angle, and must end well inside the short wall's way."""
WALL_UP_RAD = 0.28
"""Short walls that stand higher than this catch the lower edges of the tabs; pressed flat they spring back by 0.2."""
FLATTEN_M = 0.034
"""Where on a short wall, from its crease outwards, the closed fingertips press it down."""
FINGER_M = 0.0135
"""From the tab's middle plane to the centre of the closed fingers that push it."""


class Folding(Phases):
    """Phases with the sheet on the jig."""

    def step(self) -> Motion:
        """Enter the phase that the state of the sheet asks for."""
        view = self.view
        height = view.carton[2] - p.PANEL_M / 2
        if height > p.LEDGE_M + 0.012:
            yield from self.push(p.LEDGE_M)
        elif height > p.JIG_FLOOR_M + 0.012 and (view.angles[4:] < 1.15).any():
            yield from self.flatten_walls() if self._standing().any() else self.fold_tabs()
        elif height < p.JIG_FLOOR_M + 0.004 and self._folded_too_far().any():
            yield from self.press_tabs()
        else:
            yield from self.push(p.JIG_FLOOR_M)

    def _folded_too_far(self) -> np.ndarray:
        """Which unlatched corners have a tab that stands off the short wall, (4,) bool."""
        view = self.view
        return ~view.latched & (view.angles[4:] > p.RIGHT_ANGLE + 0.2)

    def press_tabs(self) -> Motion:
        """Press tabs that stand too far inside outwards, against the short walls."""
        self.enter("press_tabs")
        wanted = self._folded_too_far()
        for end in (0, 1):
            hands = [side for side in (LEFT, RIGHT) if wanted[2 * side + end]]
            yield from self.both(*(self._press_tab(side, 1.0 - 2.0 * end) for side in hands))

    def _press_tab(self, side: int, end: float) -> Motion:
        view, hand = self.view, self.hand(side)
        tab = view.half_length + p.TAB_HINGE_M
        spot = p.JIG_M + np.array([end * (tab - 0.050), SIGN[side] * (view.half_width - 0.024), 0.0])
        height = view.carton[2] + 0.032
        yield from self.go_above(side, spot, JAW_ALONG_X, 0.17)
        yield from hand.set_jaw(0.0)
        yield from self.steer(hand, spot + height * UP, speed=0.7)
        yield from self.steer(hand, spot + np.array([end * (0.050 - FINGER_M + 0.001), 0.0, height]), speed=0.4)
        yield from wait(0.10)
        yield from self.steer(hand, spot + height * UP)
        yield from self.steer(hand, spot + 0.17 * UP)
        yield from self.withdraw(side)

    def withdraw(self, side: int) -> Motion:
        """Move the raised hand to its own side of the jig, away from the other one."""
        hand = self.hand(side)
        if SIGN[side] * hand.position[1] < OWN_SIDE_M - 0.01:
            yield from self.steer(hand, np.array([hand.position[0], SIGN[side] * OWN_SIDE_M, hand.position[2]]))

    def push(self, floor_m: float) -> Motion:
        """Push the base down with four fingertips until it lies on the ledge or on the floor."""
        self.enter("push_long_walls" if floor_m == p.LEDGE_M else "push_short_walls")
        target = floor_m + p.PANEL_M + TIP_M + (LEDGE_GAP_M if floor_m == p.LEDGE_M else -0.001)
        spots = [p.JIG_M + SIGN[side] * np.array([0.0, PUSH_M, 0.0]) + self.operator.aim() for side in (LEFT, RIGHT)]
        yield from self.both(*(self._place_above(side, spots[side]) for side in (LEFT, RIGHT)))
        yield from self.both(*(self._push_with(side, spots[side] + target * UP) for side in (LEFT, RIGHT)))

    def _place_above(self, side: int, spot: np.ndarray) -> Motion:
        """Bring the open jaws of a hand over the base, just above it."""
        hand = self.hand(side)
        yield from self.go_above(side, spot + SIGN[side] * np.array([0.0, OWN_SIDE_M - PUSH_M, 0.0]), JAW_ALONG_X, 0.17)
        yield from hand.set_jaw(1.0)
        yield from self.steer(hand, spot + 0.17 * UP)
        top = self.view.carton[2] + TIP_M + 0.008
        yield from self.steer(hand, spot + top * UP)

    def _push_with(self, side: int, goal: np.ndarray) -> Motion:
        """Push down at once: a hand that waited for the other would tilt the base."""
        hand = self.hand(side)
        yield from hand.move_now(goal, speed=0.45, wander=WANDER)
        yield from wait(0.10)
        yield from self.steer(hand, np.array([*goal[:2], 0.17]))
        yield from self.withdraw(side)

    def flatten_walls(self) -> Motion:
        """Press short walls that have come up too early back onto the ledges: the tabs could not be swept past them."""
        self.enter("flatten_walls")
        yield from self.both(*(self._flatten(side) for side in (LEFT, RIGHT) if self._standing()[side]))

    def _standing(self) -> np.ndarray:
        """Which short walls stand in the way of the tabs, front and back, (2,) bool."""
        return self.view.angles[2:4] > WALL_UP_RAD

    def _flatten(self, side: int) -> Motion:
        """Press the front wall with the left hand, the back wall with the right one."""
        view, hand = self.view, self.hand(side)
        spot = p.JIG_M + SIGN[side] * np.array([view.half_length + p.SHORT_HINGE_M + FLATTEN_M, 0.0, 0.0])
        yield from self.go_above(side, spot, JAW_ALONG_Y, 0.17)
        yield from hand.set_jaw(0.0)
        yield from self.steer(hand, spot + (p.LEDGE_M + p.WALL_HEIGHT_M + TIP_M) * UP)
        yield from self.steer(hand, spot + (p.LEDGE_M + p.PANEL_M + TIP_M - 0.003) * UP, speed=0.5)
        yield from wait(0.10)
        yield from self.steer(hand, spot + 0.17 * UP)
        yield from self.withdraw(side)

    def fold_tabs(self) -> Motion:
        """Fold the four tabs inwards, two at opposite corners at a time."""
        self.enter("fold_tabs")
        for left_end in (1.0, -1.0):
            yield from self.both(self._fold_tab(LEFT, left_end), self._fold_tab(RIGHT, -left_end))

    def _fold_tab(self, side: int, end: float) -> Motion:
        view, hand = self.view, self.hand(side)
        if self.operator.errs() or view.angles[4 + 2 * side + (end < 0)] > 1.3:
            return
        height = view.carton[2] + 0.026
        corner = p.JIG_M + np.array([
            end * (view.half_length + p.TAB_HINGE_M), SIGN[side] * (view.half_width + p.LONG_HINGE_M), 0.0
        ])  # fmt: skip
        mirror = np.array([end, SIGN[side], 1.0])
        outline = [OUTSIDE_TAB_M, *(_beside_tab(angle) for angle in np.linspace(0.0, SWEEP_RAD, 6))]
        path = [corner + mirror * point + height * UP for point in outline]
        yield from self.go_above(side, path[0], JAW_ALONG_X, 0.17)
        yield from hand.set_jaw(0.0)
        yield from self.steer(hand, path[0])
        yield from self._follow(side, path[1:])
        yield from wait(0.04)
        yield from self.steer(hand, path[-1] + mirror * np.array([0.012, 0.0, 0.0]))
        yield from self.steer(hand, path[-1] + mirror * np.array([0.012, 0.0, 0.0]) + (0.17 - height) * UP)
        yield from self.withdraw(side)

    def _follow(self, side: int, path: list[np.ndarray]) -> Motion:
        """Pass through points without stopping at each."""
        hand = self.hand(side)
        points = np.array([hand.position, *path])
        lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        steps = max(2, round(lengths[-1] / (0.22 * self.operator.profile.speed) * 50))
        for k in range(1, steps + 1):
            at = lengths[-1] * k / steps
            hand.position = np.array([np.interp(at, lengths, points[:, axis]) for axis in range(3)])
            yield


LEDGE_GAP_M = 0.002
"""The first push ends this far above the ledge: lower, the short walls begin to rise into the tabs' way."""
OWN_SIDE_M = 0.085
"""Distance from the jig's middle line at which raised hands pass each other."""
OUTSIDE_TAB_M = np.array([0.018, 0.036, 0.0])
"""Where the fingers come down beside a tab, relative to its crease: clear of a wall that leans outwards."""


def _beside_tab(angle: float) -> np.ndarray:
    """Where the closed fingers are, relative to the tab's crease, when the tab has this angle, (3,) [m]."""
    c, s = np.cos(angle), np.sin(angle)
    return SWEEP_RADIUS_M * np.array([c, -s, 0.0]) + FINGER_M * np.array([s, c, 0.0])
