"""What can be measured of a garment as a whole, in arrays of the same shape for every type."""

from dataclasses import dataclass, fields

import numpy as np

from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.patterns import Garment
from recap_bench.envs.laundry.world import World


@dataclass(frozen=True)
class Measured:
    """k garments of any types; lengths in m. 'Ideal' is the garment folded by its plan: not at all, once, wholly."""

    hands: np.ndarray
    """Grasp points, left then right, (k, 2, 3)."""
    hand_rotations: np.ndarray
    """(k, 2, 3, 3): approach, jaw and third axis as columns."""
    gaps: np.ndarray
    """Distance between the pads of each hand, (k, 2)."""
    held: np.ndarray
    """Vertices held by each hand, (k, 2)."""
    key_points: np.ndarray
    """(k, K, 3)."""
    visible: np.ndarray
    """No other cloth lies over the key point, (k, K) bool."""
    errors: np.ndarray
    """Mean distance of the vertices from the three ideals, each fitted by a planar rigid motion, (k, 3)."""
    outliers: np.ndarray
    """95th percentile of the same distances, (k, 3)."""
    package: np.ndarray
    """Middle and heading of the wholly folded ideal, fitted: x, y [m] and yaw [rad], (k, 3)."""
    heights: np.ndarray
    """Lowest, mean and highest vertex, (k, 3)."""
    spread: np.ndarray
    """Bounding rectangle along the package, relative to the ideal's, (k,)."""
    front_up: np.ndarray
    """Mean upward component of the normals of the part that no fold turns over, (k,) in [-1, 1]."""
    collar_up: np.ndarray
    """The same of the cloth around the collar, (k,); 1 where it need not show."""
    collar_shows: np.ndarray
    """No cloth lies over the collar, or it need not show on this type, (k,) bool."""
    middle: np.ndarray
    """Mean of the vertices, (k, 3)."""
    speed: np.ndarray
    """Mean speed of the vertices, (k,) [m/s]."""
    mat: np.ndarray
    """Middle of the stack's place, (k, 2); NaN where there is none."""


def merge(parts: list[tuple[np.ndarray, Measured]], count: int) -> Measured:
    """Return one Measured of `count` rows from those of its rows."""
    if len(parts) == 1:
        return parts[0][1]
    merged = {}
    for field in fields(Measured):
        sample = getattr(parts[0][1], field.name)
        merged[field.name] = np.empty((count, *sample.shape[1:]), sample.dtype)
        for rows, part in parts:
            merged[field.name][rows] = getattr(part, field.name)
    return Measured(**merged)


@dataclass(frozen=True)
class Fit:
    """The planar rigid motion that brings an ideal nearest to k measured garments."""

    turn: np.ndarray
    """exp(i yaw), (k,) complex."""
    shift: np.ndarray
    """Where the ideal's origin lands, x + iy, (k,) complex."""
    distance: np.ndarray
    """Of each point from its ideal, (k, P)."""


def fit(points: np.ndarray, ideal: np.ndarray) -> Fit:
    """Fit `ideal` (P, 2) to `points` (k, P, 2 or 3), without reflection."""
    return _fit(points[..., 0] + 1j * points[..., 1], (ideal[:, 0] + 1j * ideal[:, 1])[None])


def _fit(measured: np.ndarray, wanted: np.ndarray) -> Fit:
    """The same of complex numbers x + iy, (k, P) and (k or 1, P)."""
    centre, middle = measured.mean(1), wanted.mean(1)
    product = ((measured - centre[:, None]) * np.conj(wanted - middle[:, None])).sum(1)
    turn = product / np.maximum(np.abs(product), 1e-12)
    shift = centre - turn * middle
    away = turn[:, None] * wanted
    away += shift[:, None]
    away -= measured
    return Fit(turn, shift, np.sqrt(away.real**2 + away.imag**2))


