"""From the pile to the jig: press on the top sheet with both hands, slide it over, shake off one that sticks to it."""

from typing import Any

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.hands import JAW_ALONG_Y, LEFT, RIGHT, SIGN, TIP_M, UP, Phases
from recap_bench.envs.box.world import yaw
from recap_bench.envs.scripting import Motion, facing, nearer_half_turn, wait
from recap_bench.envs.simulation import CONTROL_HZ

SQUARE_M = 0.0025
"""A sheet this close to the jig's axes ..."""
SQUARE_RAD = 0.020
"""... and turned this little is square enough to push."""
FINE = 0.3
"""While it is being slid the sheet is brought to this share of those tolerances: it moves a little on release."""
FAR_PRESS_X_M = 0.035
"""Where the hands press on the long walls, along the sheet, in the first stroke: over the pile until the rails carry
the front ..."""
NEAR_PRESS_X_M = -0.058
"""... and in the second: over the rails, from where the pile still carries the rear."""
STROKE_END_X_M = 0.250
"""The first stroke ends with the sheet's middle here."""
PRESS_Y_M = 0.027
"""Where they press from the crease outwards: over the middle of the guides."""
PRESS_M = 0.004
"""How far below the sheet's surface the fingertips are sent: about 10 N."""
LEANING = facing(np.array([1.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0]))
"""Closed fingers leaning forwards in the first stroke: the pile is at the edge of the reach."""
LEANING_TIP_M = -TIP_M * LEANING[:, 0] + 0.0078 * UP
"""From where leaning fingers touch, with the near edge of their pads, to their grasp point."""
RELEASE_M = 0.009
"""The fingers rise by this much slowly, without pulling sideways: the sheet must stay where it is."""
RELEASE_STEP_M = 0.0005
HOVER_M = 0.045
SLIDE_M_S = 0.22
ALIGN_M_S = 0.10
LANE_M = 0.005
"""A sheet farther to a side than this, its turn included, is not slid onto the jig: its rear tabs would miss the rails
and catch in front of the rear guides. It waits ..."""
WAIT_X_M = 0.245
"""... or is drawn back to here, where the tabs are still clear of those guides, ..."""
BETWEEN_GUIDES_X_M = 0.205
"""... unless it is past them already; from there it would push the sheet below off the pile."""
TAB_REACH_M = 0.11
"""Distance of the rear tabs from the middle of the sheet."""
SLIDE_GAIN = 4.0
"""Speed per distance to go [1/s]."""
TURN_GAIN = 3.0
SLIP_M = 0.015
"""A fingertip that has moved this far against the sheet has slipped."""
COMING_M = 0.006
"""A second sheet that has moved this far along with the first sticks to it."""
SHAKE_AMPLITUDE_M = 0.027
SHAKE_PRESS_M = 0.003
"""Sideways, as leaning fingers hold a sheet better across than along, and pressed harder than it is slid."""
SHAKE_HZ = 3.0
SHAKE_S = 2.0
SHAKE_BACK_M = 0.006
"""The hands lag behind their command by this much when a sheet is found to come along."""
SHAKE_BACK_S = 0.5


