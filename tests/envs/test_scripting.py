import numpy as np
import pytest
from push_task import PushTask

from recap_bench.envs.kinematics import HALF_TURN
from recap_bench.envs.operators import PROFILES, OperatorProfile, profile
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW, Rig
from recap_bench.envs.scripting import (
    HAND_SPEED_M_S,
    JAW_SPEED,
    JOINT_STEP_RAD,
    Hand,
    Operator,
    Script,
    ScriptedOracle,
    facing,
    limited,
    nearer_half_turn,
    rotation_matrices,
    rotation_vector,
    servo,
    wait,
)
from recap_bench.envs.simulation import CONTROL_HZ, Simulation

START = np.array([0.2, 0.1, 0.3])
GOAL = np.array([0.4, -0.1, 0.1])
UP = np.array([0.0, 0.0, 1.0])
TURNED = rotation_matrices(np.array([[0.3, -0.8, 0.5]]))[0]
STEADY = OperatorProfile("steady")
PAUSING = OperatorProfile("pausing", hesitation_rate=1.0, hesitation_s=1.0)


def make_hand(profile=STEADY, jaw=1.0):
    return Hand(START, np.eye(3), jaw, Operator(profile, np.random.default_rng(0)))


def follow(hand, motion):
    """Positions (T, 3), rotations (T, 3, 3) and jaw openings (T,) of a hand along a motion, its start included."""
    rows = [(hand.position, hand.rotation, hand.jaw)]
    rows += [(hand.position, hand.rotation, hand.jaw) for _ in motion]
    return tuple(np.array(part) for part in zip(*rows, strict=True))


class TestRotations:
    def test_vector_and_matrix_are_inverse(self):
        rng = np.random.default_rng(0)
        axes = rng.normal(size=(300, 3))
        angles = np.concatenate([rng.uniform(0, np.pi, 290), [0, 1e-9, 1e-7, 1e-4, 0.999 * np.pi], [np.pi - 1e-4] * 5])
        vectors = axes / np.linalg.norm(axes, axis=1, keepdims=True) * angles[:, None]
        found = [rotation_vector(matrix) for matrix in rotation_matrices(vectors)]
        np.testing.assert_allclose(found, vectors, atol=1e-8)

    @pytest.mark.parametrize("axis", [(1, 0, 0), (0, -1, 0), (0, 0, 1), (0.6, 0, -0.8), (-1, 2, 2), (1, -1, 1)])
    @pytest.mark.parametrize("less", [0.0, 1e-9, 1e-7])
    def test_half_a_turn_keeps_its_axis_up_to_sign(self, axis, less):
        vector = (np.pi - less) * np.array(axis) / np.linalg.norm(axis)
        matrix = rotation_matrices(vector[None])
        found = rotation_vector(matrix[0])
        assert np.linalg.norm(found) == pytest.approx(np.pi, abs=1e-6)
        np.testing.assert_allclose(rotation_matrices(found[None]), matrix, atol=1e-6)

    def test_facing_is_a_rotation_with_the_jaws_as_near_as_possible(self):
        rotation = facing(np.array([0.5, 0.2, -2.0]), np.array([0.1, 1.0, 0.0]))
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert rotation[:, 0] @ [0.5, 0.2, -2.0] == pytest.approx(np.linalg.norm([0.5, 0.2, -2.0]))
        assert rotation[:, 1] @ [0.1, 1.0, 0.0] > 0.9

    def test_the_nearer_half_turn_is_never_more_than_a_quarter_turn_of_the_jaws_away(self):
        turned = rotation_matrices(np.array([[2.5, 0.0, 0.0]]))[0]
        np.testing.assert_array_equal(nearer_half_turn(turned, np.eye(3)), turned @ HALF_TURN)
        np.testing.assert_array_equal(nearer_half_turn(turned, turned), turned)

    def test_a_step_is_shortened_only_when_too_long(self):
        np.testing.assert_allclose(limited(np.array([3.0, 0.0, 4.0]), 1.0), [0.6, 0.0, 0.8])
        np.testing.assert_array_equal(limited(np.array([0.0, 0.1, 0.0]), 1.0), [0.0, 0.1, 0.0])
        np.testing.assert_array_equal(limited(np.zeros(3), 1.0), np.zeros(3))


