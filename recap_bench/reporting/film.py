"""Films of episodes: the recorded actions are played again from the recorded seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode
from PIL import Image, ImageDraw, ImageFont

from recap_bench.data.episode import ACTOR_CORRECTION, Episode
from recap_bench.envs import make_vec, task_spec
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.errors import ConfigurationError
from recap_bench.reporting.video import write_video

if TYPE_CHECKING:
    from recap_bench.envs.vector_env import TaskVectorEnv

FRAMES_PER_S = 25.0
COLUMNS = 3
"""Pictures beside each other in a strip."""
LARGE = (480, 640)
"""Height and width of the base camera's part of a frame; the wrists' are half of it [pixels]."""


@dataclass(frozen=True)
class Scenery:
    """What an episode's environment was made with, so that its seed gives the same start state again."""

    randomization: str = "standard"
    """How far start states vary."""
    start: str | None = None
    """Where in the task it started; None for where the task lets episodes of its source start."""

    def start_of(self, episode: Episode) -> str | None:
        """Return where `episode` started; None for the task's first start."""
        return self.start or task_spec(episode.task).start_of(episode.source)


def write_film(path: Path, episode: Episode, scenery: Scenery = Scenery(), every: int = 2) -> Path:
    """Film `episode` into the mp4 `path`: every `every`-th control step at 25 frames per second, so 2 is real time.

    Raises RenderingUnavailableError without off-screen OpenGL.
    """
    with stage(episode, scenery) as env:
        return write_video(path, film_frames(env, episode, every), FRAMES_PER_S)


def write_strip(path: Path, episode: Episode, scenery: Scenery = Scenery(), frames: int = 12) -> Path:
    """Write about `frames` pictures of `episode`, evenly spaced and the last one, as one PNG with three columns.

    Raises RenderingUnavailableError without off-screen OpenGL.
    """
    if path.suffix != ".png":
        raise ConfigurationError(f"A strip is written as .png; got {path.name!r}.")
    every = max(1, -(-episode.length // (frames - 1)))
    with stage(episode, scenery) as env:
        pictures = [np.asarray(Image.fromarray(frame).reduce(2)) for frame in film_frames(env, episode, every)]
    pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % COLUMNS)
    rows = [np.concatenate(pictures[i : i + COLUMNS], axis=1) for i in range(0, len(pictures), COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).save(path)
    return path


@contextmanager
def stage(episode: Episode, scenery: Scenery) -> Iterator["TaskVectorEnv"]:
    """Give one simulation of the episode's task, ready to be rendered, and close it afterwards."""
    env = make_vec(
        episode.task,
        num_envs=1,
        randomization=scenery.randomization,
        start=scenery.start_of(episode),
        autoreset_mode=AutoresetMode.DISABLED,
        render_mode="rgb_array",
        render_size=LARGE,
    )
    try:
        yield env
    finally:
        env.close()


def film_frames(env: "TaskVectorEnv", episode: Episode, every: int = 2) -> Iterator[np.ndarray]:
    """Play `episode` in `env` (n = 1) and yield images (480, 960, 3) uint8 of all three cameras, with a caption.

    There is one of every `every`-th control step, and one of the last.
    """
    env.reset(seed=[episode.seed])
    for t, action in enumerate(episode.actions):
        *_, info = env.step(action[None])
        if t % every == 0 or t == episode.length - 1:
            image = Image.fromarray(_cameras(env))
            font = ImageFont.load_default(size=20)
            caption = _caption(env.spec_of_task.stages, episode, t, info)
            ImageDraw.Draw(image).text((10, 8), caption, "white", font, stroke_width=1, stroke_fill="black")
            yield np.asarray(image)


def _cameras(env: "TaskVectorEnv") -> np.ndarray:
    """Return the base camera with the wrist cameras beside it, left above right."""
    height, width = LARGE
    base = env.render_cameras(cameras=("base",), size=LARGE)["base"][0]
    wrists = env.render_cameras(cameras=("left_wrist", "right_wrist"), size=(height // 2, width // 2))
    side = np.concatenate([wrists["left_wrist"][0], wrists["right_wrist"][0]])
    return np.concatenate([base, side], axis=1)


def _caption(stages: tuple[str, ...], episode: Episode, t: int, info: dict[str, Any]) -> str:
    reached, mode = int(info["stage"][0]), str(info["failure_mode"][0])
    parts = [f"{(t + 1) / CONTROL_HZ:.1f} s", f"next: {stages[reached]}" if reached < len(stages) else "done"]
    parts += ["operator"] if episode.actor[t] == ACTOR_CORRECTION else []
    parts += [f"failed: {mode}"] if mode != "none" else []
    return "   ".join(parts)
