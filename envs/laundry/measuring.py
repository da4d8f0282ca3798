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
    measured, wanted = points[..., 0] + 1j * points[..., 1], ideal[:, 0] + 1j * ideal[:, 1]
    centre = measured.mean(1)
    product = ((measured - centre[:, None]) * np.conj(wanted - wanted.mean())).sum(1)
    turn = product / np.maximum(np.abs(product), 1e-12)
    shift = centre - turn * wanted.mean()
    return Fit(turn, shift, np.abs(measured - (shift[:, None] + turn[:, None] * wanted)))


class Yardstick:
    """Measures garments of one type against its ideals."""

    def __init__(self, garment: Garment) -> None:
        self.garment = garment
        self.ideals = [garment.folded(count)[0] for count in (0, 1, len(garment.folds))]
        folded = self.ideals[2]
        low, high = folded.min(0), folded.max(0)
        self._middle = complex(*(low + high) / 2)
        self._size = high - low
        moved = np.any([garment.moving(k) for k in range(len(garment.folds))], axis=0)
        still = ~moved[garment.triangles].any(1)
        collar = garment.vertex(garment.key_points["collar"])
        self._still = garment.triangles[still]
        self._collar = garment.triangles[(garment.triangles == collar).any(1)]

    def measure(self, world: World, held: np.ndarray) -> Measured:
        """Measure the garments of `world`; `held` (k, 2) counts the vertices in each hand."""
        vertices = world.vertices
        fits = [fit(vertices, ideal) for ideal in self.ideals]
        turn, shift = fits[2].turn, fits[2].shift
        centre = shift + turn * self._middle
        along = (vertices[..., 0] + 1j * vertices[..., 1]) * np.conj(turn)[:, None]
        extent = np.ptp(along.real, axis=1) * np.ptp(along.imag, axis=1)
        key_points = vertices[:, self.garment.key_vertices]
        visible = _uncovered(key_points, vertices)
        shows = self.garment.collar_shows
        z = vertices[..., 2]
        return Measured(
            hands=world.hands,
            hand_rotations=world.hand_rotations,
            gaps=world.gaps,
            held=held,
            key_points=key_points,
            visible=visible,
            errors=np.stack([each.distance.mean(1) for each in fits], axis=1),
            outliers=np.stack([_percentile(each.distance) for each in fits], axis=1),
            package=np.stack([centre.real, centre.imag, np.angle(turn)], axis=1),
            heights=np.stack([z.min(1), z.mean(1), z.max(1)], axis=1),
            spread=extent / np.prod(self._size),
            front_up=_upward(vertices, self._still),
            collar_up=_upward(vertices, self._collar) if shows else np.ones(len(z)),
            collar_shows=visible[:, 0] if shows else np.ones(len(z), bool),
            middle=vertices.mean(1),
            speed=world.speed,
            mat=world.mat,
        )


def _percentile(distance: np.ndarray) -> np.ndarray:
    """95th percentile along the last axis, by rank."""
    rank = int(0.95 * (distance.shape[1] - 1))
    return np.partition(distance, rank, axis=1)[:, rank]


def _uncovered(points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Whether no vertex lies above each point, (k, K): the grid is so dense that one does if any cloth does."""
    x, y, z = (vertices[:, None, :, axis] - points[:, :, None, axis] for axis in range(3))
    return ~((x * x + y * y < p.COVER_RADIUS_M**2) & (z > p.COVER_HEIGHT_M)).any(-1)


def _upward(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Mean upward component of the normals of some triangles, (k,)."""
    a, b, c = (vertices[:, triangles[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    return (normal[..., 2] / np.maximum(np.linalg.norm(normal, axis=-1), 1e-12)).mean(1)
