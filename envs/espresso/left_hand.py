"""The barista's left hand: tamper and cup."""

import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.barista_view import View
from recap_bench.envs.espresso.right_hand import LOOK_S, RightHand
from recap_bench.envs.rig import ARM_BASES_M, JAW_OPENING_M
from recap_bench.envs.scripting import Hand, Motion, Operator, facing, limited
from recap_bench.envs.simulation import CONTROL_HZ

LEFT = 0
UP = np.array([0.0, 0.0, 1.0])
DOWN = -UP
CUP_TILT_RAD = 0.45
"""The hand takes the cup from the side, tilted down this much so that its palm clears the table."""
CUP_GRIP_M = 0.030
"""Height of the grip above the cup's base."""
CUP_SQUEEZE_M = 0.006
"""Over-closing per jaw: 36 N on the cup (3000 N/m)."""
CARRY_FULL_SPEED = 0.62
"""Speed with coffee in the cup, relative to free motion: the surface stays below the rim."""
CARRY_WANDER = 0.3
"""A hand with a cup in it bows and sways this much less."""
RECKLESS_SPEED = 2.2
SEATED_M = (0.002, 0.009)
"""A cup is let go this near to its place: people stop when it is good enough, some sooner than others."""
PRESS_N = 24.0
"""Aim within the tamping window."""
PRESS_HAND = facing(np.array([0.0, -0.5, -0.87]), np.array([1.0, 0.0, 0.0]))
"""Closed fingers on the knob, the arm leaning in from the left, away from the right hand."""
REST_M = np.array([0.16, 0.22, 0.24])


