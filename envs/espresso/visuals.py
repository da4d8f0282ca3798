"""What only the cameras see of the espresso task: puck, streams, coffee level and lamp."""

import mujoco
import numpy as np

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso.processes import Brew, Fixtures

GEOMS = ("puck", "grounds_stream", "coffee", "coffee_surface", "coffee_stream", "pump_lamp")


class Visuals:
    """Writes sizes, heights and colours of visual geoms into the expanded model fields."""

    def __init__(self, model: mujoco.MjModel, field: dict[str, np.ndarray]) -> None:
        self.id = {name: model.geom(name).id for name in GEOMS}
        self.size, self.pos, self.rgba = field["geom_size"], field["geom_pos"], field["geom_rgba"]

    def write(self, ids: np.ndarray, brew: Brew, fixtures: Fixtures) -> None:
        """Make the scenes of `ids` look as their process state says."""
        geom = self.id
        tamped = np.where(brew.tamp_s >= p.TAMP_HOLD_S, 0.8, 1.0)
        puck = 0.0105 * np.clip(brew.dose_g / p.DOSE_TARGET_G, 0, 1.1) * tamped
        self.size[ids, geom["puck"], 1] = np.maximum(puck, 1e-4)
        self.pos[ids, geom["puck"], 2] = 0.020 + puck
        self.rgba[ids, geom["puck"], 3] = brew.dose_g > 0.1
        self.rgba[ids, geom["grounds_stream"], 3] = brew.grinding
        inner = fixtures.cup_radius_m - p.CUP_WALL_M
        level = brew.shot_ml * 1e-6 / (np.pi * inner**2)
        self.size[ids, geom["coffee"], 1] = np.maximum(level / 2, 1e-4)
        self.pos[ids, geom["coffee"], 2] = 0.004 + level / 2
        self.pos[ids, geom["coffee_surface"], 2] = 0.004 + level - 0.030
        for name in ("coffee", "coffee_surface"):
            self.rgba[ids, geom[name], 3] = brew.shot_ml > 0.5
        self.rgba[ids, geom["coffee_stream"], 3] = brew.pumping
        self.rgba[ids, geom["pump_lamp"], 0] = np.where(brew.pumping > 0, 1.0, 0.2)
