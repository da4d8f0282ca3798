"""What the simulated bodies do in hands, on the way and in the machine: real physics, a few seconds each."""

import numpy as np
import pytest

from recap_bench.envs.espresso.left_hand import CARRY_FULL_SPEED, CUP_GRIP_M, CUP_SQUEEZE_M, CUP_TILT_RAD
from recap_bench.envs.espresso.right_hand import upright
from recap_bench.envs.espresso.task import EspressoTask
from recap_bench.envs.operators import OperatorProfile, profile
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW, JAW_OPENING_M, TOP_DOWN, solve_hands
from recap_bench.envs.scripting import Hand, Operator, facing, rotation_matrices
from recap_bench.envs.simulation import CONTROL_HZ, Simulation

IDS = np.array([0])
LEFT, RIGHT = 0, 1
UP = np.array([0.0, 0.0, 1.0])
HANDLE_M = np.array([0.105, 0.0, 0.032])
"""Where the handle is gripped, in the portafilter's frame."""
TOWARD_ROBOT = upright(np.array([-1.0, 0.0, 0.0]))
ON_SIDE = rotation_matrices(np.array([[np.pi / 2, 0.0, 0.0]]))[0]


class Bench:
    """One espresso scene without randomisation, driven by hand poses."""

    def __init__(self):
        self.task = EspressoTask(Simulation(EspressoTask.build_model(), 1, 1), "none")
        self.task.simulation.reset(IDS)
        self.task.reset(IDS, [np.random.default_rng(0)])
        self.task.simulation.forward(IDS)
        self.targets = self.task.rig.targets(IDS)

    @property
    def world(self):
        return self.task.world(IDS)

    @property
    def failure(self):
        return self.task.spec.failure_modes[self.task.failure[0]]

    def run(self, seconds=0.0, targets=()):
        """Hold the targets for a time, or follow the given ones, (T, 1, 14)."""
        for _ in range(round(seconds * CONTROL_HZ)):
            self.step()
        for row in targets:
            self.targets = row
            self.step()

    def step(self):
        self.task.apply(IDS, np.clip(self.targets, ACTION_LOW, ACTION_HIGH))
        self.task.simulation.step(IDS)
        self.task.advance(IDS)

    def aim(self, side, position, rotation, jaw):
        """Point the targets of one hand at a pose in the world."""
        arm = slice(7 * side, 7 * side + 6)
        near = self.targets.reshape(1, 2, 7)[:, :, :6]
        pose = np.tile(position, (1, 2, 1)), np.tile(rotation, (1, 2, 1, 1))
        joints, reachable = solve_hands(*pose, near)
        assert reachable[0, side], f"{position} is out of reach"
        self.targets = self.targets.copy()
        self.targets[0, arm], self.targets[0, 7 * side + 6] = joints[0, side], jaw

    def put(self, name, position, rotation):
        """Put an object at a pose, at rest."""
        at, batch = self.task.start.address[name], self.task.simulation.batch
        batch.qpos[0, at : at + 3] = position
        w = 0.5 * np.sqrt(max(0.0, 1.0 + np.trace(rotation)))
        if w > 1e-6:
            skew = rotation - rotation.T
            vector = np.array([skew[2, 1], skew[0, 2], skew[1, 0]]) / (4 * w)
        else:  # half a turn about z, the only one used here
            vector = UP
        batch.qpos[0, at + 3 : at + 7] = [w, *vector]
        batch.qvel[0] = 0.0
        self.task.simulation.forward(IDS)

    def give(self, side, jaw_target, name, grasp, rotation, pose):
        """Put an object between the jaws of a hand, let them close on it."""
        width = 0.3 if name == "portafilter" else 0.72
        self.aim(side, grasp, rotation, width)
        self.task.rig.place(IDS, self.targets)
        self.put(name, *pose)
        self.targets[0, 7 * side + 6] = jaw_target
        self.run(0.4)

    def give_portafilter(self, grasp):
        """Right hand from above on the handle, basket level and away from the robot."""
        pose = grasp - TOWARD_ROBOT @ HANDLE_M, TOWARD_ROBOT
        self.give(RIGHT, 0.0, "portafilter", grasp, TOP_DOWN, pose)

    def give_full_cup(self, base, ml=58.0):
        """Left hand from the side around a cup full of coffee."""
        approach = np.array([np.cos(CUP_TILT_RAD), 0.0, -np.sin(CUP_TILT_RAD)])
        radius = self.task.process["cup_radius_m"][0]
        squeeze = 2 * (radius - CUP_SQUEEZE_M) / JAW_OPENING_M
        rotation = facing(approach, np.array([0.0, 1.0, 0.0]))
        self.give(LEFT, squeeze, "cup", base + CUP_GRIP_M * UP, rotation, (base, np.eye(3)))
        self.task.process["shot_ml"][:] = ml
        self.run(0.3)


@pytest.fixture
def bench():
    return Bench()


def in_hand(bench):
    """The handle in the right hand's frame, (3,) [m]."""
    world = bench.world
    return world.hand_rotations[0, RIGHT].T @ (world.handle[0] - world.hands[0, RIGHT])


