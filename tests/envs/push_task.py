"""A small task on the real rig: push a cube forward with the left hand. Fast, for tests of the environment."""

import mujoco
import numpy as np

from recap_bench.envs.rig import TOP_DOWN, Rig, add_arms, load_spec, solve_hands
from recap_bench.envs.task import Task, TaskSpec

GOAL_X_M = 0.26
PUSH_HEIGHT_M = 0.04
HAND_LEAD_M = 0.02
"""How far ahead of the hand the oracle sets its target."""
PUSH_LEAD_M = 0.06
"""The same while pushing: the servo's force grows with it."""


class PushTask(Task):
    spec = TaskSpec(
        name="Push-v0",
        instruction="push the cube to the line",
        paraphrases=("go there and return",),
        stages=("touch", "push"),
        failure_modes=("none", "off_table", "time_out", "diverged"),
        proficient_time_s=1.5,
        paper_time_limit_s=2.0,
        paper_proficient_time_s=1.0,
        state_names=("cube_x_m", "cube_y_m", "cube_z_m", "cube_vx_m_s", "touched_s"),
        patience_s=3.0,
    )

    def __init__(self, simulation, randomization, start="default"):
        super().__init__(simulation, randomization, start)
        self.rig = Rig(simulation)
        batch = simulation.batch
        self._qpos, self._qvel, self._xpos = batch.qpos, batch.qvel, batch.xpos
        model = simulation.model
        self._cube = model.body("cube").id
        self._cube_qpos = model.joint("cube").qposadr[0] + np.arange(7)
        self._cube_dof = model.joint("cube").dofadr[0]
        self._mass = batch.expand("body_mass")
        self._rgba = batch.expand("geom_rgba")
        self.process = {"touched_s": np.zeros(simulation.n), "start_x": np.zeros(simulation.n)}

    @classmethod
    def build_model(cls):
        spec = load_spec("rig", "station.xml")
        body = spec.worldbody.add_body(name="cube", pos=[0.2, 0.2, 0.03])
        body.add_freejoint(name="cube")
        body.add_geom(
            name="cube",
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[0.03] * 3,
            mass=0.1,
            friction=[0.3, 0.005, 0.0001],
            rgba=[0.8, 0.1, 0.1, 1],
        )
        return add_arms(spec).compile()

    def write_start(self, ids, rngs):
        scale = {"none": 0.0, "standard": 1.0, "wide": 2.0}[self.randomization]
        draws = np.array([rng.uniform(-scale, scale, 3) for rng in rngs])
        self.rig.place(ids, np.repeat(self.rig.home()[None], len(ids), 0))
        self._qpos[ids[:, None], self._cube_qpos] = np.array([0.2, 0.2, 0.03, 1, 0, 0, 0])
        self._qpos[ids[:, None], self._cube_qpos[:2]] += 0.01 * draws[:, :2]
        self._mass[ids, self._cube] = 0.1 * (1 + 0.3 * draws[:, 2])
        self.simulation.batch.set_const(ids)
        self.process["touched_s"][ids] = 0.0
        self.process["start_x"][ids] = self._qpos[ids, self._cube_qpos[0]]

    def apply(self, ids, actions):
        self.rig.apply(ids, actions)

    def advance(self, ids):
        cube = self._xpos[ids, self._cube]
        moved = cube[:, 0] - self.process["start_x"][ids] > 0.005
        self.process["touched_s"][ids] += np.where(moved, 0.02, 0.0)
        self.stages[ids, 0] |= moved
        self.stages[ids, 1] |= cube[:, 0] > GOAL_X_M
        self.success[ids] = self.stages[ids].all(1)
        self.failure[ids] = np.where((np.abs(cube[:, 1] - 0.2) > 0.4) & ~self.success[ids], 1, 0)

    def agent_pos(self, ids):
        return self.rig.agent_pos(ids)

    def environment_state(self, ids):
        cube = self._xpos[ids, self._cube]
        speed = self._qvel[ids, self._cube_dof]
        return np.concatenate([cube, speed[:, None], self.process["touched_s"][ids, None]], axis=1)

    def progress(self, ids):
        cube_x = self._xpos[ids, self._cube, 0]
        start = self.process["start_x"][ids]
        return np.stack([np.clip((cube_x - start) / d, 0, 1) for d in (0.005, GOAL_X_M - start)], axis=1)

    def hazards(self, ids):
        return {"sideways": np.abs(self._xpos[ids, self._cube, 1] - 0.2) > 0.2}

    def make_oracle(self):
        return PushOracle(self)

    def refresh_visuals(self, ids):
        geom = self.simulation.model.geom("cube").id
        self._rgba[ids, geom, 1] = np.clip(self.process["touched_s"][ids], 0, 1)


class PushOracle:
    """Lowers the closed hand behind the cube, then pushes it forward, always steering by where the cube is."""

    def __init__(self, task):
        self._task = task
        self._behind = np.zeros(task.simulation.n, bool)

    def begin(self, ids, profiles, rngs):
        self._behind[ids] = False

    def act(self, ids):
        task = self._task
        hand = task.rig.hands(ids)[0][:, 0]
        cube = task._xpos[ids, task._cube]
        start = np.stack([cube[:, 0] - 0.08, cube[:, 1], np.full(len(ids), PUSH_HEIGHT_M)], axis=1)
        self._behind[ids] |= np.linalg.norm(hand - start, axis=1) < 0.012
        goal = np.where(self._behind[ids, None], start + np.array([0.12, 0, 0]), start)
        far = ~self._behind[ids] & (np.abs(hand[:, :2] - start[:, :2]).max(1) > 0.01)
        goal[far, 2] = 0.15
        step = goal - hand
        lead = np.where(self._behind[ids], PUSH_LEAD_M, HAND_LEAD_M)[:, None]
        step *= np.minimum(1.0, lead / np.maximum(np.linalg.norm(step, axis=1)[:, None], 1e-9))
        home = np.repeat(task.rig.home()[None], len(ids), axis=0).reshape(-1, 2, 7)
        position = np.stack([hand + step, hand + step], axis=1)
        rotation = np.broadcast_to(TOP_DOWN, (len(ids), 2, 3, 3))
        solved, _ = solve_hands(position, rotation, home[..., :6])
        home[:, 0, :6], home[:, 0, 6] = solved[:, 0], 0.0
        return home.reshape(-1, 14)

    def phase(self, simulation):
        return "push" if self._behind[simulation] else "approach"
