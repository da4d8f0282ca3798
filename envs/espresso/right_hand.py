"""The barista's right hand: portafilter, grinder, pedestal, bayonet and button."""

import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.barista_view import View
from recap_bench.envs.scripting import (
    Hand,
    Motion,
    Operator,
    facing,
    limited,
    nearer_half_turn,
    rotation_matrices,
    rotation_vector,
)
from recap_bench.envs.simulation import CONTROL_HZ

UP = np.array([0.0, 0.0, 1.0])
DOWN = -UP
RIGHT = 1
HANDLE_JAW = 0.45
"""Opening around the handle (22 mm wide) before closing."""
SERVO_GAIN = 0.12
"""Share of the seen error that the eye corrects per control step: about 0.2 s to two thirds, as people do."""
SERVO_STEP_M = 0.002
LOOK_S = 0.35
"""A look at what was done before the next step that cannot be undone: turning, letting go, pressing."""
TAMP_MARGIN_S = 0.25
"""How much longer than needed a press is held, to be sure."""
MISPLACED_M = 0.015
"""Where a fumbled placement ends beside its mark."""
HELD_M = 0.03
"""The handle is held while its grip lies this close to the grasp point and the jaws are closed on it."""
FORWARD = np.array([-1.0, 0.0, 0.0])
"""Direction of the handle at grinder, pedestal and when locked: toward the robot."""
BUTTON_HAND = facing(np.array([0.87, 0.0, -0.5]), np.array([0.0, 1.0, 0.0]))
BEFORE_BUTTON_M = np.array([-0.10, -0.02, 0.04])
"""Where the hand waits for the cup: far enough not to press by mistake."""
REST_M = np.array([0.10, -0.24, 0.26])


def upright(handle_direction: np.ndarray) -> np.ndarray:
    """Return the rotation of a level portafilter whose handle points this way, (3, 3)."""
    x = np.array([handle_direction[0], handle_direction[1], 0.0])
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(UP, x), UP], axis=1)