def test_a_violent_shake_does_not_tear_the_portafilter_out_of_the_jaws(bench):
    bench.give_portafilter(np.array([0.16, -0.25, 0.30]))
    before, still = in_hand(bench), bench.targets
    seconds = np.arange(1, 3 * CONTROL_HZ + 1) / CONTROL_HZ
    shake = np.zeros((len(seconds), 1, 14))
    for joint, amplitude, rate_hz in ((7, 0.11, 2.0), (8, 0.09, 2.5), (10, 0.22, 3.0), (11, 0.18, 3.5)):
        shake[:, 0, joint] = amplitude * np.sin(2 * np.pi * rate_hz * seconds)
    speeds = []
    for targets in still + shake:
        bench.run(targets=[targets])
        speeds.append(np.linalg.norm(bench.world.portafilter_velocity))
    bench.targets = still
    bench.run(0.5)
    assert max(speeds) > 1.4, "the shake is not violent"  # with accelerations above 2 g
    assert np.linalg.norm(in_hand(bench) - before) < 0.015
    assert bench.world.portafilter[0, 2] > 0.2
    assert bench.failure == "none"


def carry(bench, speed):
    """Carry the held cup 0.35 m forward, hold it for a second, return what was spilled [ml]."""
    operator = Operator(OperatorProfile("steady"), np.random.default_rng(0))
    world = bench.world
    hand = Hand(world.hands[0, LEFT], world.hand_rotations[0, LEFT], bench.targets[0, 6], operator)
    for _ in hand.move_now(hand.position + np.array([0.35, 0.0, 0.0]), speed=speed):
        bench.aim(LEFT, hand.position, hand.rotation, hand.jaw)
        bench.step()
    bench.run(1.0)
    return bench.task.process["spilled_ml"][0]


def test_a_full_cup_carried_slowly_keeps_its_coffee_and_three_times_as_fast_spills(bench):
    spilled = []
    for speed in (CARRY_FULL_SPEED, 3 * CARRY_FULL_SPEED):
        bench = Bench()
        bench.give_full_cup(np.array([0.12, 0.36, 0.2]))
        assert bench.task.process["spilled_ml"] == 0
        spilled.append(carry(bench, speed))
        assert bench.world.cup[0, 0] == pytest.approx(0.47, abs=0.01)
        assert bench.world.cup[0, 2] > 0.18, "the cup was lost"
    assert spilled[0] == 0
    assert spilled[1] > 1


def operate(bench, until, limit_s=26.0):
    """Let the skilled operator work until a condition holds."""
    oracle = bench.task.make_oracle()
    oracle.begin(IDS, [profile("skilled")], [np.random.default_rng(0)])
    for _ in range(round(limit_s * CONTROL_HZ)):
        if until():
            return
        bench.run(targets=[oracle.act(IDS)])
    raise AssertionError(f"not reached within {limit_s} s; {bench.failure}, {oracle.phase(0)}")


def let_go(bench):
    """Open the right jaws; return the failures reported within a second."""
    bench.targets[0, 13] = 1.0
    return failures_within_a_second(bench)


def failures_within_a_second(bench):
    failures = set()
    for _ in range(CONTROL_HZ):
        bench.step()
        failures.add(bench.failure)
    return failures


def test_a_portafilter_let_go_in_the_unturned_seat_falls(bench):
    process = bench.task.process
    operate(bench, lambda: process["engaged"][0] > 0)
    seated = bench.world.portafilter[0, 2]
    bench.run(0.2)
    assert process["engaged"][0] > 0
    failures = let_go(bench)
    assert process["engaged"][0] == 0
    assert bench.world.portafilter[0, 2] < seated - 0.05
    assert "dropped_portafilter" in failures


def test_holding_still_after_success_stays_successful(bench):
    operate(bench, lambda: bench.task.success[0])
    bench.targets = bench.task.rig.targets(IDS)
    for _ in range(2 * CONTROL_HZ):
        bench.run(targets=[bench.targets])
        assert bench.task.success[0]
        assert bench.failure == "none"
    assert bench.task.stages.all()


DROPS = {
    "portafilter from 0.25 m": ("portafilter", [0.2, -0.05, 0.25], TOWARD_ROBOT, "dropped_portafilter"),
    "portafilter over the edge": ("portafilter", [0.3, -0.73, 0.01], TOWARD_ROBOT, "dropped_portafilter"),
    "portafilter on its side": ("portafilter", [0.2, -0.05, 0.035], ON_SIDE @ TOWARD_ROBOT, "dropped_portafilter"),
    "portafilter from 5 mm": ("portafilter", [0.2, -0.05, 0.005], TOWARD_ROBOT, "none"),
    "cup from 0.2 m": ("cup", [0.25, 0.3, 0.2], np.eye(3), "dropped_cup"),
    "cup over the edge": ("cup", [0.25, 0.73, 0.01], np.eye(3), "dropped_cup"),
    "cup on its side": ("cup", [0.25, 0.3, 0.032], ON_SIDE, "dropped_cup"),
    "cup from 5 mm": ("cup", [0.25, 0.3, 0.005], np.eye(3), "none"),
}


@pytest.mark.parametrize(("name", "position", "rotation", "expected"), DROPS.values(), ids=DROPS)
def test_what_was_dropped_is_reported(bench, name, position, rotation, expected):
    bench.put(name, position, rotation)
    assert failures_within_a_second(bench) - {"none"} == {expected} - {"none"}


def test_a_held_portafilter_that_is_let_go_is_dropped(bench):
    bench.give_portafilter(np.array([0.16, -0.25, 0.30]))
    assert bench.failure == "none"
    assert "dropped_portafilter" in let_go(bench)
