"""Lifting a heap by its two upper corners and laying it down again: the plan for what cannot be spread edge by edge.

Hanging from its corners the garment unfolds by its weight. The far edge touches the table first and stays, the hands
come down in an arc towards the arms, and a short drag straightens what is left.
"""

from typing import TYPE_CHECKING

import numpy as np

from recap_bench.envs.laundry.gripping import Attempt, Gripping
from recap_bench.envs.laundry.hands import LEFT, RIGHT, along, haul, own_side, reachable, side_by_side, uncovered
from recap_bench.envs.laundry.parameters import SPACING_M
from recap_bench.envs.scripting import Motion, wait

if TYPE_CHECKING:
    from recap_bench.envs.laundry.oracle import Launderer

EDGES = (("tip_right", "tip_left"), ("hem_left", "hem_right"))
"""The garment hangs from its upper edge or from its hem, each corner in the hand with which the front lies up when the
rest is laid away from the arms; towards the arms there is no room for the hands."""
HOLD_M = (np.array([0.22, 0.07, 0.60]), np.array([0.22, -0.07, 0.60]))
"""Where one hand holds a garment up for the other: the longest diagonal, 0.55 m, hangs free."""
STRETCH_X_M, FREE_HEM_M = 0.26, 0.06
"""Where both hands hold it, and how far the hem hangs above the table."""
TAUT = 1.0
"""Distance of the hands over that of the corners: more slips out of the pads."""
SHAKES, SHAKE_M, JERK_S, SINK_S, SWAY_S = 3, 0.12, 0.14, 0.30, 0.2
"""Layers that poke through each other hold each other against gravity, but not against three times as much. Jerks of
160 mm, or within 0.10 s, tear garments out of the pads."""
HAUL_M_S, LAY_M_S = 0.30, 0.30
SETTLE_S, CALM_S = 0.5, 0.8
"""How long a swinging garment is waited for, with two hands and with one."""
DRAG_M, MIDDLE_X_M = 0.03, 0.22
"""Length of the drag, and where the middle of the garment comes to lie; a drag of 80 mm bends the sleeves back."""
SLACK = 0.94
"""Radius of the arc over the garment's length: a taut garment pulls the edge back that has touched down."""
GLIDE_M = 0.012
"""Height of the grips while dragging."""
OUT_M = np.array([0.08, 0.38, 0.50])
"""Where a garment is held up that comes out of the basket: almost all of it is out then."""
ARC_POINTS = 12
ATTEMPTS = 8
"""Grips, raises and layings until the heap is looked at anew."""
APART_M = 0.10
"""Corners nearer to each other are taken one after the other."""
TOPMOST = 8
"""So many of the highest vertices are tried."""
CROWD_M = 0.04
"""Of two hanging corners that with less cloth this near is taken."""
DOWN_M = np.array([0.24, 0.0, 0.05])


