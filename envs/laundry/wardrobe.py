"""The eleven types of garment, as data: outline, key points, folds. Sizes fit what both arms can reach (0.42 m).

A fold plan is written so that every fold lies on a grid line, since cloth creases along its vertices, and so that
the grips lie at the edge: the middle of a cuff rather than its tip, hem corners, waist corners.
"""

from functools import lru_cache

from recap_bench.envs.laundry.parameters import SPACING_M
from recap_bench.envs.laundry.patterns import Fold, Garment, GridPoint

HEM_LAND_M = 0.030
"""A hem that is laid over two folds bulges at the crease from lower down: 4 of 20 T-shirts from 20 mm, 0 of 24 from
30 mm, 6 of 24 from 40 mm."""

SINGLE_ARC = 0.7
"""A hem that is laid back over as much cloth pulls the crease one row too far from an arc of 0.9, at whatever pace and
height it is let go: 8 of 8 jeans and 5 of 8 socks; none of 3 and 1 of 3 from 0.75."""

SLEEVED_ARC = 0.75
"""The same of a hem below folded sleeves: 8 of 8 long-sleeved shirts and 2 of 8 sweaters slipped from an arc of 0.9."""


def _even(count: int) -> tuple[float, ...]:
    """Lines at the usual spacing, about 0."""
    return tuple((k - (count - 1) / 2) * SPACING_M for k in range(count))


def _two_legs(per_leg: int) -> tuple[float, ...]:
    """Columns of something with two legs: a middle column, and 25 mm beside it the inner edges of the legs."""
    half = [0.025 + k * SPACING_M for k in range(per_leg)]
    return (*[-u for u in reversed(half)], 0.0, *half)


def _taper(columns: tuple[float, ...], rows: int, least: float) -> tuple[tuple[GridPoint, tuple[float, float]], ...]:
    """Narrow every row towards the top row, which keeps the share `least` of its width."""
    return tuple(
        ((c, r), (u * (least - 1.0) * r / (rows - 1), 0.0)) for c, u in enumerate(columns) for r in range(rows)
    )


