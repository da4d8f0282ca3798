"""From the pile to the jig: press on the top sheet with both hands, slide it over, shake off one that sticks to it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.hands import JAW_ALONG_Y, LEFT, RIGHT, SIGN, STRAIGHT, UP, Phases
from recap_bench.envs.box.world import yaw
from recap_bench.envs.scripting import Motion, facing, wait
from recap_bench.envs.simulation import CONTROL_HZ

SQUARE_M = 0.0025
"""A sheet this close to the jig's axes ..."""
SQUARE_RAD = 0.020
"""... and turned this little is square enough to push."""
FINE = 0.3
"""While it is being slid the sheet is brought to this share of those tolerances: it moves a little on release."""
STROKE_END_X_M = 0.250
"""The first stroke ends with the sheet's middle here."""
PRESS_M = 0.004
"""How far below the sheet's surface the fingertips are sent: about 10 N."""
LEANING = facing(np.array([1.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0]))
"""Closed fingers leaning forwards in the first stroke: the pile is at the edge of the reach."""
LEANING_TIP_M = -p.TIP_M * LEANING[:, 0] + p.LEANING_GAP_M * UP
"""From where leaning fingers touch, with the near edge of their pads, to their grasp point."""
RELEASE_M = 0.009
"""The fingers rise by this much slowly, without pulling sideways: the sheet must stay where it is."""
RELEASE_STEP_M = 0.0005
HOVER_Z_M = 0.16
"""Height from which they come down and to which they rise."""
LEAVE_WANDER = 0.5
"""Share of the operator's wandering on the way up."""
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
SHAKE_AMPLITUDE_M = 0.027
SHAKE_PRESS_M = 0.003
"""Sideways, as leaning fingers hold a sheet better across than along, and pressed harder than it is slid."""
SHAKE_HZ = 3.0
SHAKE_S = 2.0
SWAY_Y_M = (0.008, 0.002)
"""Largest sideways sway of a sheet that is slid by a skilled operator, in the first and in the second stroke: within
LANE_M where guides are near ..."""
SWAY_RAD = (0.05, 0.015)
"""... and of its turn."""
STROKES_X_M = ((STROKE_END_X_M, 0.44), (p.JIG_M[0], STROKE_END_X_M))
"""Where each stroke ends and begins."""
SKILLED_WANDER = 0.05
"""The path wander for which those sways are meant."""


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
        sway = self._sway(0 if self._far() else 1)
        marks, first_stroke = [self._mark(side) for side in (LEFT, RIGHT)], self._far()
        for _ in range(8 * CONTROL_HZ):
            if self.squared(FINE) or any(np.linalg.norm(self._mark(s) - marks[s]) > SLIP_M for s in (LEFT, RIGHT)):
                break
            if first_stroke and self.view.carton[0] < STROKE_END_X_M:
                break
            if self.looks and self.view.clings and self.view.second_shift > p.COMING_M:
                yield from self.shake()
                marks = [self._mark(side) for side in (LEFT, RIGHT)]
            self._drag(sway)
            yield
        self.enter("release_sheet")
        yield from self.both(self._leave(LEFT), self._leave(RIGHT))

    def _touch(self, side: int) -> Motion:
        """Put the closed fingertips of a hand onto a long wall and press."""
        hand, rotation = self.hand(side), LEANING if self._far() else JAW_ALONG_Y
        yield from self.go_above(side, self._press_point(side), rotation, HOVER_Z_M)
        yield from hand.set_jaw(0.0)
        yield from self.come_to(side, lambda: self._press_point(side) + 0.008 * UP, rotation, 0.8, tolerance_m=0.003)
        down = np.array([*hand.position[:2], self._press_point(side)[2] - PRESS_M])
        yield from hand.move_now(down, speed=0.4, wander=STRAIGHT)
        yield from wait(0.06)

    def _press_point(self, side: int) -> np.ndarray:
        """Grasp point of a hand whose fingertips just touch the sheet."""
        view = self.view
        along, tip = (p.FAR_PRESS_X_M, LEANING_TIP_M) if self._far() else (p.NEAR_PRESS_X_M, p.TIP_M * UP)
        local = np.array([along, SIGN[side] * (view.half_width + p.PRESS_Y_M), 0.5 * p.PANEL_M])
        return view.carton + view.carton_rotation @ local + tip

    def _far(self) -> bool:
        """Whether the sheet is still carried by the pile rather than by the jig's rails."""
        return bool(self.view.carton[0] > STROKE_END_X_M + 0.010)

    def _mark(self, side: int) -> np.ndarray:
        """Where a hand is in the sheet's frame, horizontally, (2,) [m]."""
        view = self.view
        return (view.carton_rotation.T @ (view.hand(side)[0] - view.carton))[:2]

    def _sway(self, stroke: int) -> Callable[[], tuple[float, float]]:
        """Draw how a stroke deviates from the straight line; return the way aside [m] and turn [rad] wanted here."""
        end, start = STROKES_X_M[stroke]
        scale = self.operator.profile.path_wander / SKILLED_WANDER
        aside, turned = self.operator.rng.uniform(-1.0, 1.0, (2, 2)) * min(scale, 1.5)

        def wanted() -> tuple[float, float]:
            place = float(np.clip((self.view.carton[0] - end) / (start - end), 0.0, 1.0))
            bend = np.sin(np.pi * place * np.array([1.0, 2.0]))
            return SWAY_Y_M[stroke] * float(bend @ aside), SWAY_RAD[stroke] * float(bend @ turned)

        return wanted

    def _drag(self, sway: Callable[[], tuple[float, float]]) -> None:
        """Move both hands one step: the sheet toward the jig, turning to its axes, at the sheet's height."""
        offset, turn = self._error()
        pace = self.operator.profile.speed
        if self.view.carton[0] > BETWEEN_GUIDES_X_M and abs(offset[1]) + TAB_REACH_M * abs(turn) > LANE_M:
            offset[0] = WAIT_X_M - self.view.carton[0]
        aside, turned = sway()
        offset[1], turn = offset[1] + aside, turn + turned
        velocity = np.clip(SLIDE_GAIN * offset, [-SLIDE_M_S, -ALIGN_M_S], [SLIDE_M_S, ALIGN_M_S]) * pace
        rate = float(np.clip(TURN_GAIN * turn, -0.6, 0.6))
        for side in (LEFT, RIGHT):
            arm = self.view.hand(side)[0] - self.view.carton
            step = velocity + rate * np.array([-arm[1], arm[0]])
            height = self._press_point(side)[2] - PRESS_M - self.hand(side).position[2]
            self.hand(side).nudge(np.array([*(step / CONTROL_HZ), float(np.clip(height, -0.0006, 0.0006))]))

    def shake(self) -> Motion:
        """Shake the upper sheet to and fro across until the one below comes off."""
        self.enter("shake_sheets")
        starts = [self.hand(side).position.copy() for side in (LEFT, RIGHT)]
        for k in range(round(SHAKE_S * CONTROL_HZ)):
            swing = SHAKE_AMPLITUDE_M * np.sin(2 * np.pi * SHAKE_HZ * (k + 1) / CONTROL_HZ)
            for side in (LEFT, RIGHT):
                self.hand(side).position = starts[side] + np.array([0.0, swing, -SHAKE_PRESS_M])
            yield
            if not self.view.clings:
                break
        self.enter("slide_sheet")

    def _leave(self, side: int) -> Motion:
        hand = self.hand(side)
        for _ in range(round(RELEASE_M / RELEASE_STEP_M)):
            hand.position = np.array([*self.view.hand(side)[0][:2], hand.position[2] + RELEASE_STEP_M])
            yield
        yield from hand.move(np.array([*hand.position[:2], HOVER_Z_M]), wander=LEAVE_WANDER)