class Yardstick:
    """Measures garments of one type against its ideals."""

    def __init__(self, garment: Garment) -> None:
        self.garment = garment
        self.ideals = [garment.folded(count)[0] for count in (0, 1, len(garment.folds))]
        self._wanted = [ideal[:, 0] + 1j * ideal[:, 1] for ideal in self.ideals]
        folded = self.ideals[2]
        low, high = folded.min(0), folded.max(0)
        self._middle = complex(*(low + high) / 2)
        self._size = high - low
        moved = np.any([garment.moving(k) for k in range(len(garment.folds))], axis=0)
        still = ~moved[garment.triangles].any(1)
        collar = garment.vertex(garment.key_points["collar"])
        around = (garment.triangles == collar).any(1)
        self._looked_at = garment.triangles[still | around]
        self._still, self._collar = still[still | around], around[still | around]

    def measure(self, world: World, held: np.ndarray, size: np.ndarray) -> Measured:
        """Measure the garments of `world`, of the sizes `size` (k,); `held` (k, 2) counts the vertices in each hand."""
        vertices = world.vertices
        plan = vertices[..., 0] + 1j * vertices[..., 1]
        fits = [_fit(plan, size[:, None] * wanted) for wanted in self._wanted]
        distance = np.stack([each.distance for each in fits], axis=1)
        turn, shift = fits[2].turn, fits[2].shift
        centre = shift + turn * self._middle * size
        along = plan * np.conj(turn)[:, None]
        extent = np.ptp(along.real, axis=1) * np.ptp(along.imag, axis=1)
        key_points = vertices[:, self.garment.key_vertices]
        visible = uncovered(key_points, vertices)
        shows = self.garment.collar_shows
        z, upward = vertices[..., 2], _upward(vertices, self._looked_at)
        return Measured(
            hands=world.hands,
            hand_rotations=world.hand_rotations,
            gaps=world.gaps,
            held=held,
            key_points=key_points,
            visible=visible,
            errors=distance.mean(2),
            outliers=_percentile(distance),
            package=np.stack([centre.real, centre.imag, np.angle(turn)], axis=1),
            heights=np.stack([z.min(1), z.mean(1), z.max(1)], axis=1),
            spread=extent / (np.prod(self._size) * size**2),
            front_up=upward[:, self._still].mean(1),
            collar_up=upward[:, self._collar].mean(1) if shows else np.ones(len(z)),
            collar_shows=visible[:, 0] if shows else np.ones(len(z), bool),
            middle=vertices.mean(1),
            speed=world.speed,
            mat=world.mat,
        )


def _percentile(distance: np.ndarray) -> np.ndarray:
    """95th percentile along the last axis, by rank."""
    rank = int(0.95 * (distance.shape[-1] - 1))
    return np.partition(distance, rank, axis=-1)[..., rank]


def uncovered(points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Whether no vertex lies above each point, (k, K): the grid is so dense that one does if any cloth does."""
    lowest = points[..., 2].min(1) + p.COVER_HEIGHT_M
    high = np.flatnonzero((vertices[..., 2] > lowest[:, None]).any(0))
    if not len(high):
        return np.ones(points.shape[:2], bool)
    x, y, z = (vertices[:, None, high, axis] - points[:, :, None, axis] for axis in range(3))
    x *= x
    y *= y
    x += y
    covers = x < p.COVER_RADIUS_M**2
    covers &= z > p.COVER_HEIGHT_M
    return ~covers.any(-1)


def _upward(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Upward component of the normal of each of some triangles, (k, E)."""
    corners = vertices[:, triangles]
    ux, uy, uz = np.moveaxis(corners[:, :, 1] - corners[:, :, 0], -1, 0)
    wx, wy, wz = np.moveaxis(corners[:, :, 2] - corners[:, :, 0], -1, 0)
    x, y, z = uy * wz - uz * wy, uz * wx - ux * wz, ux * wy - uy * wx
    return z / np.maximum(np.sqrt(x * x + y * y + z * z), 1e-12)
