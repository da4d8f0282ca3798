"""What a garment is: a cut of cloth on a grid, the points one knows it by, and how it is folded.

Garment coordinates: v from the hem to the collar, u across, to the left of somebody who looks from the hem to the
collar at the garment lying front up. Laid on the table with yaw 0, v is the world's x and u the world's y.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

KEY_POINTS = (
    "collar", "collar_left", "collar_right", "tip_left", "tip_right", "cuff_left", "cuff_right",
    "side_left", "side_right", "hem_left", "hem_centre", "hem_right", "centre",
    "fold_left_top", "fold_left_hem", "fold_right_top", "fold_right_hem",
)  # fmt: skip
"""The same names for every type: the collar stands for whatever edge is worn on top, tips for its outermost corners."""

LAYERS_APART_M = 0.012
"""Vertices that folds lay this near to each other are taken by one grip."""
GridPoint = tuple[int, int]
"""Column and row of a vertex; columns count from the right edge (least u), rows from the hem."""


@dataclass(frozen=True)
class Fold:
    """One fold: the part beyond a grid line is turned over it by two grips."""

    axis: str
    """'u': the line is a column, 'v': the line is a row."""
    line: int
    """Index of that column or row: cloth creases along its vertices only."""
    side: int
    """+1 turns over the part with larger coordinates, -1 the other."""
    far: GridPoint
    """Grip of the hand farther from the hem, or of the left hand."""
    near: GridPoint
    """Grip of the other hand."""
    land_m: float = 0.020
    """Height at which the edge is let go [m]: pressed down, it drags; from too high, the cloth springs back."""
    arc: float = 0.9
    """Height of the hands' arc over its radius: a full circle pulls at the crease, a low arc leaves it wrinkled."""
    seconds: float = 1.6
    """How long the hands take."""

    @property
    def across(self) -> int:
        """Which of the garment coordinates (v, u) the line is a value of: 0 or 1."""
        return 0 if self.axis == "v" else 1


@dataclass(frozen=True)
class Garment:
    """One type of garment, as data."""

    name: str
    columns: tuple[float, ...]
    """u of each column [m], ascending."""
    rows: tuple[float, ...]
    """v of each row [m], ascending."""
    panels: tuple[tuple[int, int, int, int], ...]
    """Rectangles of cells: first and last column, first and last row."""
    key_points: dict[str, GridPoint]
    """Where each of KEY_POINTS is."""
    folds: tuple[Fold, ...]
    trims: tuple[tuple[GridPoint, tuple[float, float]], ...] = ()
    """Vertices moved off the grid by (du, dv) [m]: necklines, tapers."""
    collar_shows: bool = False
    """Whether the collar must lie face up and uncovered on the folded garment."""
    mass_kg: float = 0.12
    rgba: tuple[float, float, float, float] = (0.90, 0.45, 0.12, 1.0)

    def scaled(self, size: float) -> "Garment":
        """Return the same cut, larger by the factor `size`."""
        columns, rows = (tuple(size * place for place in places) for places in (self.columns, self.rows))
        trims = tuple((point, (size * du, size * dv)) for point, (du, dv) in self.trims)
        return replace(self, columns=columns, rows=rows, trims=trims)

    @cached_property
    def grid(self) -> dict[GridPoint, int]:
        """Grid point -> vertex index, for the points that carry cloth."""
        used = {(c, r) for c0, c1, r0, r1 in self.panels for c in range(c0, c1 + 1) for r in range(r0, r1 + 1)}
        return {point: i for i, point in enumerate(sorted(used))}

    @cached_property
    def flat(self) -> np.ndarray:
        """Rest position (v, u) of every vertex, (V, 2) [m], about the middle of the outline."""
        trims = dict(self.trims)
        shift = [trims.get(point, (0.0, 0.0)) for point in self.grid]
        points = [(self.rows[r] + dv, self.columns[c] + du) for (c, r), (du, dv) in zip(self.grid, shift, strict=True)]
        flat = np.array(points)
        return flat - self.origin

    @cached_property
    def origin(self) -> np.ndarray:
        """Middle of the grid, (2,) as (v, u) [m]."""
        return np.array([np.mean([self.rows[0], self.rows[-1]]), np.mean([self.columns[0], self.columns[-1]])])

    @cached_property
    def triangles(self) -> np.ndarray:
        """Vertex indices, (E, 3), counter-clockwise seen from the front; the diagonals alternate."""
        cells = {(c, r) for c0, c1, r0, r1 in self.panels for c in range(c0, c1) for r in range(r0, r1)}
        triangles = []
        for c, r in sorted(cells):
            a, b, d, e = (self.grid[p] for p in ((c, r), (c, r + 1), (c + 1, r + 1), (c + 1, r)))
            triangles += [(a, b, d), (a, d, e)] if (c + r) % 2 else [(a, b, e), (b, d, e)]
        return np.array(triangles)

    def vertex(self, point: GridPoint) -> int:
        """Return the index of the vertex at a grid point."""
        return self.grid[point]

    @cached_property
    def key_vertices(self) -> np.ndarray:
        """Vertex index of each of KEY_POINTS, (K,)."""
        return np.array([self.grid[self.key_points[name]] for name in KEY_POINTS])

    def line_of(self, fold: Fold) -> float:
        """Coordinate of a fold's line about the middle of the outline [m]."""
        return self.columns[fold.line] - self.origin[1] if fold.axis == "u" else self.rows[fold.line] - self.origin[0]

    def on_line(self, fold: Fold, point: GridPoint) -> GridPoint:
        """Return the point of a fold's line that is in the column, or row, of `point`, or nearest to that."""
        across, along = (0, 1) if fold.axis == "u" else (1, 0)
        return min(
            (each for each in self.grid if each[across] == fold.line), key=lambda p: abs(p[along] - point[along])
        )

    def folded(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where the first `count` folds put every vertex, (V, 2) [m], and how many layers lie below it, (V,)."""
        position, turned = self.flat.copy(), np.zeros(len(self.flat), int)
        for fold in self.folds[:count]:
            line = self.line_of(fold)
            over = fold.side * (position[:, fold.across] - line) > 1e-6
            position[over, fold.across] = 2 * line - position[over, fold.across]
            turned[over] = turned.max() + 1 - turned[over]
        return position, turned

    def moving(self, index: int) -> np.ndarray:
        """Return which vertices fold `index` turns over, (V,) bool."""
        position, _ = self.folded(index)
        fold = self.folds[index]
        return fold.side * (position[:, fold.across] - self.line_of(fold)) > 1e-6

    @cached_property
    def grips(self) -> np.ndarray:
        """Indices of all vertices that a grip of the fold plan should take, layers of earlier folds included, (G,)."""
        taken = set()
        for index, fold in enumerate(self.folds):
            places, _ = self.folded(index)
            for point in (fold.far, fold.near):
                apart = np.linalg.norm(places - places[self.vertex(point)], axis=1)
                taken |= set(np.flatnonzero(self.moving(index) & (apart < LAYERS_APART_M)).tolist())
        return np.array(sorted(taken))

    @cached_property
    def outline(self) -> np.ndarray:
        """Indices of the vertices on the outline, (B,)."""
        edges = np.sort(self.triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        unique, count = np.unique(edges, axis=0, return_counts=True)
        return np.unique(unique[count == 1])
