"""From a latched box in the jig to a labelled box in the crate."""

from collections.abc import Callable
from typing import Any

import numpy as np

from recap_bench.envs.box import parameters as p
from recap_bench.envs.box.hands import CARRY_WANDER, DOWN, LEFT, RIGHT, STRAIGHT, TRAVEL_M, UP, Phases
from recap_bench.envs.scripting import Motion, Pose, facing, nearer_half_turn, rotation_matrices, wait

LABEL_JAW = 0.35
"""Opening around the pull tab before closing."""
WALL_JAW = 0.40
"""Opening around a wall before closing: the outer finger fits between the jig's guides."""
LABEL_GATHER_M = 0.015
"""The label is brought over its place at this height, then pressed down."""
PRESS_M = 0.003
"""It is sent this far into the base."""
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
        yield from self.come_to(RIGHT, lambda: view.label + p.LABEL_GRIP_M * UP + miss, self._tab_grip(), speed=0.8)
        yield from hand.set_jaw(0.0, settle_s=0.12)
        yield from hand.move(np.array([*hand.position[:2], TRAVEL_M]), wander=CARRY_WANDER)

    def _tab_grip(self) -> np.ndarray:
        return nearer_half_turn(facing(DOWN, self.view.label_rotation[:, 1]), self.hand(RIGHT).rotation)

    def press_label(self) -> Motion:
        """Carry the label over the base, align it, press until it adheres."""
        self.enter("press_label")
        view, hand = self.view, self.hand(RIGHT)
        spot = np.array([0.0, 0.0, p.LABEL_REST_M]) + self.operator.aim() + self.label_error
        above = view.carton + view.carton_rotation @ spot + (TRAVEL_M - 0.03) * UP
        goal, rotation = self._grasp_for(above + self.operator.coarse())
        yield from hand.move(goal, rotation, wander=CARRY_WANDER)

        def seen() -> Pose:
            return view.label, view.label_rotation

        def wanted(height: float) -> Callable[[], Pose]:
            return lambda: (view.carton + view.carton_rotation @ (spot + height * UP), self._along_carton())

        def pressing() -> bool:
            return self.holding_label() and view.process("stuck") == 0

        yield from self.servo(RIGHT, seen, wanted(LABEL_GATHER_M), while_true=pressing, tolerance_m=0.004)
        yield from self.servo(RIGHT, seen, wanted(-PRESS_M), 0.3, pressing, tolerance_m=0.0)

    def _along_carton(self) -> np.ndarray:
        """Rotation of a label that lies along the carton, the way round that is nearer, (3, 3)."""
        target = self.view.carton_rotation
        if target[:, 0] @ self.view.label_rotation[:, 0] < 0:
            target = target @ np.diag([-1.0, -1.0, 1.0])
        return target

    def _grasp_for(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hand command that lays the label at a position, along the carton, given how it is held now."""
        view = self.view
        turn = self._along_carton() @ view.label_rotation.T
        grasp, _ = view.hand(RIGHT)
        lag = self.hand(RIGHT).position - grasp
        return position + turn @ (grasp - view.label) + lag, turn @ self.hand(RIGHT).rotation

    def leave_label(self) -> Motion:
        """Open the jaws and rise straight off the pull tab."""
        hand = self.hand(RIGHT)
        if np.linalg.norm(hand.position - self.view.label) < 0.06:
            yield from hand.set_jaw(LABEL_JAW, settle_s=0.04)
            yield from hand.move(np.array([*hand.position[:2], TRAVEL_M]), speed=0.8, wander=STRAIGHT)

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
        return view.carton + view.carton_rotation @ np.array([0.0, across, p.WALL_GRIP_M])

    def _wall_grip(self) -> np.ndarray:
        return nearer_half_turn(facing(DOWN, self.view.carton_rotation[:, 1]), self.hand(LEFT).rotation)

    def take_box(self) -> Motion:
        """Grip the middle of a long wall from above and lift the box."""
        self.enter("take_box")
        hand, view = self.hand(LEFT), self.view
        yield from self.go_above(LEFT, self._wall(), self._wall_grip())
        yield from hand.set_jaw(WALL_JAW)
        miss = 0.03 * view.process("slot_side") * view.carton_rotation[:, 1] if self.operator.fumbles() else np.zeros(3)
        yield from self.come_to(LEFT, lambda: self._wall() + miss, self._wall_grip(), speed=0.8)
        yield from hand.set_jaw(0.0, settle_s=0.12)
        if self.holding_box():
            yield from hand.move(hand.position + (LIFT_M - view.carton[2]) * UP, speed=0.6, wander=STRAIGHT)
        else:
            yield from hand.set_jaw(WALL_JAW)

    def carry_box(self) -> Motion:
        """Move the box roughly over the free slot, level and straight, then right over it."""
        self.enter("carry_box")
        slot = self.view.slot + self.slot_error
        goal, rotation = self._hold_for(np.array([*slot[:2], LIFT_M]) + self.operator.coarse())
        yield from self.hand(LEFT).move(goal, rotation, speed=0.7, wander=CARRY_WANDER)
        yield from self._bring_box(slot + 0.03 * UP, 0.6, tolerance_m=0.003)

    def set_down(self) -> Motion:
        """Lower the box into the slot and let go."""
        self.enter("set_down")
        hand, slot = self.hand(LEFT), self.view.slot + self.slot_error
        yield from self._bring_box(slot + self.operator.aim() - 0.002 * UP, 0.35, tolerance_m=0.003)
        yield from wait(0.05)
        yield from hand.set_jaw(WALL_JAW, settle_s=0.05)
        yield from hand.move(np.array([*hand.position[:2], TRAVEL_M]), speed=0.8, wander=STRAIGHT)
        yield from wait(0.1)

    def _bring_box(self, place: np.ndarray, speed: float, tolerance_m: float) -> Motion:
        """Bring the held box to a place, along the slot, by eye."""
        view = self.view
        yield from self.servo(
            LEFT,
            lambda: (view.carton, view.carton_rotation),
            lambda: (place, self._along_slot()),
            speed,
            self.holding_box,
            tolerance_m,
        )

    def _along_slot(self) -> np.ndarray:
        """Rotation of a box along the slot, the way round that is nearer, (3, 3)."""
        target = rotation_matrices(np.array([[0.0, 0.0, self.view.process("slot_yaw_rad")]]))[0]
        if target[:, 0] @ self.view.carton_rotation[:, 0] < 0:
            target = target @ np.diag([-1.0, -1.0, 1.0])
        return target

    def _hold_for(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hand command that puts the held box at a position, along the slot."""
        view = self.view
        turn = self._along_slot() @ view.carton_rotation.T
        grasp, _ = view.hand(LEFT)
        lag = self.hand(LEFT).position - grasp
        return position + turn @ (grasp - view.carton) + lag, turn @ self.hand(LEFT).rotation
