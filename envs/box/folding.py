"""From a flat sheet on the jig to a latched box: square, push, fold the tabs, push again."""

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.hands import (
    JAW_ALONG_X,
    JAW_ALONG_Y,
    LEFT,
    RIGHT,
    SIGN,
    STRAIGHT,
    UP,
    Phases,
)
from recap_bench.envs.scripting import LEASH_M, Motion, limited, wait
from recap_bench.envs.simulation import CONTROL_HZ

SWEEP_RADIUS_M = 0.037
"""Where along a tab the fingertip pushes."""
SWEEP_RAD = 1.72
"""The tab springs back by about its yield angle, and must end well inside the short wall's way."""
WALL_UP_RAD = 0.28
"""Short walls that stand higher than this catch the lower edges of the tabs; pressed flat they spring back by 0.2."""
FLATTEN_M = 0.034
"""Where on a short wall, from its crease outwards, the closed fingertips press it down."""
FINGER_M = 0.0135
"""From the tab's middle plane to the centre of the closed fingers that push it."""
SWEEP_M_S = 0.22
SWEEP_GAIN = 0.5
SWEEP_LEAD_RAD = 0.3
"""The sweeping fingers head for a place on their circle this far ahead, and so return to it if pushed off."""
SWEPT_RAD = 0.06
"""The sweep ends this short of its goal."""
SWEEP_S = 2.0
"""A sweep that takes longer is stuck."""
BACK_OFF_M = np.array([0.012, 0.0, 0.0])
"""From a folded tab outwards, before the hand rises."""
RAISED_M = 0.17
"""Height of the grasp point at which hands move over the jig."""
PUSH_FROM_M = 0.008
"""The fingertips gather this far above the base, then push."""
NARROW_WANDER = 0.3
"""Share of the operator's wandering next to the other hand."""


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
        yield from self.go_above(side, spot, JAW_ALONG_X, RAISED_M)
        yield from hand.set_jaw(0.0)
        yield from self.come_to(side, lambda: spot + height * UP, JAW_ALONG_X, speed=0.7)
        outwards = np.array([end * (0.050 - FINGER_M + 0.001), 0.0, 0.0])
        yield from hand.move(hand.position + outwards, speed=0.4, wander=STRAIGHT)
        yield from wait(0.10)
        yield from hand.move(hand.position - outwards, wander=STRAIGHT)
        yield from self.withdraw(side)

    def withdraw(self, side: int) -> Motion:
        """Raise the hand, then move it to its own side of the jig, away from the other one."""
        hand = self.hand(side)
        yield from hand.move(np.array([*hand.position[:2], RAISED_M]), wander=STRAIGHT)
        if SIGN[side] * hand.position[1] < OWN_SIDE_M - 0.01:
            aside = np.array([hand.position[0], SIGN[side] * OWN_SIDE_M, hand.position[2]])
            yield from hand.move(aside, wander=NARROW_WANDER)

    def push(self, floor_m: float) -> Motion:
        """Push the base down with four fingertips until it lies on the ledge or on the floor."""
        self.enter("push_long_walls" if floor_m == p.LEDGE_M else "push_short_walls")
        target = floor_m + p.PANEL_M + p.TIP_M + (LEDGE_GAP_M if floor_m == p.LEDGE_M else -0.001)
        spots = [p.JIG_M + SIGN[side] * np.array([0.0, p.PUSH_M, 0.0]) for side in (LEFT, RIGHT)]
        yield from self.both(*(self._place_above(side, spots[side]) for side in (LEFT, RIGHT)))
        yield from self.both(*(self._push_with(side, target) for side in (LEFT, RIGHT)))

    def _place_above(self, side: int, spot: np.ndarray) -> Motion:
        """Bring the open jaws of a hand over the base, just above it."""
        hand, own_side = self.hand(side), spot + SIGN[side] * np.array([0.0, OWN_SIDE_M - p.PUSH_M, 0.0])
        yield from self.go_above(side, own_side, JAW_ALONG_X, RAISED_M)
        yield from hand.set_jaw(1.0)
        yield from self.come_to(side, lambda: spot + (self.view.carton[2] + p.TIP_M + PUSH_FROM_M) * UP, JAW_ALONG_X)

    def _push_with(self, side: int, height_m: float) -> Motion:
        """Push down at once: a hand that waited for the other would tilt the base."""
        hand = self.hand(side)
        yield from hand.move_now(np.array([*hand.position[:2], height_m]), speed=0.45, wander=STRAIGHT)
        yield from wait(0.10)
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
        yield from self.go_above(side, spot, JAW_ALONG_Y, RAISED_M)
        yield from hand.set_jaw(0.0)
        above = spot + (p.LEDGE_M + p.WALL_HEIGHT_M + p.TIP_M) * UP
        yield from self.come_to(side, lambda: above, JAW_ALONG_Y)
        down = np.array([*hand.position[:2], p.LEDGE_M + p.PANEL_M + p.TIP_M - 0.003])
        yield from hand.move(down, speed=0.5, wander=STRAIGHT)
        yield from wait(0.10)
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
        height = view.carton[2] + p.SWEEP_HEIGHT_M
        corner = p.JIG_M + np.array([
            end * (view.half_length + p.TAB_HINGE_M), SIGN[side] * (view.half_width + p.LONG_HINGE_M), 0.0
        ])  # fmt: skip
        mirror = np.array([end, SIGN[side], 1.0])
        beside = corner + mirror * OUTSIDE_TAB_M + height * UP
        yield from self.go_above(side, beside, JAW_ALONG_X, RAISED_M)
        yield from hand.set_jaw(0.0)
        yield from self.come_to(side, lambda: beside, JAW_ALONG_X)
        yield from self._sweep(side, corner + height * UP, mirror)
        yield from wait(0.04)
        yield from hand.move(hand.position + mirror * BACK_OFF_M, wander=STRAIGHT)
        yield from self.withdraw(side)

    def _sweep(self, side: int, crease: np.ndarray, mirror: np.ndarray) -> Motion:
        """Move the fingers on a circle about the tab's crease, by eye, until the tab is folded."""
        hand, most = self.hand(side), SWEEP_M_S * self.operator.profile.speed / CONTROL_HZ
        for _ in range(round(SWEEP_S * CONTROL_HZ)):
            grasp, _ = self.view.hand(side)
            angle = _swept(mirror * (grasp - crease))
            if angle > SWEEP_RAD - SWEPT_RAD:
                break
            goal = crease + mirror * _beside_tab(min(angle + SWEEP_LEAD_RAD, SWEEP_RAD))
            hand.nudge(limited(SWEEP_GAIN * (goal - grasp), most))
            hand.position = grasp + limited(hand.position - grasp, LEASH_M)
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


def _swept(finger: np.ndarray) -> float:
    """Return the tab angle at which the fingers belong in the direction `finger` (3,) from the crease [rad]."""
    return float(np.arctan2(FINGER_M, SWEEP_RADIUS_M) - np.arctan2(finger[1], finger[0]))
