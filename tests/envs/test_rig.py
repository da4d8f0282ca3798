import numpy as np
import pytest
from push_task import PushTask

from recap_bench.envs import rig as rigs
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW, ARM_BASES_M, HOME_GRASP_M, JAW_OPENING_M, SIDES, TOP_DOWN
from recap_bench.envs.simulation import Simulation

IDS = np.arange(2)


@pytest.fixture
def simulation():
    simulation = Simulation(PushTask.build_model(), len(IDS), 1)
    simulation.reset(IDS)
    return simulation


def test_the_action_space_is_the_range_of_the_controls(simulation):
    rig = rigs.Rig(simulation)
    limits = simulation.model.actuator_ctrlrange[rig.actuator_index].copy()
    limits[[6, 13]] /= JAW_OPENING_M
    np.testing.assert_allclose(limits, np.stack([ACTION_LOW, ACTION_HIGH], axis=1), atol=1e-6)


def test_the_resting_hands_point_down_at_their_places(simulation):
    rig = rigs.Rig(simulation)
    rig.place(IDS, np.tile(rig.home(), (2, 1)))
    simulation.forward()
    position, rotation = rig.hands(IDS)
    np.testing.assert_allclose(position, [[HOME_GRASP_M[side] for side in SIDES]] * 2, atol=1e-9)
    np.testing.assert_allclose(rotation[..., 0], np.broadcast_to(TOP_DOWN[:, 0], (2, 2, 3)), atol=1e-9)
    np.testing.assert_allclose(rig.jaw_openings(IDS), 1.0)


def test_what_is_placed_is_read_back(simulation):
    rig = rigs.Rig(simulation)
    posture = np.random.default_rng(0).uniform(ACTION_LOW, ACTION_HIGH, (2, 14))
    rig.place(IDS, posture)
    np.testing.assert_allclose(rig.agent_pos(IDS), posture, atol=1e-12)
    np.testing.assert_allclose(rig.targets(IDS), posture, atol=1e-12)


def test_arms_reach_their_targets_and_jaws_their_opening(simulation):
    """The jaws' forces saturate in between; with longer time steps they then bounce about for ever."""
    rig = rigs.Rig(simulation)
    goal = np.tile(rig.home(), (2, 1))
    for jaws in ([0.25, 0.75], [0.9, 0.0], [0.3, 0.8]):
        rig.place(IDS, goal)
        simulation.forward()
        goal[:, np.r_[0:6, 7:13]] += 0.04
        goal[:, [6, 13]] = jaws
        rig.apply(IDS, goal)
        for _ in range(75):
            simulation.step()
        np.testing.assert_allclose(rig.agent_pos(IDS), goal, atol=0.01)


def test_hands_are_solved_in_the_world_frame(simulation):
    position = np.array([[HOME_GRASP_M[side] for side in SIDES]]) + np.array([0.03, 0.02, -0.05])
    joints, reachable = rigs.solve_hands(position, np.tile(TOP_DOWN, (1, 2, 1, 1)), np.zeros((1, 2, 6)))
    assert reachable.all()
    found, _ = rigs.kinematics.forward(joints)
    np.testing.assert_allclose(found + [ARM_BASES_M[side] for side in SIDES], position, atol=1e-9)