class LeftHand:
    """Phases of the left hand; `run` enters the one whose condition holds."""

    def __init__(self, hand: Hand, view: View, operator: Operator, other: RightHand) -> None:
        self.hand, self.view, self.operator, self.other = hand, view, operator, other
        self.phase = "start"
        self.reckless = operator.errs()

    def run(self) -> Motion:
        while True:
            view = self.view
            if view.locked and view.shot_done:
                yield from self.serve() if not self.served() else self.rest()
            elif view.locked and view.process("pump_s") > 0:
                yield from self.wait_for_shot()
            elif view.locked:
                yield from self.bring_cup() if not view.cup_under_spout() else self.wait_for_shot()
            elif self.other.phase == "stand" and view.process("tamp_s") < self.other.tamp_goal_s:
                yield from self.tamp() if view.on_pedestal() else self.hover()
            elif view.dosed and not view.tamped:
                yield from self.hover()
            elif view.tamped and self.clear_of_right():
                yield from self.fetch_cup()
            else:
                yield from self.rest()
            yield

    def served(self) -> bool:
        """The cup stands on the mat and the hand has left it."""
        view = self.view
        offset = view.cup - view.mat
        away = np.linalg.norm(view.hand(LEFT)[0] - view.cup - CUP_GRIP_M * UP) > p.SERVE_CLEARANCE_M + 0.005
        return bool(np.hypot(offset[0], offset[1]) < 0.8 * p.SERVE_RADIUS_M and offset[2] < 0.006 and away)

    def clear_of_right(self) -> bool:
        """The left hand is not above the tamping stand any more."""
        return bool(self.hand.position[1] > 0.0)

    def hover(self) -> Motion:
        """Wait with closed fingers above the knob."""
        self.phase = "hover"
        if self.holding_cup():
            yield from self.put_down()
        knob = self.view.points["knob"]
        spot = knob + np.array([0.0, 0.0, 0.045])
        if np.linalg.norm(self.hand.position - spot) > 0.03:
            yield from self.rise()
            yield from self.hand.set_jaw(0.0)
            yield from self.hand.move(spot + self.operator.coarse(), PRESS_HAND)
        yield

    def tamp(self) -> Motion:
        """Press the knob down until the puck has been within the force window long enough."""
        yield from self.hover()
        self.phase = "tamp"
        hand, view = self.hand, self.view
        yield from hand.move(view.points["knob"] + np.array([0.0, 0.0, 0.012]))
        for _ in range(round(2.5 * CONTROL_HZ)):
            goal_s = self.other.tamp_goal_s
            if view.process("tamp_s") >= goal_s or not view.on_pedestal():
                break
            force = view.tamper_force
            step = -0.0030 if force < 1.0 else float(np.clip((force - PRESS_N) * 8e-5, -0.0015, 0.0015))
            hand.nudge(np.array([0.0, 0.0, step * min(1.0, self.operator.profile.speed)]))
            yield
        yield from hand.move(np.array([*hand.position[:2], view.points["knob"][2] + 0.03]), speed=1.3)

    def rise(self) -> Motion:
        """Lift the hand to travelling height where it is low."""
        if self.hand.position[2] < 0.12 and not self.holding_cup():
            yield from self.retreat()
            yield from self.hand.shift((0.16 - self.hand.position[2]) * UP, speed=1.2)

    def retreat(self) -> Motion:
        """Back off along the approach, away from the cup."""
        self.phase = "retreat"
        grasp, rotation = self.view.hand(LEFT)
        if np.linalg.norm(grasp - self.view.cup - CUP_GRIP_M * UP) < 0.09 and rotation[2, 0] > -0.8:
            back = -np.array([rotation[0, 0], rotation[1, 0], 0.0])
            yield from self.hand.shift(0.085 * back / np.linalg.norm(back), speed=1.2)

    def holding_cup(self) -> bool:
        """Whether the jaws are closed on the cup."""
        grasp, _ = self.view.hand(LEFT)
        centre = self.view.cup + CUP_GRIP_M * self.view.cup_up
        width = 2 * self.view.cup_radius / JAW_OPENING_M
        return bool(
            np.linalg.norm(grasp - centre) < 0.02
            and self.hand.jaw < 0.95 * width
            and self.view.jaw(LEFT) < width + 0.08
        )

    def _grip(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return grasp point and rotation for the cup standing at `point`, reached from the shoulder's side."""
        across = point[:2] - ARM_BASES_M["left"][:2]
        across = across / np.linalg.norm(across)
        approach = np.array([*(np.cos(CUP_TILT_RAD) * across), -np.sin(CUP_TILT_RAD)])
        return point + CUP_GRIP_M * UP, facing(approach, np.array([-across[1], across[0], 0.0]))

    def grasp_cup(self) -> Motion:
        """Come from the side with open jaws, close, check."""
        view, hand = self.view, self.hand
        position, rotation = self._grip(view.cup)
        back = -np.array([rotation[0, 0], rotation[1, 0], 0.0]) / np.cos(CUP_TILT_RAD)
        near = np.linalg.norm(view.hand(LEFT)[0] - position) < 0.015 and rotation[:, 0] @ hand.rotation[:, 0] > 0.97
        if not near:
            yield from self.retreat()
            self.phase = "grasp_cup"
            yield from hand.set_jaw(0.95)
            ready = position + 0.075 * back
            if hand.position[2] > 0.12:
                yield from hand.move(ready + 0.05 * UP, rotation)
            yield from hand.move(ready + self.operator.coarse(), rotation, wander=0.3)
        miss = 0.04 * back if self.operator.fumbles() else np.zeros(3)
        position, rotation = self._grip(view.cup)
        yield from hand.move(position + self.operator.aim() + miss, rotation, speed=0.7, wander=0.0)
        yield from hand.set_jaw(2 * (view.cup_radius - CUP_SQUEEZE_M) / JAW_OPENING_M, settle_s=0.25)

    def carry_cup(self, goal: np.ndarray, speed: float) -> Motion:
        """Lift, carry level to above `goal`, servo, set down; stops when the cup is lost."""
        view, hand = self.view, self.hand
        near_enough = self.operator.rng.uniform(*SEATED_M)
        yield from hand.shift(0.012 * UP)
        if not self.holding_cup():
            return
        _, rotation = self._grip(goal)
        height = goal[2] + 0.012 - view.cup[2]
        lag = hand.position - view.cup
        turn = rotation @ hand.rotation.T
        across = hand.position + np.array([*(goal - view.cup)[:2], height])
        across[:2] = goal[:2] + (turn @ lag)[:2] + self.operator.coarse()[:2]
        yield from hand.move(across, rotation, speed, wander=CARRY_WANDER)
        for _ in range(CONTROL_HZ):
            error = goal + 0.001 * UP - view.cup
            if np.linalg.norm(error[:2]) < near_enough or not self.holding_cup():
                break
            step = 0.2 * np.array([error[0], error[1], 0.0])
            hand.nudge(limited(step, 0.002))
            yield
        yield from hand.shift(np.array([0.0, 0.0, goal[2] - view.cup[2] - 0.0005]), speed=0.5)

    def fetch_cup(self) -> Motion:
        """Take the cup while the right hand locks the portafilter."""
        if not self.holding_cup():
            yield from self.grasp_cup()
        self.phase = "hold_cup"
        yield

    def bring_cup(self) -> Motion:
        """Stand the cup under the spout; after a fumble it stands beside it and is brought again."""
        if not self.holding_cup():
            yield from self.grasp_cup()
        if self.holding_cup() and self.right_is_clear():
            self.phase = "bring_cup"
            beside = self.other.misplaced() if self.operator.fumbles() else np.zeros(3)
            yield from self.carry_cup(self.view.points["tray"] + beside, 0.9)
            yield from self.operator.look(LOOK_S)
            yield from self.hand.set_jaw(0.95)
        yield

    def right_is_clear(self) -> bool:
        """The right hand has left the space above the tray."""
        grasp, _ = self.view.hand(1)
        return bool(np.hypot(*(grasp - self.view.points["tray"])[:2]) > 0.10 or grasp[2] > 0.19)

    def wait_for_shot(self) -> Motion:
        """Keep the open jaws around the cup while the coffee runs."""
        self.phase = "wait_for_shot"
        yield

    def serve(self) -> Motion:
        """Carry the full cup to the mat, gently, and leave it there."""
        offset = self.view.cup - self.view.mat
        if np.hypot(offset[0], offset[1]) < 0.6 * p.SERVE_RADIUS_M and offset[2] < 0.006:
            yield from self.hand.set_jaw(0.95)
            yield from self.retreat()
            return
        if not self.holding_cup():
            yield from self.grasp_cup()
        if self.holding_cup():
            self.phase = "serve"
            pace = CARRY_FULL_SPEED * (RECKLESS_SPEED if self.reckless else 1.0)
            yield from self.carry_cup(self.view.mat, pace)
            yield from self.operator.look(LOOK_S)
            yield from self.hand.set_jaw(0.95)
            yield from self.retreat()

    def put_down(self) -> Motion:
        """Set the cup on the table below it."""
        yield from self.hand.shift(np.array([0.0, 0.0, 0.001 - self.view.cup[2]]), speed=0.5)
        yield from self.hand.set_jaw(0.95)
        yield from self.retreat()

    def rest(self) -> Motion:
        """Stay out of the way."""
        self.phase = "rest"
        if np.linalg.norm(self.hand.position - REST_M) > 0.01 and not self.holding_cup():
            yield from self.rise()
            yield from self.hand.move(REST_M, facing(DOWN, np.array([0.0, 1.0, 0.0])))
        yield
