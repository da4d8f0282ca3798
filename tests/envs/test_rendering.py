import os
import subprocess
import sys

import numpy as np
import pytest

from recap_bench.envs.rig import CAMERAS
from recap_bench.errors import RenderingUnavailableError

BLOCKED = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("OpenGL", "glfw") or name in ("mujoco.egl", "mujoco.osmesa", "mujoco.glfw"):
            raise ImportError("blocked " + name)

sys.meta_path.insert(0, Block())
import numpy as np
from recap_bench.envs import make, make_vec, task_names
from recap_bench.errors import RenderingUnavailableError
for name in task_names():
    env = make_vec(name, num_envs=2, threads=1)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.restore(0, env.snapshot(1))
    env.close()
maps = open("/proc/self/maps").read() if sys.platform == "linux" else ""
assert not any(library in maps for library in ("libEGL", "libOSMesa", "libGL.so", "libOpenGL")), "OpenGL was loaded"
try:
    make(task_names()[0], obs_mode="pixels").reset(seed=0)
except RenderingUnavailableError as error:
    assert "libegl1" in str(error) and "libosmesa6" in str(error), error
else:
    raise AssertionError("rendering worked without OpenGL")
"""

NOT_CLOSED = """
from recap_bench.envs import make, task_names
env = make(task_names()[0], obs_mode="pixels", image_size=16)
env.reset(seed=0)
"""


def run_python(code):
    # The parent's choice of OpenGL shows in both variables.
    chosen = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
    variables = {name: value for name, value in os.environ.items() if name not in chosen}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=120)


def test_state_mode_works_without_opengl_and_pixels_say_what_to_install():
    result = run_python(BLOCKED)
    assert result.returncode == 0, result.stderr


def test_rendering_that_is_switched_off_is_unavailable(make_push, monkeypatch):
    """Runs leave out their films then; any other error would end them."""
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    with pytest.raises(RenderingUnavailableError, match="MUJOCO_GL=disabled switches rendering off"):
        make_push(1, obs_mode="pixels", image_size=16).reset(seed=0)


def test_state_observations_hold_no_pixels_and_make_no_context(make_push):
    env = make_push(1)
    observation, _ = env.reset(seed=0)
    assert set(observation) == {"agent_pos", "environment_state"}
    assert not env._renderer._contexts
    assert env.render() is None


@pytest.mark.rendering
def test_pixels_show_the_scene_from_every_camera(make_push, opengl):
    env = make_push(2, obs_mode="pixels", image_size=(24, 32))
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    assert set(observation) == {"agent_pos", "pixels"}
    assert list(observation["pixels"]) == list(CAMERAS)
    for frames in observation["pixels"].values():
        assert frames.shape == (2, 24, 32, 3)
        assert frames.std() > 5


@pytest.mark.rendering
def test_both_modes_observe_the_same_state(make_push, opengl):
    env, state = make_push(2, obs_mode="both", image_size=16), make_push(2)
    observation, expected = env.reset(seed=0)[0], state.reset(seed=0)[0]
    assert np.array_equal(observation["environment_state"], expected["environment_state"])


@pytest.mark.rendering
def test_pictures_are_upright_and_follow_the_simulation(make_push, opengl):
    env = make_push(2, render_mode="rgb_array", render_size=(48, 64))
    env.reset(seed=0)
    first = env.render()
    assert [frame.shape for frame in first] == [(48, 64, 3)] * 2
    low, high = first[0][-8:].mean((0, 1)), first[0][:8].mean((0, 1))
    assert low[2] < high[2], "the blue-grey backdrop belongs to the top, the brown table to the bottom"
    qpos = env.simulation.batch.qpos
    qpos[0, env.task._cube_qpos[:2]] += [0.1, -0.15]
    second = env.render()
    assert not np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])


@pytest.mark.rendering
def test_rendering_leaves_the_physics_alone(make_push, opengl):
    env, state = make_push(1, obs_mode="pixels", image_size=16), make_push(1)
    for each in (env, state):
        each.reset(seed=0)
        for _ in range(5):
            each.step(np.repeat(each.task.rig.home()[None], 1, axis=0))
    pixels, plain = env.snapshot(0), state.snapshot(0)
    assert np.array_equal(pixels.state, plain.state)
    assert all(np.array_equal(pixels.process[name], plain.process[name]) for name in plain.process)


@pytest.mark.rendering
def test_subsets_and_sizes_can_be_asked_for(make_push, opengl):
    env = make_push(3)
    env.reset(seed=0)
    frames = env.render_cameras(np.array([2]), ("right_wrist",), (500, 700))
    assert list(frames) == ["right_wrist"]
    assert frames["right_wrist"].shape == (1, 500, 700, 3)
    larger = env.render_cameras(None, ("base",), (16, 16))
    assert larger["base"].shape == (3, 16, 16, 3)


@pytest.mark.rendering
def test_two_environments_render_in_turn(make_push, opengl):
    first, second = (make_push(1, obs_mode="pixels", image_size=16) for _ in range(2))
    start = first.reset(seed=0)[0]["pixels"]["base"]
    second.reset(seed=7)
    second.close()
    assert np.array_equal(first.reset(seed=0)[0]["pixels"]["base"], start)
    first.close()
    first.close()


@pytest.mark.rendering
def test_a_context_left_open_does_not_complain_at_exit(opengl):
    result = run_python(NOT_CLOSED)
    assert result.returncode == 0, result.stderr
    assert "Exception" not in result.stderr
    assert "Traceback" not in result.stderr
