"""From a latched box in the jig to a labelled box in the crate."""

from typing import Any

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.hands import DOWN, LEFT, RIGHT, TRAVEL_M, UP, Phases
from recap_bench.envs.scripting import Motion, facing, nearer_half_turn, rotation_matrices, wait
from recap_bench.envs.simulation import CONTROL_HZ

LABEL_JAW = 0.35
"""Opening around the pull tab before closing."""
WALL_JAW = 0.40
"""Opening around a wall before closing: the outer finger fits between the jig's guides."""
WALL_GRIP_M = 0.038
"""Height of the grasp point over the base when a wall is gripped."""
LABEL_MISTAKE_M = np.array([0.032, 0.012, 0.0])
"""Where a hurried operator sticks the label: well off its area."""
SLOT_MISTAKE_M = np.array([0.0, -0.030, 0.0])
"""... and how far from the slot's middle it lets the box go."""
LIFT_M = 0.125
"""Height of the base on the way to the crate: above guides and parcel."""


class Packing(Phases):
    """Phases with the box built."""

    def __init__(self, script: Any) -> None:
        super().__init__(script)
        self.label_error = LABEL_MISTAKE_M if self.operator.errs() else np.zeros(3)
        self.slot_error = SLOT_MISTAKE_M if self.operator.errs() else np.zeros(3)

    def step(self) -> Motion:
        """Enter the phase that the state of box and label asks for."""
        if not self.view.stage[2] or self.view.process("stuck") == 0:
            yield from self.both(self.label(), self.rest(LEFT))
        elif self.view.process("placed_s") == 0:
            yield from self.both(self.place(), self.rest(RIGHT))
        else:
            yield from self.both(self.rest(LEFT), self.rest(RIGHT))

    # -- label ------------------------------------------------------------------------------------------------

    def label(self) -> Motion:
        """Take the label by its pull tab, press it onto the base, let go."""
        if self.view.process("stuck") == 0:
            if not self.holding_label():
                yield from self.take_label()
            if self.holding_label():
                yield from self.press_label()
        yield from self.leave_label()

    def holding_label(self) -> bool:
        """Whether the right jaws are closed on the pull tab."""
        view = self.view
        grip = view.label + p.LABEL_GRIP_M * view.label_rotation[:, 2]
        near = np.linalg.norm(view.hand(RIGHT)[0] - grip) < p.LABEL_GRIP_RADIUS_M
        return bool(near and self.hand(RIGHT).jaw < 0.1 and view.jaw(RIGHT) < p.JAW_CLOSED)

    def take_label(self) -> Motion:
        """Grip the pull tab from above, wherever the label lies."""
        self.enter("take_label")
        view, hand = self.view, self.hand(RIGHT)
        yield from self.go_above(RIGHT, view.label, self._tab_grip())
        yield from hand.set_jaw(LABEL_JAW)
        miss = 0.03 * view.label_rotation[:, 0] if self.operator.fumbles() else np.zeros(3)
        goal = view.label + p.LABEL_GRIP_M * UP + self.operator.aim() + miss
        yield from self.steer(hand, goal + 0.03 * UP, self._tab_grip())
        yield from self.steer(hand, goal, speed=0.6)
        yield from hand.set_jaw(0.0, settle_s=0.12)
        yield from self.steer(hand, np.array([*hand.position[:2], TRAVEL_M]))

    def _tab_grip(self) -> np.ndarray:
        return nearer_half_turn(facing(DOWN, self.view.label_rotation[:, 1]), self.hand(RIGHT).rotation)

    def press_label(self) -> Motion:
        """Carry the label over the base, align it, press until it adheres."""
        self.enter("press_label")
        view, hand = self.view, self.hand(RIGHT)
        spot = np.array([0.0, 0.0, p.LABEL_REST_M]) + self.operator.aim() + self.label_error
        above = view.carton + view.carton_rotation @ spot
        goal, rotation = self._grasp_for(above + (TRAVEL_M - 0.03) * UP)
        yield from self.steer(hand, goal, rotation)
        goal, rotation = self._grasp_for(view.carton + view.carton_rotation @ (spot + 0.02 * UP))
        yield from self.steer(hand, goal, rotation)
        goal, rotation = self._grasp_for(view.carton + view.carton_rotation @ (spot - 0.002 * UP))
        yield from self.steer(hand, goal, rotation, speed=0.5)
        for _ in range(CONTROL_HZ):
            if view.process("stuck") > 0 or not self.holding_label():
                break
            if view.label_in_carton[2] > p.LABEL_REST_M + 0.0005:
                hand.nudge(-0.0004 * UP)
            yield

    def _grasp_for(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hand command that lays the label at a position, along the carton, given how it is held now."""
        view = self.view
        target = view.carton_rotation
        if target[:, 0] @ view.label_rotation[:, 0] < 0:
            target = target @ np.diag([-1.0, -1.0, 1.0])
        turn = target @ view.label_rotation.T
        grasp, _ = view.hand(RIGHT)
        lag = self.hand(RIGHT).position - grasp
        return position + turn @ (grasp - view.label) + lag, turn @ self.hand(RIGHT).rotation

    def leave_label(self) -> Motion:
        """Open the jaws and rise straight off the pull tab."""
        hand = self.hand(RIGHT)
        if np.linalg.norm(hand.position - self.view.label) < 0.06:
            yield from hand.set_jaw(LABEL_JAW, settle_s=0.04)
            yield from self.steer(hand, np.array([*hand.position[:2], TRAVEL_M]), speed=0.8)

    # -- crate ------------------------------------------------------------------------------------------------

    def place(self) -> Motion:
        """Take the box by a long wall, carry it over the free slot, set it down, let go."""
        if not self.holding_box():
            yield from self.take_box()
        if self.holding_box():
            yield from self.carry_box()
            yield from self.set_down()

    def holding_box(self) -> bool:
        """Whether the left jaws are closed on that wall."""
        view = self.view
        near = np.linalg.norm(view.hand(LEFT)[0] - self._wall()) < 0.025
        return bool(near and self.hand(LEFT).jaw < 0.1 and view.jaw(LEFT) < p.JAW_CLOSED)

    def _wall(self) -> np.ndarray:
        """Where to grip the long wall that will face the crate's rim, (3,) [m]."""
        view = self.view
        across = view.process("slot_side") * (view.half_width + p.LONG_HINGE_M)
        return view.carton + view.carton_rotation @ np.array([0.0, across, WALL_GRIP_M])

    def _wall_grip(self) -> np.ndarray:
        return nearer_half_turn(facing(DOWN, self.view.carton_rotation[:, 1]), self.hand(LEFT).rotation)

    def take_box(self) -> Motion:
        """Grip the middle of a long wall from above and lift the box."""
        self.enter("take_box")
        hand, view = self.hand(LEFT), self.view
        yield from self.go_above(LEFT, self._wall(), self._wall_grip())
        yield from hand.set_jaw(WALL_JAW)
        miss = 0.03 * view.process("slot_side") * view.carton_rotation[:, 1] if self.operator.fumbles() else np.zeros(3)
        yield from self.steer(hand, self._wall() + self.operator.aim() + miss, self._wall_grip(), speed=0.8)
        yield from hand.set_jaw(0.0, settle_s=0.12)
        if self.holding_box():
            yield from self.steer(hand, hand.position + (LIFT_M - view.carton[2]) * UP, speed=0.6)
        else:
            yield from hand.set_jaw(WALL_JAW)

    def carry_box(self) -> Motion:
        """Move the box over the free slot, level and straight."""
        self.enter("carry_box")
        hand, slot = self.hand(LEFT), self.view.slot + self.slot_error
        goal, rotation = self._hold_for(np.array([*slot[:2], LIFT_M]))
        yield from self.steer(hand, goal, rotation, speed=0.7)
        goal, rotation = self._hold_for(slot + 0.03 * UP)
        yield from self.steer(hand, goal, rotation, speed=0.6)

    def set_down(self) -> Motion:
        """Lower the box into the slot and let go."""
        self.enter("set_down")
        hand, slot = self.hand(LEFT), self.view.slot + self.slot_error
        goal, rotation = self._hold_for(slot + self.operator.aim())
        yield from self.steer(hand, goal, rotation, speed=0.35)
        yield from wait(0.05)
        yield from hand.set_jaw(WALL_JAW, settle_s=0.05)
        yield from self.steer(hand, np.array([*hand.position[:2], TRAVEL_M]), speed=0.8)
        yield from wait(0.1)

    def _hold_for(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hand command that puts the held box at a position, along the slot."""
        view = self.view
        turned = view.process("slot_yaw_rad")
        target = rotation_matrices(np.array([[0.0, 0.0, turned]]))[0]
        if target[:, 0] @ view.carton_rotation[:, 0] < 0:
            target = target @ np.diag([-1.0, -1.0, 1.0])
        turn = target @ view.carton_rotation.T
        grasp, _ = view.hand(LEFT)
        lag = self.hand(LEFT).position - grasp
        return position + turn @ (grasp - view.carton) + lag, turn @ self.hand(LEFT).rotation
