"""The laundry scene: table, arms, one garment as a 2D flex, the pinch; and how to read the cloth."""

from dataclasses import dataclass

import mujoco
import numpy as np

from recap_bench.envs import rig as rig_module
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.patterns import Garment
from recap_bench.envs.rig import SIDES, Rig
from recap_bench.envs.simulation import Simulation

AXES = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}


def vertex_name(i: int) -> str:
    """Name of the body, and of the sphere, of a garment's vertex."""
    return f"cloth_{i}"


def grip_name(side: str, slot: int) -> str:
    """Name of the equality that holds a vertex in a hand."""
    return f"{side}_grip_{slot}"


def body_index(model: mujoco.MjModel, name: str) -> int | None:
    """Return the index of a body that only some scenes have, None where there is none."""
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)
    return index if index >= 0 else None


def build_model(garment: Garment, stack: bool = False, basket: bool = False) -> mujoco.MjModel:
    """Compile table, arms, garment and perhaps mat and basket; the garment lies flat in front of the arms."""
    scene = rig_module.add_arms(rig_module.load_spec("laundry", "table.xml"))
    for side in SIDES:
        for pad in ("pad_a", "pad_b"):
            geom = scene.geom(f"{side}_{pad}")
            geom.contype, geom.conaffinity = p.PAD_BIT, p.PAD_BIT | p.ARM_BIT
    if stack:
        _add_mat(scene)
    _add_cloth(scene, garment)
    _add_grips(scene)
    if basket:
        _add_basket(scene)
    return scene.compile()


def _add_mat(scene: mujoco.MjSpec) -> None:
    """Mark the place of the stack, on the table.

    It is empty at the start: on a rigid slab 6 to 10 mm high the cloth caught at the edge (5 of 8 folds lost), and a
    free body of 0.5 kg beside vertices of 1 g kept the 30 iterations of conjugate gradients from converging.
    """
    body = scene.worldbody.add_body(name="mat", pos=p.MAT_CENTRE_M)
    body.add_geom(
        name="mat", type=mujoco.mjtGeom.mjGEOM_BOX, size=p.MAT_HALF_M, contype=0, conaffinity=0,
        rgba=[0.80, 0.78, 0.72, 1.0],
    )  # fmt: skip


def _add_basket(scene: mujoco.MjSpec) -> None:
    """Add a shallow open basket, below the floor: the start that needs it puts it on the table. Nothing moves it."""
    body = scene.worldbody.add_body(name="basket", pos=p.NO_BASKET_M)
    half, wall, height = p.BASKET_HALF_M, p.BASKET_WALL_M, 0.5 * p.BASKET_HEIGHT_M
    for name, axis, sign in (("far", 0, 1), ("near", 0, -1), ("left", 1, 1), ("right", 1, -1)):
        pos, size = np.array([0.0, 0.0, height]), np.array([half + 2 * wall, half + 2 * wall, height])
        pos[axis], size[axis] = sign * (half + wall), wall
        body.add_geom(
            name=f"basket_{name}", type=mujoco.mjtGeom.mjGEOM_BOX, pos=pos, size=size, contype=p.ARM_BIT,
            conaffinity=p.ARM_BIT, friction=[0.3, 0.005, 0.0001], rgba=[0.55, 0.42, 0.28, 1.0],
        )  # fmt: skip


def _add_cloth(scene: mujoco.MjSpec, garment: Garment) -> None:
    """Add one body with three slides per vertex, and the flex over them.

    The cloth meets itself by one small sphere per vertex: the built-in self-collision costs 3 to 5 times more.
    """
    mass = garment.mass_kg / len(garment.flat)
    for i, (v, u) in enumerate(garment.flat):
        position = [p.GARMENT_CENTRE_M[0] + v, p.GARMENT_CENTRE_M[1] + u, p.CLOTH_RADIUS_M]
        body = scene.worldbody.add_body(name=vertex_name(i), pos=position)
        body.mass, body.inertia, body.explicitinertial = mass, [1e-7] * 3, True
        for axis, direction in AXES.items():
            body.add_joint(name=f"{vertex_name(i)}_{axis}", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=direction)
        body.add_geom(
            name=vertex_name(i), type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[p.CLOTH_RADIUS_M, 0, 0], mass=0, group=3,
            contype=p.LAYER_BIT, conaffinity=0, condim=p.LAYER_CONDIM, friction=[p.LAYER_FRICTION, 0.005, 0.0001],
            solref=p.CLOTH_SOLREF, solimp=p.CLOTH_SOLIMP, rgba=[0, 0, 0, 0],
        )  # fmt: skip
    flex = scene.add_flex(
        name="cloth", dim=2, radius=p.CLOTH_RADIUS_M, contype=p.CLOTH_BIT, conaffinity=p.ARM_BIT | p.LAYER_BIT,
        condim=1, friction=[p.CLOTH_FRICTION, 0.005, 0.0001], solref=p.CLOTH_SOLREF, solimp=p.CLOTH_SOLIMP,
        selfcollide=0, elastic2d=3, young=p.YOUNG_PA, poisson=p.POISSON, thickness=p.THICKNESS_M,
        damping=p.ELASTIC_DAMPING, rgba=garment.rgba,
    )  # fmt: skip
    flex.vertbody = [vertex_name(i) for i in range(len(garment.flat))]
    flex.elem = garment.triangles.ravel().tolist()
    _add_skins(scene, garment)


