"""Cartons of one family: length and width vary, the jig's guides are set to them, the feeder to the pile's height."""

import mujoco
import numpy as np

from recap_bench.envs.box import parameters as p


class CartonFamily:
    """Writes the size of carton, jig and pile into the expanded model fields of one simulation."""

    def __init__(self, model: mujoco.MjModel, field: dict[str, np.ndarray]) -> None:
        self._pos, self._field = field["body_pos"], field
        self._body = {model.body(i).name: i for i in range(model.nbody)}
        self._geom = {model.geom(i).name: i for i in range(model.ngeom)}

    def resize(self, i: int, half_length_m: float, half_width_m: float) -> None:
        """Give simulation `i` a carton of this base, and guides that fit it."""
        along = half_length_m - p.HALF_LENGTH_M
        across = half_width_m - p.HALF_WIDTH_M
        body = self._body
        for side, sign in (("left", 1), ("right", -1)):
            self._pos[i, body[f"wall_{side}"], 1] = sign * (half_width_m + p.LONG_HINGE_M)
            self._pos[i, body[f"guide_{side}"], 1] = sign * (half_width_m + p.LONG_GUIDE_M)
            self._resize_panel(i, f"wall_{side}", 0, along)
            for end, end_sign in (("front", 1), ("back", -1)):
                self._pos[i, body[f"tab_{side}_{end}"], 0] = end_sign * (half_length_m + p.TAB_HINGE_M)
        for end, sign in (("front", 1), ("back", -1)):
            self._pos[i, body[f"wall_{end}"], 0] = sign * (half_length_m + p.SHORT_HINGE_M)
            self._pos[i, body[f"guide_{end}"], 0] = sign * (half_length_m + p.SHORT_GUIDE_M)
            self._resize_panel(i, f"wall_{end}", 1, across)
        self._resize_panel(i, "base_panel", 0, along)
        self._resize_panel(i, "base_panel", 1, across)

    def stack(self, i: int, sheets: int) -> None:
        """Put a pile of so many sheets on the feeder of simulation `i`; the platform keeps its top in place."""
        pile_m = sheets * p.PANEL_M
        for name, height_m, bottom_m in (
            ("pile", pile_m, p.PILE_TOP_M - pile_m),
            ("platform", p.PILE_TOP_M - pile_m, 0.0),
        ):
            self._pos[i, self._body[name], 2] = bottom_m + 0.5 * height_m
            self._resize_panel(i, name, 2, 0.5 * height_m - self._field["geom_size"][i, self._geom[name], 2])

    def _resize_panel(self, i: int, name: str, axis: int, growth_m: float) -> None:
        """Lengthen a box about its middle along one of its axes, by twice `growth_m`."""
        geom, field = self._geom[name], self._field
        field["geom_size"][i, geom, axis] += growth_m
        size = field["geom_size"][i, geom]
        field["geom_rbound"][i, geom] = np.linalg.norm(size)
        field["geom_aabb"][i, geom, 3:] = size