class Feeding(Phases):
    """Phases with the flat sheet on the pile or lying askew on the jig."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.looks = not self.operator.errs()

    def squared(self, share: float = 1.0) -> bool:
        """Whether the sheet lies on the jig's axes, within a share of the tolerances."""
        offset, turned = self._error()
        return bool(np.abs(offset).max() < share * SQUARE_M and abs(turned) < share * SQUARE_RAD)

    def _error(self) -> tuple[np.ndarray, float]:
        """Way to go (2,) [m] and turn to make [rad] until the sheet lies square in the jig."""
        view = self.view
        turned = float(yaw(view.carton_rotation[None])[0])
        return (p.JIG_M - view.carton)[:2], -turned

    def feed(self) -> Motion:
        """Press on the sheet with both hands and slide it until it lies square over the jig."""
        self.enter("press_sheet")
        yield from self.both(self._touch(LEFT), self._touch(RIGHT))
        self.enter("slide_sheet")
        marks, first_stroke = [self._mark(side) for side in (LEFT, RIGHT)], self._far()
        for _ in range(8 * CONTROL_HZ):
            if self.squared(FINE) or any(np.linalg.norm(self._mark(s) - marks[s]) > SLIP_M for s in (LEFT, RIGHT)):
                break
            if first_stroke and self.view.carton[0] < STROKE_END_X_M:
                break
            if self.looks and self.view.clings and self.view.second_shift > COMING_M:
                yield from self.shake()
                marks = [self._mark(side) for side in (LEFT, RIGHT)]
            self._drag()
            yield
        self.enter("release_sheet")
        yield from self.both(self._leave(LEFT), self._leave(RIGHT))

    def _touch(self, side: int) -> Motion:
        """Put the closed fingertips of a hand onto a long wall and press."""
        hand = self.hand(side)
        rotation = nearer_half_turn(LEANING if self._far() else JAW_ALONG_Y, hand.rotation)
        spot = self._press_point(side) + self.operator.aim()
        yield from self.go_above(side, spot, rotation, max(spot[2] + HOVER_M, 0.15))
        yield from hand.set_jaw(0.0)
        yield from self.steer(hand, spot + 0.010 * UP, speed=0.8)
        yield from self.steer(hand, spot - PRESS_M * UP, speed=0.4)
        yield from wait(0.06)

    def _press_point(self, side: int) -> np.ndarray:
        """Grasp point of a hand whose fingertips just touch the sheet."""
        view = self.view
        along, tip = (FAR_PRESS_X_M, LEANING_TIP_M) if self._far() else (NEAR_PRESS_X_M, TIP_M * UP)
        local = np.array([along, SIGN[side] * (view.half_width + PRESS_Y_M), 0.5 * p.PANEL_M])
        return view.carton + view.carton_rotation @ local + tip

    def _far(self) -> bool:
        """Whether the sheet is still carried by the pile rather than by the jig's rails."""
        return bool(self.view.carton[0] > STROKE_END_X_M + 0.010)

    def _mark(self, side: int) -> np.ndarray:
        """Where a hand is in the sheet's frame, horizontally, (2,) [m]."""
        view = self.view
        return (view.carton_rotation.T @ (view.hand(side)[0] - view.carton))[:2]

    def _drag(self) -> None:
        """Move both hands one step: the sheet toward the jig, turning to its axes, at the sheet's height."""
        offset, turn = self._error()
        pace = self.operator.profile.speed
        if self.view.carton[0] > BETWEEN_GUIDES_X_M and abs(offset[1]) + TAB_REACH_M * abs(turn) > LANE_M:
            offset[0] = WAIT_X_M - self.view.carton[0]
        velocity = np.clip(SLIDE_GAIN * offset, [-SLIDE_M_S, -ALIGN_M_S], [SLIDE_M_S, ALIGN_M_S]) * pace
        rate = float(np.clip(TURN_GAIN * turn, -0.6, 0.6))
        for side in (LEFT, RIGHT):
            arm = self.view.hand(side)[0] - self.view.carton
            step = velocity + rate * np.array([-arm[1], arm[0]])
            height = self._press_point(side)[2] - PRESS_M - self.hand(side).position[2]
            self.hand(side).nudge(np.array([*(step / CONTROL_HZ), float(np.clip(height, -0.0006, 0.0006))]))

    def shake(self) -> Motion:
        """Take both sheets back over the pile and shake the upper one to and fro until the one below comes off."""
        self.enter("shake_sheets")
        back = self.view.second_shift + SHAKE_BACK_M
        starts = [self.hand(side).position.copy() for side in (LEFT, RIGHT)]
        for k in range(round(SHAKE_S * CONTROL_HZ)):
            returned = back * min(1.0, (k + 1) / (SHAKE_BACK_S * CONTROL_HZ))
            swing = SHAKE_AMPLITUDE_M * np.sin(2 * np.pi * SHAKE_HZ * (k + 1) / CONTROL_HZ)
            for side in (LEFT, RIGHT):
                self.hand(side).position = starts[side] + np.array([returned, swing, -SHAKE_PRESS_M])
            yield
            if not self.view.clings:
                break
        self.enter("slide_sheet")

    def _leave(self, side: int) -> Motion:
        hand = self.hand(side)
        for _ in range(round(RELEASE_M / RELEASE_STEP_M)):
            hand.position = np.array([*self.view.hand(side)[0][:2], hand.position[2] + RELEASE_STEP_M])
            yield
        yield from self.steer(hand, hand.position + HOVER_M * UP, speed=0.8)
        yield from self.steer(hand, np.array([*hand.position[:2], 0.17]))