def _add_skins(scene: mujoco.MjSpec, garment: Garment) -> None:
    """Line the back of the cloth, and put a band on the front of the collar, for the eye alone.

    Skins have one colour for all simulations, so the fabric's, which varies, is that of the flex between them.
    """
    collar = (garment.triangles == garment.vertex(garment.key_points["collar"])).any(1)
    colour = np.array(garment.rgba)
    _add_skin(scene, garment, "inside", garment.triangles[:, ::-1], colour + (1 - colour) * p.INSIDE_PALE)
    _add_skin(scene, garment, "collar", garment.triangles[collar], colour * p.COLLAR_SHADE)


def _add_skin(scene: mujoco.MjSpec, garment: Garment, name: str, triangles: np.ndarray, rgba: np.ndarray) -> None:
    """Cover some triangles on the side from which they are counter-clockwise."""
    used, face = np.unique(triangles, return_inverse=True)
    points = np.column_stack([p.GARMENT_CENTRE_M + garment.flat[used], np.full(len(used), p.CLOTH_RADIUS_M)])
    skin = scene.add_skin(name=name, inflate=p.SKIN_INFLATE_M, rgba=rgba)
    skin.vert = skin.bindpos = points.ravel().tolist()
    skin.face = face.ravel().tolist()
    skin.bodyname = [vertex_name(i) for i in used]
    skin.bindquat = [1.0, 0.0, 0.0, 0.0] * len(used)
    skin.vertid, skin.vertweight = [[k] for k in range(len(used))], [[1.0]] * len(used)


def _add_grips(scene: mujoco.MjSpec) -> None:
    for side in SIDES:
        for slot in range(p.SLOTS):
            scene.add_equality(
                name=grip_name(side, slot), type=mujoco.mjtEq.mjEQ_CONNECT, objtype=mujoco.mjtObj.mjOBJ_BODY,
                name1=f"{side}_hand", name2=vertex_name(0), active=False,
                solref=p.GRIP_SOLREF, solimp=p.GRIP_SOLIMP,
            )  # fmt: skip


@dataclass(frozen=True)
class World:
    """Measured state of k simulations; lengths in m."""

    hands: np.ndarray
    """Grasp points, left then right, (k, 2, 3)."""
    hand_rotations: np.ndarray
    """(k, 2, 3, 3): approach, jaw and third axis as columns."""
    gaps: np.ndarray
    """Distance between the pads of each hand, (k, 2)."""
    vertices: np.ndarray
    """(k, V, 3)."""
    speed: np.ndarray
    """Mean speed of the vertices, (k,) [m/s]."""
    mat: np.ndarray
    """Middle of the stack's place, (k, 2); NaN where there is none."""
    basket: np.ndarray
    """Middle of the basket, (k, 2); NaN where there is none."""


class WorldReader:
    """Binds the arrays of the scene once and reads them for some simulations."""

    def __init__(self, simulation: Simulation, rig: Rig, garment: Garment) -> None:
        self.rig = rig
        self._xpos, self._qvel = simulation.batch.xpos, simulation.batch.qvel
        names = [vertex_name(i) for i in range(len(garment.flat))]
        self._first = int(simulation.body_ids(names[:1])[0])
        self._count = len(names)
        self._dof = int(simulation.model.joint(f"{names[0]}_x").dofadr[0])
        self._mat, self._basket = (body_index(simulation.model, name) for name in ("mat", "basket"))

    def read(self, ids: np.ndarray) -> World:
        """Return the world of the simulations `ids`."""
        hands, rotations = self.rig.hands(ids)
        mat = np.full((len(ids), 2), np.nan)
        if self._mat is not None:
            mat = self._xpos[ids, self._mat, :2]
        basket = np.full((len(ids), 2), np.nan)
        if self._basket is not None:
            standing = self._xpos[ids, self._basket, 2] > 0.5 * p.NO_BASKET_M[2]
            basket[standing] = self._xpos[ids[standing], self._basket, :2]
        velocity = self._qvel[ids, self._dof : self._dof + 3 * self._count].reshape(len(ids), -1, 3)
        return World(
            hands=hands,
            hand_rotations=rotations,
            gaps=self.rig.jaw_openings(ids) * rig_module.JAW_OPENING_M,
            vertices=self._xpos[ids, self._first : self._first + self._count],
            speed=np.sqrt((velocity**2).sum(-1)).mean(-1),
            mat=mat,
            basket=basket,
        )