class RightHand:
    """Phases of the right hand; `run` enters the one whose condition holds."""

    def __init__(self, hand: Hand, view: View, operator: Operator) -> None:
        self.hand, self.view, self.operator = hand, view, operator
        self.phase = "start"
        self.dose_goal_g = p.DOSE_TARGET_G - (8.0 if operator.errs() else 0.0)
        self.tamp_goal_s = 0.05 if operator.errs() else p.TAMP_HOLD_S + TAMP_MARGIN_S

    def run(self) -> Motion:
        while True:
            view = self.view
            if view.locked:
                yield from self.after_locking()
            elif not self.holding():
                yield from self.pick()
            elif view.process("dose_g") < self.dose_goal_g - 1.5 and not view.tamped:
                yield from self.grind()
            elif view.process("tamp_s") < self.tamp_goal_s - 0.02:
                yield from self.stand_for_tamping()
            else:
                yield from self.lock()
            yield

    def after_locking(self) -> Motion:
        """Let go of the handle, press the button once the cup stands, then rest."""
        view = self.view
        if np.linalg.norm(view.hand(RIGHT)[0] - view.handle) < 0.05 or (self.hand.jaw > 0.05 and self.phase == "turn"):
            yield from self.let_go()
        elif view.process("pump_s") == 0 and view.cup_under_spout():
            yield from self.press_button()
        elif view.process("pump_s") == 0:
            yield from self.wait_at_button()
        else:
            yield from self.rest()

    def holding(self) -> bool:
        """Whether the jaws are closed on the handle."""
        grasp, _ = self.view.hand(RIGHT)
        near = np.linalg.norm(grasp - self.view.handle) < HELD_M
        return bool(near and self.hand.jaw < 0.2 and 0.15 < self.view.jaw(RIGHT) < 0.4)

    def pick(self) -> Motion:
        """Grip the handle from above, wherever the portafilter stands."""
        self.phase = "pick"
        view, hand = self.view, self.hand
        yield from hand.set_jaw(max(hand.jaw, HANDLE_JAW))
        handle, rotation = view.handle, self._handle_grip()
        above = handle + (0.07 if handle[2] < 0.1 else 0.05) * UP
        if np.linalg.norm(hand.position[:2] - above[:2]) > 0.03:
            clear = np.array([*hand.position[:2], max(hand.position[2], above[2])])
            if hand.position[2] < clear[2] - 0.01:
                yield from hand.move(clear, speed=1.3)
            yield from hand.move(above + self.operator.coarse(), rotation)
        miss = 0.035 * np.cross(rotation[:, 0], rotation[:, 2]) if self.operator.fumbles() else np.zeros(3)
        yield from hand.move(view.handle + self.operator.aim() + miss, self._handle_grip(), speed=0.7, wander=0.0)
        yield from hand.set_jaw(0.0, settle_s=0.25)
        if self.holding():
            yield from hand.shift(0.05 * UP if view.portafilter[2] < 0.03 else 0.008 * UP)

    def _handle_grip(self) -> np.ndarray:
        x = self.view.portafilter_rotation[:, 0]
        return nearer_half_turn(facing(DOWN, np.cross(UP, x)), self.hand.rotation)

    def carry(self, position: np.ndarray, direction: np.ndarray, speed: float = 1.0) -> Motion:
        """Move the held portafilter roughly to a pose, allowing for how it lies in the jaws."""
        goal, rotation = self._grasp_for(position + self.operator.coarse(), upright(direction))
        yield from self.hand.move(goal, rotation, speed)

    def _grasp_for(self, position: np.ndarray, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the hand command that puts the portafilter at a pose, given how it is held now."""
        view = self.view
        turn = rotation @ view.portafilter_rotation.T
        grasp, _ = view.hand(RIGHT)
        lag = self.hand.position - grasp
        return position + turn @ (grasp - view.portafilter) + lag, turn @ self.hand.rotation

    def align(self, position: np.ndarray, direction: np.ndarray, tolerance_m: float, timeout_s: float = 1.2) -> Motion:
        """Servo the portafilter's base to a point and level it, until it is within tolerance."""
        target = upright(direction)
        aim = position + self.operator.aim()
        for _ in range(round(timeout_s * CONTROL_HZ)):
            if not self.holding():
                return
            error = aim - self.view.portafilter
            turn = rotation_vector(target @ self.view.portafilter_rotation.T)
            if np.linalg.norm(error) < tolerance_m and np.linalg.norm(turn) < 0.03:
                return
            arm = self.view.hand(RIGHT)[0] - self.view.portafilter
            step = SERVO_GAIN * (error + np.cross(turn, arm))
            self.hand.nudge(limited(step, SERVO_STEP_M), SERVO_GAIN * turn)
            yield

    def misplaced(self) -> np.ndarray:
        """Draw where a fumbled placement ends, (3,) [m], horizontal."""
        angle = self.operator.rng.uniform(0.0, 2 * np.pi)
        return MISPLACED_M * np.array([np.cos(angle), np.sin(angle), 0.0])

    def grind(self) -> Motion:
        """Hold the basket under the chute until the dose is in."""
        self.phase = "grind"
        view = self.view
        spot = view.points["chute"] - view.points["chute_drop"]
        if np.linalg.norm((view.portafilter - spot)[:2]) > 0.02:
            yield from self.leave_fixture()
            yield from self.carry(spot + np.array([-0.09, 0.0, 0.0]), FORWARD)
            yield from self.carry(spot, FORWARD, speed=0.8)
        yield from self.align(spot, FORWARD, 0.004)
        for _ in range(6 * CONTROL_HZ):
            done = view.process("dose_g") >= self.dose_goal_g - 0.3
            if done or not self.holding() or view.process("grinding") == 0:
                break
            yield
        if view.process("dose_g") >= self.dose_goal_g - 1.5:
            yield from self.hand.move_now(self.hand.position + np.array([-0.10, 0.0, 0.0]), speed=1.2)

    def leave_fixture(self) -> Motion:
        """Back out from under the tamper or the chute before travelling."""
        if self.view.portafilter[0] > 0.25 and self.view.portafilter[2] > 0.03:
            yield from self.hand.shift(np.array([-0.09, 0.0, 0.012]))

    def stand_for_tamping(self) -> Motion:
        """Stand the basket level on the pedestal and hold it there while the left hand presses."""
        self.phase = "stand"
        view, axis = self.view, self.view.points["tamper_axis"]
        if not view.on_pedestal():
            if np.linalg.norm((view.portafilter - axis)[:2]) > 0.02:
                yield from self.carry(axis + np.array([-0.09, 0.0, 0.02]), FORWARD)
                yield from self.carry(axis + np.array([0.0, 0.0, 0.012]), FORWARD, speed=0.8)
            yield from self.align(axis + 0.006 * UP, FORWARD, 0.002)
            if self.operator.fumbles():
                yield from self.align(axis + self.misplaced(), FORWARD, 0.003, timeout_s=0.8)
                yield from self.align(axis + 0.008 * UP, FORWARD, 0.003)
            yield from self.align(axis + 0.0005 * UP, FORWARD, 0.0015, timeout_s=0.5)
        for _ in range(3 * CONTROL_HZ):
            if view.process("tamp_s") >= self.tamp_goal_s or not view.on_pedestal():
                break
            yield
        while view.tamper < -0.025:
            yield
        if view.process("tamp_s") >= self.tamp_goal_s - 0.02:
            yield from self.hand.shift(0.010 * UP)
            yield from self.hand.shift(np.array([-0.09, 0.0, 0.004]), speed=1.2)

    def lock(self) -> Motion:
        """Insert from below at 45 degrees, push into the seat, turn home."""
        self.phase = "lock"
        view, seat = self.view, self.view.points["seat"]
        direction = view.points["seat_rotation"][:, 0]
        if view.process("engaged") == 0:
            below = seat - 0.028 * UP
            if np.linalg.norm((view.portafilter - below)[:2]) > 0.03:
                yield from self.leave_fixture()
                yield from self.carry(below + 0.10 * direction - 0.02 * UP, direction)
                yield from self.carry(below, direction, speed=0.8)
            yield from self.align(below, direction, 0.0015)
            if self.operator.fumbles():
                yield from self.align(seat + self.misplaced(), direction, 0.003, timeout_s=0.8)
                if view.process("engaged") == 0:  # by luck it may be home
                    yield from self.align(below, direction, 0.0015)
            yield from self.align(seat + 0.001 * UP, direction, 0.001, timeout_s=0.9)
        yield from self.operator.look(LOOK_S)
        if view.process("engaged") > 0 and self.holding():
            yield from self.turn()

    def turn(self) -> Motion:
        """Turn the handle about the group's axis until the seal latches."""
        self.phase = "turn"
        hand, view, seat = self.hand, self.view, self.view.points["seat"]
        grasp, rotation = hand.position, hand.rotation
        start = view.collar
        steps = max(6, round((0.80 - start) / (1.1 * self.operator.profile.speed) * CONTROL_HZ))
        for k in range(1, steps + 12):
            if view.locked or not self.holding():
                break
            angle = (0.84 - start) * min(1.0, k / steps)
            spin = rotation_matrices(np.array([[0.0, 0.0, -angle]]))[0]
            hand.position, hand.rotation = seat + spin @ (grasp - seat), spin @ rotation
            yield
        yield from self.operator.look(LOOK_S)
        if view.locked:
            yield from self.let_go()

    def let_go(self) -> Motion:
        """Open the jaws and rise clear of the handle."""
        self.phase = "let_go"
        yield from self.hand.set_jaw(0.6, settle_s=0.04)
        yield from self.hand.move(self.hand.position + np.array([-0.02, 0.0, 0.07]))

    def _before_button(self) -> np.ndarray:
        return self.view.points["button"] + BEFORE_BUTTON_M

    def wait_at_button(self) -> Motion:
        """Hover before the button while the left hand brings the cup."""
        self.phase = "wait_at_button"
        if np.linalg.norm(self.hand.position - self._before_button()) > 0.03:
            yield from self.hand.set_jaw(0.0)
            yield from self.hand.move(
                self._before_button() + self.operator.coarse(), nearer_half_turn(BUTTON_HAND, self.hand.rotation)
            )
        yield

    def press_button(self) -> Motion:
        """Push the button in until the pump runs."""
        self.phase = "press_button"
        yield from self.wait_at_button()
        yield from self.operator.look(LOOK_S)
        hand = self.hand
        yield from hand.move(self.view.points["button"] + np.array([-0.022, 0.0, 0.0]) + self.operator.aim())
        for _ in range(40):
            if self.view.process("pump_s") > 0:
                break
            hand.nudge(np.array([0.0015, 0.0, 0.0]))
            yield
        yield from hand.move(self._before_button() + np.array([-0.03, 0.0, 0.0]))

    def rest(self) -> Motion:
        """Stay out of the way."""
        self.phase = "rest"
        if np.linalg.norm(self.hand.position - REST_M) > 0.01:
            yield from self.hand.move(REST_M, facing(DOWN, np.array([0.0, 1.0, 0.0])))
        yield
