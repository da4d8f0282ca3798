"""What the scripted launderer sees of one simulation: privileged, measured, always current."""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry import verdict
from recap_bench.envs.laundry.measuring import Fit, Measured, fit
from recap_bench.envs.laundry.patterns import Garment

if TYPE_CHECKING:
    from recap_bench.envs.laundry.task import LaundryTask


FLAT_M = 0.025
"""A vertex this near to its place can be gripped and folded as planned."""


class Frame:
    """A planar rigid motion from garment coordinates (v, u) to the table."""

    def __init__(self, turn: complex, shift: complex) -> None:
        self.turn, self.shift = turn, shift

    @classmethod
    def of(cls, fitted: Fit) -> "Frame":
        """Return the first motion of a fit."""
        return cls(complex(fitted.turn[0]), complex(fitted.shift[0]))

    def moved(self, offset_m: np.ndarray, turn_rad: float) -> "Frame":
        """Return the frame shifted by `offset_m` (2,) and turned about its own origin."""
        return Frame(self.turn * complex(np.exp(1j * turn_rad)), self.shift + complex(*offset_m))

    @property
    def skew(self) -> float:
        """By how much it is turned from straight in front of the arms, hem or collar first [rad]."""
        return float((np.angle(self.turn) + np.pi / 2) % np.pi - np.pi / 2)

    def point(self, place: np.ndarray, height_m: float) -> np.ndarray:
        """Return the world point (3,) of a garment point (v, u)."""
        world = self.shift + self.turn * complex(place[0], place[1])
        return np.array([world.real, world.imag, height_m])

    def places(self, garment_points: np.ndarray, height_m: float) -> np.ndarray:
        """Return the world points (V, 3) of garment points (v, u), (V, 2)."""
        world = self.shift + self.turn * (garment_points[:, 0] + 1j * garment_points[:, 1])
        return np.stack([world.real, world.imag, np.full(len(world), height_m)], axis=1)

    @property
    def origin(self) -> np.ndarray:
        """Where the middle of the flat outline lies, (2,) [m]."""
        return np.array([self.shift.real, self.shift.imag])

    def direction(self, axis: str) -> np.ndarray:
        """Return the world direction (3,) of the garment's axis 'v' or 'u'."""
        along = self.turn * (1.0 if axis == "v" else 1j)
        return np.array([along.real, along.imag, 0.0])

    def local(self, point: np.ndarray) -> np.ndarray:
        """Return the garment coordinates (2,) of a world point."""
        place = (complex(point[0], point[1]) - self.shift) / self.turn
        return np.array([place.real, place.imag])


class View:
    """Reads one slot of a LaundryTask."""

    def __init__(self, task: "LaundryTask", simulation: int) -> None:
        self._task, self._ids = task, np.array([simulation])

    @property
    def garment(self) -> Garment:
        """The garment that lies there, in its size."""
        return self._task.garment_of(int(self._ids[0]))

    @property
    def stacks(self) -> bool:
        """Whether the package must be brought to the stack."""
        return self._task.stack

    @property
    def workplace(self) -> np.ndarray:
        """Where the middle of a flat garment should lie, (2,) [m]."""
        return np.array(self._task.layout.middle)

    @property
    def home(self) -> np.ndarray:
        """Where the hands rest, (2, 3)."""
        return self._task.home_grasps

    def measure(self) -> Measured:
        """All that the verdict goes by, one row."""
        return self._task.measure(self._ids)

    def hand(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Measured grasp point (3,) and rotation (3, 3) of a hand."""
        bench, i = self._task.bench_of(int(self._ids[0])), int(self._ids[0])
        site, batch = bench.rig.site_index[side], bench.simulation.batch
        return np.array(batch.site_xpos[i, site]), np.array(batch.site_xmat[i, site]).reshape(3, 3)

    def vertices(self) -> np.ndarray:
        """(V, 3)."""
        return self._task.bench_of(int(self._ids[0])).reader.read(self._ids).vertices[0]

    def in_basket(self) -> bool:
        """Whether the middle of the garment lies in the basket."""
        i = self._ids
        world = self._task.bench_of(int(i[0])).reader.read(i)
        away = np.abs(world.vertices[0, :, :2].mean(0) - world.basket[0])
        return bool((away < p.BASKET_HALF_M).all())

    def held(self, side: int) -> np.ndarray:
        """Indices of the vertices that a hand holds."""
        held = self._task.bench_of(int(self._ids[0])).pinch.held(self._ids)[0, side]
        return held[held >= 0]

    def errors(self) -> list[tuple[float, float]]:
        """Mean and 95th percentile of the distances from the garment folded 0, 1, ... times [m]."""
        vertices, garment = self.vertices(), self.garment
        fits = [fit(vertices[None], garment.folded(k)[0]).distance[0] for k in range(len(garment.folds) + 1)]
        return [(float(each.mean()), float(np.percentile(each, 95))) for each in fits]

    def flat(self, percentile: float = 97.0) -> bool:
        """Flat enough to be folded: all but a corner or two in their places."""
        away = fit(self.vertices()[None], self.garment.flat).distance[0]
        return bool(np.percentile(away, percentile) < FLAT_M)

    def tidy(self) -> bool:
        """Whether what is gripped for folding, and a collar that shows, lie in their places in the flat garment."""
        garment = self.garment
        away = fit(self.vertices()[None], garment.flat).distance[0]
        collar = [garment.vertex(garment.key_points[name]) for name in ("collar", "collar_left", "collar_right")]
        return bool(
            (away[garment.grips] < FLAT_M).all() and (not garment.collar_shows or (away[collar] < FLAT_M).all())
        )

    def stand_in(self, vertex: int, folds: int) -> int:
        """Return `vertex`, or the next one on the outline if it lies wrong in a garment folded `folds` times."""
        garment = self.garment
        ideal, _ = garment.folded(folds)
        away = fit(self.vertices()[None], ideal).distance[0]
        able = np.append(garment.outline[away[garment.outline] < FLAT_M], vertex if away[vertex] < FLAT_M else [])
        able = able.astype(int)
        if not len(able):
            return vertex
        return int(able[np.linalg.norm(garment.flat[able] - garment.flat[vertex], axis=1).argmin()])

    def frame_for(self, fold: int) -> Frame:
        """Return the frame of the part that fold number `fold` leaves where it is."""
        still = ~self.garment.moving(fold)
        ideal, _ = self.garment.folded(fold)
        return Frame.of(fit(self.vertices()[still][None], ideal[still]))

    def done(self) -> bool:
        """Folded as the verdict wants it."""
        return bool(verdict.folded(self.measure())[0])

    def stacked(self) -> bool:
        """On the stack as the verdict wants it."""
        return bool(verdict.on_stack(self.measure())[0])
