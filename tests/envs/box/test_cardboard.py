"""Cardboard, glue and latches in the real physics."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from acting import ONE, act_until, make_env, with_script

from recap_bench.envs import make_vec
from recap_bench.envs.box import parameters as p
from recap_bench.envs.box import processes
from recap_bench.envs.box.feeding import Feeding
from recap_bench.envs.box.packing import LABEL_MISTAKE_M, Packing
from recap_bench.envs.box.task import BoxAssemblyTask


@pytest.fixture(scope="module")
def stuck_seed():
    env = make_vec("BoxAssembly-v0", 16, threads=1)
    env.reset(seed=0)
    return int(np.flatnonzero(env.task.process["cling"] > 0)[0])


def test_creases_keep_their_angle():
    model = BoxAssemblyTask.build_model()
    data = mujoco.MjData(model)
    data.joint("carton").qpos[:3] = [0.40, -0.38, 0.002]
    data.joint("second").qpos[2] = 0.0885
    creases = [data.joint(name) for name in ("wall_left", "wall_right", "wall_front", "wall_back")]
    for step in range(round(12.0 / model.opt.timestep)):
        for crease in creases:
            crease.qfrc_applied[:] = 0.09 if step * model.opt.timestep < 0.5 else 0.0
        mujoco.mj_step(model, data)
        if step == round(2.0 / model.opt.timestep):
            settled = np.array([crease.qpos[0] for crease in creases])
    assert (settled > 0.4).all()
    assert np.abs(np.array([crease.qpos[0] for crease in creases]) - settled).max() < 0.05


def test_a_carried_and_shaken_box_stays_latched():
    env = make_env("jig", seed=5)
    oracle = env.make_oracle()
    assert act_until(env, oracle, lambda: oracle.phase(0) == "carry_box")
    targets = env.task.rig.targets(ONE)
    for k in range(100):
        action = targets.copy()
        action[0, 1] += 0.06 * np.sin(2 * np.pi * 2.5 * k / 50)
        env.step(action)
    assert env.task.process["latched"][0].all()
    assert env.task.process["torn"][0] == 0
    assert env.task.world(ONE).carton[0, 2] > 0.08, "the box was lost"


def test_a_label_outside_its_area_does_not_count():
    env = make_env("jig", seed=6)
    assert act_until(env, env.make_oracle(), lambda: bool(env.task.stages[0, 1]))

    def run(script):
        packing = Packing(script)
        packing.label_error = LABEL_MISTAKE_M
        while True:
            yield from packing.step()
            yield

    act_until(env, with_script(env, run), lambda: bool(env.task.failure[0]))
    assert env.task.process["stuck"][0] == 1
    assert not env.task.stages[0, 2]
    assert env.task.spec.failure_modes[env.task.failure[0]] == "misplaced_label"


def test_a_sheet_that_sticks_comes_along(stuck_seed):
    env = make_env("stack", stuck_seed)

    def run(script):
        feeding = Feeding(script)
        feeding.looks = False
        while True:
            yield from feeding.feed()
            yield

    act_until(env, with_script(env, run), lambda: bool(env.task.failure[0]))
    assert env.task.spec.failure_modes[env.task.failure[0]] == "two_sheets_taken"


def test_a_sheet_that_sticks_comes_off_when_shaken(stuck_seed):
    env = make_env("stack", stuck_seed)
    assert act_until(env, env.make_oracle(), lambda: bool(env.task.stages[0, 0]))
    assert env.task.process["cling"][0] == 0
    shift = env.task.world(ONE).second - env.task.cell(ONE).pile
    assert np.linalg.norm(shift[0, :2]) < p.TWO_SHEETS_M


def test_only_lasting_pulls_and_fast_reversals_part_sheets(stuck_seed):
    env = make_env("stack", stuck_seed)
    world = env.task.world(ONE)

    def parted(worlds):
        work = env.task.work(ONE)
        for each in worlds:
            processes.part_sheets(work, each)
        return bool(work.cling[0] == 0)

    def moving(speed):
        return replace(world, carton_velocity=np.array([[0.0, 0.0, speed]]))

    apart = replace(world, second=world.second - [0.0, 0.0, 1.5 * p.CLING_PEEL_M])
    assert not parted([world] * 100)
    assert not parted([apart] * 3 + [world] * 3)
    assert parted([apart] * 6)
    assert not parted([moving(0.15), moving(-0.15)] * 10)
    assert not parted([moving(0.3), *[world] * 40, moving(-0.3), *[world] * 40] * 4)
    assert parted([moving(0.3), *[world] * 5, moving(-0.3), *[world] * 5] * 4)