class TestMotions:
    @pytest.mark.parametrize("operator", [STEADY, *PROFILES.values()], ids=lambda operator: operator.name)
    def test_a_move_ends_exactly_at_its_goal(self, operator):
        hand = make_hand(operator)
        follow(hand, hand.move(GOAL, TURNED))
        np.testing.assert_allclose(hand.position, GOAL, atol=1e-12)
        np.testing.assert_allclose(hand.rotation, TURNED, atol=1e-12)

    def test_a_steady_move_is_straight_starts_and_ends_at_rest_and_keeps_the_pace(self):
        hand = make_hand()
        positions, _, _ = follow(hand, hand.move(GOAL, TURNED))
        along = (positions - START) @ (GOAL - START) / np.sum((GOAL - START) ** 2)
        np.testing.assert_allclose(positions, START + along[:, None] * (GOAL - START), atol=1e-12)
        steps = np.diff(along)
        assert (steps > 0).all()
        assert max(steps[0], steps[-1]) < 0.02 * steps.max()
        length = np.linalg.norm(GOAL - START)
        assert (len(positions) - 1) / CONTROL_HZ == pytest.approx(length / HAND_SPEED_M_S, abs=1 / CONTROL_HZ)

    def test_speed_shortens_a_move(self):
        slow, fast = make_hand(), make_hand(OperatorProfile("fast", speed=2.0))
        duration = len(follow(slow, slow.move(GOAL))[0]) - 1
        assert len(follow(fast, fast.move(GOAL))[0]) - 1 == pytest.approx(duration / 2, abs=1)
        slow.position = START
        assert len(follow(slow, slow.move(GOAL, speed=0.5))[0]) - 1 == pytest.approx(2 * duration, abs=1)

    def test_shift_keeps_the_orientation(self):
        hand = make_hand()
        hand.rotation = TURNED
        _, rotations, _ = follow(hand, hand.shift(0.05 * UP))
        np.testing.assert_allclose(hand.position, START + 0.05 * UP, atol=1e-12)
        np.testing.assert_allclose(rotations, np.tile(TURNED, (len(rotations), 1, 1)), atol=1e-12)

    def test_a_nudge_acts_at_once(self):
        hand = make_hand()
        hand.nudge(0.001 * UP, np.array([0.0, 0.0, 0.1]))
        np.testing.assert_allclose(hand.position, START + 0.001 * UP)
        np.testing.assert_allclose(rotation_vector(hand.rotation), [0.0, 0.0, 0.1], atol=1e-12)

    @pytest.mark.parametrize(("start", "goal"), [(1.0, 0.0), (0.0, 0.45), (0.3, 0.31)])
    def test_jaws_move_at_their_pace_and_end_exactly(self, start, goal):
        hand = make_hand(jaw=start)
        _, _, jaws = follow(hand, hand.set_jaw(goal))
        assert jaws[-1] == pytest.approx(goal, abs=1e-6)
        assert np.abs(np.diff(jaws)).max() <= JAW_SPEED / CONTROL_HZ + 1e-12
        assert len(jaws) - 1 == np.ceil(round(abs(goal - start) * CONTROL_HZ / JAW_SPEED, 9))

    def test_jaws_at_their_goal_only_settle(self):
        hand = make_hand(jaw=0.5)
        assert len(list(hand.set_jaw(0.5))) == 0
        assert len(list(hand.set_jaw(0.5, settle_s=0.1))) == 5

    def test_an_operator_hesitates_before_a_move_but_never_when_it_must_be_now(self):
        steady, pausing = make_hand(), make_hand(PAUSING)
        duration = len(list(steady.move_now(GOAL)))
        assert len(list(pausing.move_now(GOAL))) == duration
        pausing.position = START
        assert len(list(pausing.move(GOAL))) > duration + 5

    def test_a_wandering_move_bows_and_sways_by_its_length_and_still_ends_at_its_goal(self):
        wandering = OperatorProfile("wandering", path_wander=0.1)
        positions, rotations, _ = follow(hand := make_hand(wandering), hand.move(GOAL, TURNED))
        path = GOAL - START
        across = np.cross(positions - START, path / np.linalg.norm(path))
        assert 0.01 < np.linalg.norm(across, axis=1).max() < np.linalg.norm(path)
        np.testing.assert_allclose(positions[-1], GOAL, atol=1e-12)
        np.testing.assert_allclose(rotations[-1], TURNED, atol=1e-9)

    def test_wandering_can_be_turned_off_for_one_move(self):
        wandering = OperatorProfile("wandering", path_wander=0.1)
        positions, *_ = follow(hand := make_hand(wandering), hand.move(GOAL, wander=0.0))
        np.testing.assert_allclose(np.cross(positions - START, GOAL - START), 0.0, atol=1e-12)

    def test_a_faster_operator_looks_for_less_time(self):
        times = [len(list(Operator(OperatorProfile("p", speed=speed), None).look(1.0))) for speed in (1.0, 2.0)]
        assert times == [CONTROL_HZ, CONTROL_HZ / 2]

    def test_coarse_aim_is_horizontal_and_as_wide_as_the_profile_says(self):
        operator = Operator(OperatorProfile("coarse", approach_error_m=0.01), np.random.default_rng(0))
        errors = np.array([operator.coarse() for _ in range(500)])
        assert not errors[:, 2].any()
        np.testing.assert_allclose(errors[:, :2].std(0), 0.01, rtol=0.15)

    def test_waiting_changes_nothing(self):
        assert len(list(wait(0.5))) == CONTROL_HZ / 2
        assert len(list(wait(0.0))) == 0


