"""Off-screen camera images of single simulations, cheap settings, made only when asked for."""

import importlib
import os
import platform
import weakref
from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np

from recap_bench.envs.task import Task
from recap_bench.errors import ConfigurationError, RenderingUnavailableError

BACKENDS = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa", "glfw": "mujoco.glfw"}
"""Value of MUJOCO_GL -> module with its OpenGL context."""

SWITCHED_OFF = ("disable", "disabled", "off", "false", "0")
"""Values of MUJOCO_GL with which MuJoCo loads no OpenGL."""

INSTALL_HINT = (
    "On Debian or Ubuntu install libegl1, libgl1 and libgl1-mesa-dri, or libosmesa6 and set MUJOCO_GL=osmesa. "
    'obs_mode="state" without render_mode needs none of them.'
)

QUALITY = {"shadowsize": 0, "offsamples": 0, "numslices": 12, "numstacks": 6, "numquads": 1}
"""Shadows and multisampling cost 5 to 30 times the rest in software OpenGL; 12 slices still look round."""


class CameraRenderer:
    """Renders simulations of one task; the OpenGL context is made at the first image.

    A context belongs to the process (and works in any one thread at a time) that made it.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._contexts: dict[int, _Context] = {}
        """One for each model of a SimulationFamily that was rendered."""

    def render(self, ids: np.ndarray, cameras: Sequence[str], size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Return images of the simulations `ids`: camera -> (k, h, w, 3) uint8; `size` is (h, w)."""
        height, width = size
        self._task.refresh_visuals(ids)
        images = {camera: np.empty((len(ids), height, width, 3), np.uint8) for camera in cameras}
        for row, i in enumerate(ids):
            context = self._make_current(int(i), height, width)
            batch = self._task.simulation.owner(int(i)).batch
            batch.get_model(int(i), context.model)
            batch.get_data(int(i), context.data)
            _place_geometry(context.model, context.data)
            for camera, frames in images.items():
                context.draw(camera, frames[row])
        return images

    def close(self) -> None:
        """Free the OpenGL context, if there is one; the next image makes a new one."""
        for context in self._contexts.values():
            context.close()
        self._contexts = {}

    def _make_current(self, i: int, height: int, width: int) -> "_Context":
        simulation = self._task.simulation
        index = simulation.member_index(i)
        context = self._contexts.get(index)
        if context is not None and not context.fits(height, width):
            self._contexts.pop(index).close()
            context = None
        if context is None:
            context = self._contexts[index] = _Context(simulation.owner(i).batch.get_model(i), height, width)
        context.make_current()
        return context


class _Context:
    """An OpenGL context with a scratch model and data."""

    def __init__(self, model: mujoco.MjModel, height: int, width: int) -> None:
        for name, value in QUALITY.items():
            setattr(model.vis.quality, name, value)
        model.vis.global_.offheight = max(height, model.vis.global_.offheight)
        model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
        self.model = model
        self.data = mujoco.MjData(model)
        self._height = model.vis.global_.offheight
        self._width = model.vis.global_.offwidth
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._gl = _make_gl_context(self._width, self._height)
        self._gl.make_current()
        self._mjr = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._mjr)
        self._finalizer = weakref.finalize(self, _free, self._gl, self._mjr)

    def fits(self, height: int, width: int) -> bool:
        """Whether the off-screen buffer holds an image of this size."""
        return height <= self._height and width <= self._width

    def make_current(self) -> None:
        """Direct the OpenGL calls of this thread to this context."""
        self._gl.make_current()

    def draw(self, camera: str, out: np.ndarray) -> None:
        """Render the scratch data seen from `camera` into `out`, (h, w, 3) uint8."""
        self._camera.fixedcamid = self.model.camera(camera).id
        mujoco.mjv_updateScene(
            self.model, self.data, self._option, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )
        rectangle = mujoco.MjrRect(0, 0, out.shape[1], out.shape[0])
        mujoco.mjr_render(rectangle, self._scene, self._mjr)
        mujoco.mjr_readPixels(out, None, rectangle, self._mjr)
        out[:] = out[::-1].copy()  # OpenGL's first row is the lowest

    def close(self) -> None:
        """Free what OpenGL holds."""
        self._finalizer()


def _free(gl: Any, mjr: mujoco.MjrContext) -> None:
    with gl.as_current():
        mjr.free()
    gl.free()


def _make_gl_context(width: int, height: int) -> Any:
    """Return an OpenGL context of the backend that MUJOCO_GL names.

    Without MUJOCO_GL it is EGL on Linux, which needs no display. The modules of MuJoCo are asked
    directly, so that it does not matter what MUJOCO_GL was when mujoco was imported.
    """
    name = os.environ.get("MUJOCO_GL", "").lower().strip() or ("egl" if platform.system() == "Linux" else "glfw")
    if name in SWITCHED_OFF:
        raise RenderingUnavailableError(f"MUJOCO_GL={name} switches rendering off. Unset it, or name egl or osmesa.")
    if name not in BACKENDS:
        raise ConfigurationError(f"MUJOCO_GL must be one of {', '.join(BACKENDS)} to render, got {name!r}.")
    try:
        return importlib.import_module(BACKENDS[name]).GLContext(width, height)
    except Exception as error:  # a missing library shows as ImportError, AttributeError, OSError or GLError
        reason = f"{type(error).__name__}: {error}"
        raise RenderingUnavailableError(f"No off-screen OpenGL by {name} ({reason}). {INSTALL_HINT}") from error


def _place_geometry(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Compute what a picture needs of mj_forward: positions, without collisions and forces."""
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_camlight(model, data)
    mujoco.mj_flex(model, data)
    mujoco.mj_tendon(model, data)