class Lifting:
    """The phase in which a heap is laid out anew."""

    def __init__(self, script: "Launderer", gripping: Gripping) -> None:
        self.script, self.view, self.gripping = script, script.view, gripping
        self.edge = 0

    def lay_out(self) -> Motion:
        """Take both corners of an edge, one after the other if need be, and lay the garment down."""
        self.edge = self.edge_at_hand() or 0
        for _ in range(ATTEMPTS):
            self.script.phase = "lift"
            held = self.in_hand()
            right = [side for side, vertex in held.items() if vertex == self.corners()[side]]
            if len(right) == 2:
                self.script.phase = "lay"
                if (yield from self.stretch(held)) and (yield from self.lay(held)):
                    break
            elif not held:
                yield from self.pick_up()
            elif len(held) == 2:
                yield from self.gripping.let_go([RIGHT if LEFT in right else LEFT])
            else:
                yield from self.take_second(*held.popitem())
        yield from self.gripping.let_go()

    def corners(self, edge: int | None = None) -> tuple[int, int]:
        """Vertices of an edge, by default of the chosen one, for the left and for the right hand."""
        names = EDGES[self.edge if edge is None else edge]
        left, right = (self.view.garment.key_points[name] for name in names)
        return self.view.garment.vertex(left), self.view.garment.vertex(right)

    def edge_at_hand(self) -> int | None:
        """Index of an edge that both hands can take from the table, None if there is none."""
        points = self.view.vertices()
        return next((edge for edge in self.edges() if self.takes(self.corners(edge), points)), None)

    def edges(self) -> range:
        """Indices of the edges that the garment can hang from: legs fold inwards when they are held by their ends."""
        garment = self.view.garment
        hem, centre = (garment.key_points[name][1] for name in ("hem_left", "hem_centre"))
        return range(2 if hem == centre else 1)

    def lies_free(self, side: int, vertex: int, points: np.ndarray) -> bool:
        """Whether a hand can take a vertex from the table."""
        return uncovered(points, vertex) and reachable(side, points[vertex])

    def takes(self, corners: tuple[int, int], points: np.ndarray) -> bool:
        """Whether both hands can take their corners from the table at the same time."""
        free = all(self.lies_free(side, v, points) for side, v in enumerate(corners))
        return free and points[corners[LEFT], 1] - points[corners[RIGHT], 1] > APART_M

    def in_hand(self) -> dict[int, int]:
        """Return side -> a vertex that the hand holds: its corner only if it holds nothing else but neighbours."""
        flat, held = self.view.garment.flat, {}
        for side, corner in enumerate(self.corners()):
            taken = self.view.held(side).tolist()
            far = [v for v in taken if np.linalg.norm(flat[v] - flat[corner]) > 1.5 * SPACING_M]
            if taken:
                held[side] = corner if corner in taken and not far else (far or taken)[0]
        return held

    def pick_up(self) -> Motion:
        """Take what can be taken from the table: both corners, one of them, or the highest free vertex."""
        points, corners = self.view.vertices(), self.corners()
        pair = dict(enumerate(corners))
        if self.takes(corners, points) and (yield from self.gripping.take(pair, skim=True)):
            return
        highest = [int(v) for v in np.argsort(-points[:, 2])][:TOPMOST]
        singles = [*pair.items(), *((own_side(points[v]), v) for v in highest)]
        for side, vertex in singles:
            if self.lies_free(side, vertex, points) and (yield from self.gripping.take({side: vertex}, skim=True)):
                return

    def take_second(self, side: int, vertex: int) -> Motion:
        """Raise what one hand holds, and take a corner with the other."""
        yield from self.raise_up(side, vertex)
        points, other = self.view.vertices(), 1 - side
        edges = [self.edge] if vertex == self.corners()[side] else self.edges()
        able = [edge for edge in edges if reachable(other, points[self.corners(edge)[other]])]
        if able:
            tips = {edge: points[self.corners(edge)[other]] for edge in able}
            self.edge = min(able, key=lambda e: (np.linalg.norm(points - tips[e], axis=1) < CROWD_M).sum())
        if not able or not (yield from self.gripping.take_in_air(other, self.corners()[other])):
            yield from self.put_down(side)

    def put_down(self, side: int) -> Motion:
        """Let what one hand holds down in the middle of the table."""
        held = self.in_hand()
        if side in held:
            yield from self.bring({side: (held[side], DOWN_M)}, HAUL_M_S)
        yield from self.gripping.let_go([side])

    def raise_up(self, side: int, vertex: int) -> Motion:
        """Bring what one hand holds to where the other reaches all of it, and let it come to rest."""
        if self.view.in_basket():  # upwards first: cloth catches at the rim
            yield from self.bring({side: (vertex, OUT_M)}, HAUL_M_S)
        yield from self.bring({side: (vertex, HOLD_M[side])}, HAUL_M_S)
        yield from side_by_side(wait(CALM_S), self.gripping.park(1 - side))

    def bring(self, goals: dict[int, tuple[int, np.ndarray]], speed_m_s: float) -> Motion:
        """Bring held vertices, side -> (vertex, goal), straight to their goals, all in the same time."""
        points = self.view.vertices()
        longest = max(float(np.linalg.norm(goal - points[vertex])) for vertex, goal in goals.values())
        yield from self.carry(goals, max(0.3, 1.5 * longest / speed_m_s))

    def carry(self, goals: dict[int, tuple[int, np.ndarray]], seconds: float) -> Motion:
        """Bring held vertices, side -> (vertex, goal), straight to their goals in the given time."""
        points, motions = self.view.vertices(), []
        for side, (vertex, goal) in goals.items():
            path = along(np.array([points[vertex], goal]))
            motions.append(haul(self.script.hands[side], side, path, points[vertex], seconds))
        yield from side_by_side(*motions)

    def stretch(self, held: dict[int, int]) -> Attempt:
        """Hold the garment up between both hands, its upper edge taut; return whether both still hold it."""
        flat = self.view.garment.flat
        half = 0.5 * TAUT * float(np.linalg.norm(flat[held[LEFT]] - flat[held[RIGHT]]))
        height = self.length() + FREE_HEM_M
        goals = {s: (held[s], np.array([STRETCH_X_M, (half, -half)[s], height])) for s in (LEFT, RIGHT)}
        yield from self.bring(goals, HAUL_M_S)
        yield from self.shake(held)
        yield from wait(SETTLE_S)
        return self.in_hand() == held

    def shake(self, held: dict[int, int]) -> Motion:
        """Jerk both hands up and let them down, SHAKES times, so that what hangs tangled comes free."""
        pace = self.script.operator.profile.speed  # a slow shake shakes nothing out, whoever does it
        for _ in range(SHAKES):
            for rise_m, seconds in ((SHAKE_M, JERK_S), (-SHAKE_M, SINK_S)):
                points, rise = self.view.vertices(), np.array([0.0, 0.0, rise_m])
                yield from self.carry({s: (v, points[v] + rise) for s, v in held.items()}, seconds * pace)
            yield from wait(SWAY_S)

    def length(self) -> float:
        """From the corners to the far edge [m]."""
        v = self.view.garment.flat[:, 0]
        return float(np.abs(v - v[self.corners()[0]]).max())

    def lay(self, held: dict[int, int]) -> Attempt:
        """Touch the far edge down, lay the rest over it, drag; return whether both hands held it to the end."""
        length = self.length()
        far = MIDDLE_X_M + 0.5 * length + DRAG_M
        points = self.view.vertices()
        yield from self.bring({s: (v, points[v] * [0, 1, 1] + [far, 0, 0]) for s, v in held.items()}, HAUL_M_S)
        yield from wait(SETTLE_S)
        points, angle = self.view.vertices(), np.linspace(0.0, np.pi / 2, ARC_POINTS)
        x = np.append(far - SLACK * length * np.sin(angle), far - length - DRAG_M)
        z = np.append(np.maximum(SLACK * length * np.cos(angle), GLIDE_M), GLIDE_M)
        motions = []
        for side, vertex in held.items():
            grip = points[vertex]
            path = along(np.vstack([grip, np.column_stack([x, np.full(len(x), grip[1]), z])]))
            motions.append(haul(self.script.hands[side], side, path, grip, (1.6 * length + DRAG_M) / LAY_M_S))
        yield from side_by_side(*motions)
        return self.in_hand() == held