class Still(Script):
    """Keeps both hands where they are."""

    def run(self):
        while True:
            self.phase = "still"
            yield


class Leaping(Script):
    """Commands a far hand pose and closed jaws at once."""

    def run(self):
        self.hands[1].position = np.array([0.35, -0.3, 0.35])
        self.hands[1].jaw = 0.0
        while True:
            yield


class ToyOracle(ScriptedOracle):
    def __init__(self, n, rig, script):
        super().__init__(n, rig)
        self.script = script

    def make_script(self, simulation, operator):
        return self.script()


class TestOracle:
    IDS = np.array([0, 1])

    def make(self, script):
        simulation = Simulation(PushTask.build_model(), 2, 1)
        simulation.reset(self.IDS)
        rig = Rig(simulation)
        posture = np.tile(rig.home(), (2, 1))
        posture[1, [0, 7]] += 0.2
        rig.place(self.IDS, posture)
        return ToyOracle(2, rig, script), posture

    def begin(self, oracle, ids=IDS):
        oracle.begin(ids, [profile("skilled")] * len(ids), [np.random.default_rng(i) for i in ids])

    def test_acting_before_beginning_is_refused(self):
        oracle, _ = self.make(Still)
        self.begin(oracle, np.array([0]))
        assert oracle.act(np.array([0])).shape == (1, 14)
        with pytest.raises(RuntimeError, match=r"simulation 1; call begin\(\) first"):
            oracle.act(self.IDS)

    def test_the_phase_is_that_of_each_simulations_script(self):
        oracle, _ = self.make(Still)
        self.begin(oracle, np.array([0]))
        oracle.act(np.array([0]))
        assert [oracle.phase(i) for i in range(2)] == ["still", "none"]

    def test_a_still_operator_keeps_the_present_targets(self):
        oracle, posture = self.make(Still)
        self.begin(oracle)
        for _ in range(3):
            np.testing.assert_allclose(oracle.act(self.IDS), posture, atol=1e-6)

    def test_joint_targets_change_by_limited_steps_within_the_action_space(self):
        oracle, posture = self.make(Leaping)
        self.begin(oracle)
        before = posture
        for _ in range(40):
            action = oracle.act(self.IDS)
            joints = np.r_[0:6, 7:13]
            assert np.abs(action - before)[:, joints].max() <= JOINT_STEP_RAD + 1e-9
            assert ((action >= ACTION_LOW - 1e-6) & (action <= ACTION_HIGH + 1e-6)).all()
            oracle.rig.apply(self.IDS, action)
            before = action
        np.testing.assert_allclose(oracle.act(self.IDS), before, atol=1e-9)
        assert (action[:, 13] == 0).all()
        assert (np.abs(action - posture)[:, 7:13].max(1) > 0.2).all()


class TestServo:
    """A hand that follows its command with a lag, sent to GOAL by eye."""

    def run(self, wanted=lambda: (GOAL, TURNED), held_back=False, **options):
        hand, places = make_hand(), [START]
        turned = [np.eye(3)]
        for _ in servo(hand, lambda: (places[-1], turned[-1]), wanted, **options):
            share = 0.0 if held_back else 0.4
            places.append(places[-1] + share * (hand.position - places[-1]))
            turn = rotation_vector(hand.rotation @ turned[-1].T)
            turned.append(rotation_matrices(share * turn[None])[0] @ turned[-1])
        return np.array(places), turned[-1], hand

    def test_it_ends_at_its_goal(self):
        places, turned, _ = self.run()
        assert np.linalg.norm(places[-1] - GOAL) < 0.002
        assert np.linalg.norm(rotation_vector(TURNED @ turned.T)) < 0.04

    def test_it_comes_down_beside_its_goal_first(self):
        places, _, _ = self.run()
        aside = np.linalg.norm((places - GOAL)[:, :2], axis=1)
        assert (aside[places[:, 2] < GOAL[2] + 0.010] < 0.012).all()

    def test_it_follows_a_goal_that_moves(self):
        steps = iter(range(1000))
        places, _, _ = self.run(lambda: (GOAL + min(next(steps), 40) * np.array([0.001, 0.0, 0.0]), TURNED))
        assert np.linalg.norm(places[-1] - GOAL - [0.040, 0.0, 0.0]) < 0.002

    def test_it_stops_when_its_condition_fails(self):
        places, _, _ = self.run(while_true=lambda: False)
        assert len(places) == 1

    def test_a_hand_that_is_held_back_gives_up_and_is_not_commanded_far_ahead(self):
        places, _, hand = self.run(held_back=True)
        assert len(places) == 1 + 2.5 * CONTROL_HZ
        assert np.linalg.norm(hand.position - START) <= 0.0251