def _short_sleeved(
    name: str, rows: int, sleeve: int, neck_m: float, rgba: tuple[float, float, float, float]
) -> Garment:
    """A top whose sleeve tips are level with the shoulders; both sides fold to 70 mm, then the hem to the chest.

    The neckband stands out above the shoulders, so that folded sleeves leave it uncovered.
    """
    top, neck = rows - 2, rows - 1
    cuff = top - (sleeve + 1) // 2
    return Garment(
        name=name,
        columns=_even(13),
        rows=_even(rows),
        panels=((2, 10, 0, top), (0, 12, top - sleeve, top), (5, 7, top, neck)),
        trims=(((6, neck), (0.0, -neck_m)),),
        key_points={
            "collar": (6, neck), "collar_left": (7, neck), "collar_right": (5, neck), "tip_left": (12, top),
            "tip_right": (0, top), "cuff_left": (12, cuff), "cuff_right": (0, cuff), "side_left": (10, rows // 2),
            "side_right": (2, rows // 2), "hem_left": (10, 0), "hem_centre": (6, 0), "hem_right": (2, 0),
            "centre": (6, rows // 2), "fold_left_top": (8, top), "fold_left_hem": (8, 0), "fold_right_top": (4, top),
            "fold_right_hem": (4, 0),
        },
        folds=(
            Fold("u", 8, 1, far=(12, cuff), near=(10, 0)),
            Fold("u", 4, -1, far=(0, cuff), near=(2, 0)),
            Fold("v", (top - 1) // 2, -1, far=(8, 0), near=(4, 0), land_m=HEM_LAND_M),
        ),
        collar_shows=True,
        rgba=rgba,
    )  # fmt: skip


def _long_sleeved(name: str, rows: int, cuff: int, neck_m: float, rgba: tuple[float, float, float, float]) -> Garment:
    """A top with sleeves hanging down beside the body, one cell apart: both are laid over it, then the hem.

    The sleeves alone are turned over: with a strip of the body beyond the crease, its hem corner stays behind.
    """
    top, neck = rows - 2, rows - 1
    return Garment(
        name=name,
        columns=_even(13),
        rows=_even(rows),
        panels=((3, 9, 0, top), (0, 12, top - 3, top), (0, 2, cuff, top), (10, 12, cuff, top), (5, 7, top, neck)),
        trims=(((6, neck), (0.0, -neck_m)),),
        key_points={
            "collar": (6, neck), "collar_left": (7, neck), "collar_right": (5, neck), "tip_left": (12, top),
            "tip_right": (0, top), "cuff_left": (11, cuff), "cuff_right": (1, cuff), "side_left": (9, rows // 2),
            "side_right": (3, rows // 2), "hem_left": (9, 0), "hem_centre": (6, 0), "hem_right": (3, 0),
            "centre": (6, rows // 2), "fold_left_top": (9, top), "fold_left_hem": (9, cuff), "fold_right_top": (3, top),
            "fold_right_hem": (3, cuff),
        },
        folds=(
            Fold("u", 9, 1, far=(12, top), near=(11, cuff)),
            Fold("u", 3, -1, far=(0, top), near=(1, cuff)),
            Fold("v", (top - 1) // 2, -1, far=(9, 0), near=(3, 0), land_m=HEM_LAND_M, arc=SLEEVED_ARC),
        ),
        collar_shows=True,
        rgba=rgba,
        mass_kg=0.16,
    )  # fmt: skip


def _trousers(name: str, per_leg: int, rows: int, crotch: int, rgba: tuple[float, float, float, float]) -> Garment:
    """Two legs below a waist: the left leg is laid over the right one, then the legs up to the waist."""
    top, middle, last = rows - 1, per_leg, 2 * per_leg
    return Garment(
        name=name,
        columns=_two_legs(per_leg),
        rows=_even(rows),
        panels=((0, last, crotch, top), (0, middle - 1, 0, crotch), (middle + 1, last, 0, crotch)),
        key_points={
            "collar": (middle, top), "collar_left": (middle + 1, top), "collar_right": (middle - 1, top),
            "tip_left": (last, top), "tip_right": (0, top), "cuff_left": (middle + 1, 0), "cuff_right": (middle - 1, 0),
            "side_left": (last, crotch), "side_right": (0, crotch), "hem_left": (last, 0),
            "hem_centre": (middle, crotch), "hem_right": (0, 0), "centre": (middle, (crotch + top) // 2),
            "fold_left_top": (middle + 2, top), "fold_left_hem": (middle + 2, 0), "fold_right_top": (middle - 2, top),
            "fold_right_hem": (middle - 2, 0),
        },
        folds=(
            Fold("u", middle, 1, far=(last, top), near=(last, 0)),
            Fold("v", top // 2, -1, far=(middle - 1, 0), near=(0, 0), land_m=HEM_LAND_M, arc=SINGLE_ARC),
        ),
        rgba=rgba,
    )  # fmt: skip


def _jeans() -> Garment:
    """Two long legs: their hems are laid on the waist, each taken in its middle.

    Laying left over right as well was tried, before it and after: the hem corners of legs 105 mm wide fold under, and
    two hands do not fit beside a package of narrower ones.
    """
    rows, crotch, middle, last = 13, 9, 3, 6
    top, half = rows - 1, (rows - 1) // 2
    return Garment(
        name="jeans",
        columns=_two_legs(3),
        rows=_even(rows),
        panels=((0, last, crotch, top), (0, middle - 1, 0, crotch), (middle + 1, last, 0, crotch)),
        key_points={
            "collar": (middle, top), "collar_left": (middle + 1, top), "collar_right": (middle - 1, top),
            "tip_left": (last, top), "tip_right": (0, top), "cuff_left": (last - 1, 0), "cuff_right": (1, 0),
            "side_left": (last, crotch), "side_right": (0, crotch), "hem_left": (last, 0),
            "hem_centre": (middle, crotch), "hem_right": (0, 0), "centre": (middle, (crotch + top) // 2),
            "fold_left_top": (last, half), "fold_left_hem": (middle + 1, half), "fold_right_top": (0, half),
            "fold_right_hem": (middle - 1, half),
        },
        folds=(
            Fold("v", half, -1, far=(last - 1, 0), near=(1, 0), arc=SINGLE_ARC),
        ),
        rgba=(0.20, 0.28, 0.48, 1.0),
    )  # fmt: skip


def _rectangle(
    name: str, columns: int, rows: int, narrowing: float, rgba: tuple[float, float, float, float]
) -> Garment:
    """A towel or a skirt: left over right, then the hem up."""
    right, top, middle = columns - 1, rows - 1, (columns - 1) // 2
    return Garment(
        name=name,
        columns=_even(columns),
        rows=_even(rows),
        panels=((0, right, 0, top),),
        trims=_taper(_even(columns), rows, narrowing),
        key_points={
            "collar": (middle, top), "collar_left": (middle + 1, top), "collar_right": (middle - 1, top),
            "tip_left": (right, top), "tip_right": (0, top), "cuff_left": (right, rows // 2 + 2),
            "cuff_right": (0, rows // 2 + 2), "side_left": (right, rows // 2), "side_right": (0, rows // 2),
            "hem_left": (right, 0), "hem_centre": (middle, 0), "hem_right": (0, 0), "centre": (middle, rows // 2),
            "fold_left_top": (middle + 2, top), "fold_left_hem": (middle + 2, 0), "fold_right_top": (middle - 2, top),
            "fold_right_hem": (middle - 2, 0),
        },
        folds=(
            Fold("u", middle, 1, far=(right, top), near=(right, 0)),
            Fold("v", top // 2, -1, far=(middle, 0), near=(0, 0), arc=SINGLE_ARC),
        ),
        rgba=rgba,
    )  # fmt: skip


def _socks() -> Garment:
    """One long sock: a leg and a foot; folded once."""
    return Garment(
        name="socks",
        columns=_even(6),
        rows=_even(10),
        panels=((0, 3, 0, 9), (0, 5, 0, 3)),
        key_points={
            "collar": (2, 9), "collar_left": (3, 9), "collar_right": (0, 9), "tip_left": (3, 8), "tip_right": (0, 8),
            "cuff_left": (3, 7), "cuff_right": (0, 7), "side_left": (3, 5), "side_right": (0, 5), "hem_left": (5, 0),
            "hem_centre": (2, 0), "hem_right": (0, 0), "centre": (2, 5), "fold_left_top": (3, 4),
            "fold_left_hem": (5, 3), "fold_right_top": (0, 4), "fold_right_hem": (0, 2),
        },
        folds=(Fold("v", 5, -1, far=(5, 0), near=(0, 0), arc=SINGLE_ARC, seconds=2.4),),
        mass_kg=0.05,
        rgba=(0.55, 0.55, 0.60, 1.0),
    )  # fmt: skip


def _underwear() -> Garment:
    """Briefs: both sides over the middle, then the crotch up; it is as wide as two hands need beside each other."""
    return Garment(
        name="underwear",
        columns=_even(9),
        rows=_even(8),
        panels=((0, 8, 4, 7), (2, 6, 0, 4)),
        key_points={
            "collar": (4, 7), "collar_left": (5, 7), "collar_right": (3, 7), "tip_left": (8, 7), "tip_right": (0, 7),
            "cuff_left": (8, 4), "cuff_right": (0, 4), "side_left": (6, 3), "side_right": (2, 3), "hem_left": (6, 0),
            "hem_centre": (4, 0), "hem_right": (2, 0), "centre": (4, 4), "fold_left_top": (6, 7),
            "fold_left_hem": (6, 4), "fold_right_top": (2, 7), "fold_right_hem": (2, 4),
        },
        folds=(
            Fold("u", 6, 1, far=(8, 7), near=(8, 4)),
            Fold("u", 2, -1, far=(0, 7), near=(0, 4)),
            Fold("v", 4, -1, far=(6, 0), near=(2, 0), land_m=HEM_LAND_M),
        ),
        mass_kg=0.06,
        rgba=(0.85, 0.85, 0.90, 1.0),
    )  # fmt: skip


WARDROBE: dict[str, Garment] = {
    garment.name: garment
    for garment in (
        _rectangle("towel", 9, 11, 1.0, (0.30, 0.62, 0.72, 1.0)),
        _long_sleeved("button_up_shirt", 13, 4, 0.008, (0.75, 0.82, 0.93, 1.0)),
        _long_sleeved("sweater", 12, 3, 0.010, (0.55, 0.20, 0.25, 1.0)),
        _jeans(),
        _short_sleeved("tshirt", 13, 2, 0.012, (0.92, 0.45, 0.10, 1.0)),
        _trousers("shorts", 5, 9, 4, (0.25, 0.45, 0.30, 1.0)),
        _short_sleeved("polo", 12, 2, -0.010, (0.20, 0.35, 0.60, 1.0)),
        _rectangle("skirt", 9, 10, 0.92, (0.60, 0.35, 0.60, 1.0)),
        _long_sleeved("long_sleeve_shirt", 13, 5, 0.010, (0.40, 0.55, 0.35, 1.0)),
        _socks(),
        _underwear(),
    )
}
"""Type -> garment; the paper's eleven."""


@lru_cache(maxsize=256)
def tailored(name: str, size: float) -> Garment:
    """Return the type `name` in another size; the last ones are kept, since they cost a millisecond to cut."""
    return WARDROBE[name].scaled(size)
