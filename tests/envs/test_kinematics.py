import mujoco
import numpy as np
import pytest

from recap_bench.envs import kinematics
from recap_bench.envs.kinematics import HALF_TURN, JOINT_HIGH, JOINT_LOW, REACH_M, SHOULDER_HEIGHT_M, TOOL_M
from recap_bench.envs.rig import JOINTS, TOP_DOWN, load_spec

SHOULDER = np.array([0.0, 0.0, SHOULDER_HEIGHT_M])


@pytest.fixture(scope="module")
def arm():
    return load_spec("rig", "arm.xml").compile()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def random_joints(rng, n):
    return rng.uniform(JOINT_LOW, JOINT_HIGH, (n, 6))


def joints_at_work(rng, n):
    """Postures with the elbow up, the wrist before the shoulder and no wrist angle at its limit, (n, 6)."""
    elbow = rng.uniform(0.4, 2.6, n)
    elevation = rng.uniform(-1.0, 1.0, n)  # of the wrist, seen from the shoulder
    yaw, roll, pitch, last = rng.uniform([-2.4, -1.5, 0.1, -1.5], [2.4, 1.5, 2.2, 1.5], (n, 4)).T
    return np.stack([yaw, -elevation - elbow / 2, elbow, roll, pitch, last], axis=1)


def wrist(position, rotation):
    """Wrist centre relative to the shoulder, (n, 3)."""
    return position - TOOL_M * rotation[..., :, 0] - SHOULDER


def test_forward_is_the_site_pose_of_the_model(arm, rng):
    data = mujoco.MjData(arm)
    index = [arm.joint(name).qposadr[0] for name in JOINTS]
    for joints in random_joints(rng, 50):
        data.qpos[index] = joints
        mujoco.mj_kinematics(arm, data)
        position, rotation = kinematics.forward(joints)
        np.testing.assert_allclose(position, data.site("grasp").xpos, atol=1e-12)
        np.testing.assert_allclose(rotation, data.site("grasp").xmat.reshape(3, 3), atol=1e-12)


def test_joint_limits_are_those_of_the_model(arm):
    limits = np.array([arm.joint(name).range for name in JOINTS])
    np.testing.assert_array_equal(limits, np.stack([JOINT_LOW, JOINT_HIGH], axis=1))


def test_inverse_finds_the_hand_pose_or_its_half_turn(rng):
    position, rotation = kinematics.forward(random_joints(rng, 4000))
    joints, reachable = kinematics.inverse(position, rotation, random_joints(rng, 4000))
    assert reachable.mean() > 0.3  # the solver keeps the elbow up and does not reach backwards over the shoulder
    found_position, found_rotation = kinematics.forward(joints[reachable])
    np.testing.assert_allclose(found_position, position[reachable], atol=1e-9)
    same, turned = (np.abs(found_rotation - rotation[reachable] @ turn).max((1, 2)) for turn in (np.eye(3), HALF_TURN))
    assert np.minimum(same, turned).max() < 1e-6
    assert (same < 1e-6).any()
    assert (turned < 1e-6).any()


def test_inverse_returns_the_posture_it_is_given_as_nearest(rng):
    expected = joints_at_work(rng, 500)
    joints, reachable = kinematics.inverse(*kinematics.forward(expected), expected)
    assert reachable.all()
    np.testing.assert_allclose(joints, expected, atol=1e-6)


def test_of_the_wrists_solutions_the_nearest_is_taken(rng):
    posture = joints_at_work(rng, 500)
    flipped = posture.copy()
    flipped[:, [3, 5]] -= np.pi * np.sign(posture[:, [3, 5]])
    flipped[:, 4] *= -1
    half_turned = posture.copy()
    half_turned[:, 5] -= np.pi * np.sign(posture[:, 5])
    for other in (flipped, half_turned):
        joints, reachable = kinematics.inverse(*kinematics.forward(posture), other)
        assert reachable.all()
        np.testing.assert_allclose(joints, other, atol=1e-6)


def test_joints_follow_a_path_of_the_hand_without_jumps(rng):
    goals = joints_at_work(rng, 40)
    goals[:, 0] = np.clip(goals[:, 0], -0.5, 0.5)
    joints = goals.copy()
    towards = np.roll(goals, 1, axis=0)
    for phase in np.linspace(0, 1, 200):
        position, rotation = kinematics.forward((1 - phase) * goals + phase * towards)
        before, (joints, reachable) = joints, kinematics.inverse(position, rotation, joints)
        assert np.abs(joints - before)[reachable].max() < 0.1


@pytest.mark.parametrize("distance_m", [REACH_M + 0.01, 2.0])
def test_out_of_reach_is_reported_and_shortened_along_the_line(rng, distance_m):
    direction = rng.normal(size=(200, 3))
    direction[:, 0], direction[:, 2] = np.abs(direction[:, 0]) + 0.5, np.clip(direction[:, 2], -0.5, 0.5)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    rotation = np.tile(TOP_DOWN, (200, 1, 1))
    position = SHOULDER + distance_m * direction + TOOL_M * rotation[:, :, 0]
    joints, reachable = kinematics.inverse(position, rotation, np.zeros((200, 6)))
    assert not reachable.any()
    reached = wrist(*kinematics.forward(joints))
    np.testing.assert_allclose(reached, REACH_M * direction, atol=1e-9)


def test_too_near_is_reported():
    position = SHOULDER + np.array([[0.05, 0.0, 0.0]]) + TOOL_M * TOP_DOWN[:, 0]
    _, reachable = kinematics.inverse(position, TOP_DOWN[None], np.zeros((1, 6)))
    assert not reachable.any()


def test_the_solution_always_respects_the_joint_limits(rng):
    _, rotation = kinematics.forward(random_joints(rng, 2000))
    joints, reachable = kinematics.inverse(rng.uniform(-1, 1, (2000, 3)), rotation, random_joints(rng, 2000))
    assert ((joints >= JOINT_LOW) & (joints <= JOINT_HIGH)).all()
    assert reachable.any()
    assert not reachable.all()
