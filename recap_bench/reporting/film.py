"""Films of episodes: the recorded actions are played again from the recorded seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from PIL import Image, ImageDraw, ImageFont

from recap_bench.data.episode import ACTOR_CORRECTION, Episode
from recap_bench.envs import make_vec
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.reporting.video import write_video

FRAMES_PER_S = 25.0
LARGE = (480, 640)
"""Height and width of the base camera's part of a frame; the wrists' are half of it [pixels]."""


@dataclass(frozen=True)
class Outcome:
    """What a replay led to, beside what was recorded."""

    reproduced: bool
    """Success, failure mode and length are those recorded, and joints agree to `TOLERANCE`."""
    joint_error: float
    """Largest difference of `agent_pos` over the episode [rad, jaws in 0..1]."""
    success: bool
    failure_mode: str
    steps: int


TOLERANCE = 1e-6
"""Largest difference of joint positions in a replay on the same machine; single precision rounds below it."""


class Replay:
    """Plays one recorded episode again, step by step."""

    def __init__(self, episode: Episode, randomization: str = "standard", images: bool = False) -> None:
        self.episode = episode
        self._env = make_vec(
            episode.task,
            num_envs=1,
            randomization=randomization,
            autoreset_mode=AutoresetMode.DISABLED,
            render_mode="rgb_array" if images else None,
            render_size=LARGE,
        )
        self._outcome: Outcome | None = None

    def run(self) -> Outcome:
        """Play the whole episode and return what it led to."""
        for _ in self._play(every=None):
            pass
        return self.outcome()

    def frames(self, every: int = 2) -> Iterator[np.ndarray]:
        """Yield an image (480, 960, 3) uint8 of every `every`-th control step and of the last; 2 is real time.

        Raises RenderingUnavailableError without off-screen OpenGL.
        """
        return self._play(every)

    def outcome(self) -> Outcome:
        """Return what the replay led to; only after it has ended."""
        assert self._outcome is not None, "play the episode first"
        return self._outcome

    def _play(self, every: int | None) -> Iterator[np.ndarray]:
        episode, error, t = self.episode, 0.0, 0
        observation, info = self._env.reset(seed=episode.seed)
        try:
            for t, action in enumerate(episode.actions):
                error = max(error, float(np.abs(observation["agent_pos"][0] - episode.agent_pos[t]).max()))
                observation, _, terminated, truncated, info = self._env.step(action[None])
                ended = bool(terminated[0] | truncated[0])
                if every is not None and (t % every == 0 or ended):
                    yield self._frame(t, info)
                if ended:
                    break
        finally:
            self._env.close()
        success, mode = bool(info["is_success"][0]), str(info["failure_mode"][0])
        same = (success, mode, t + 1) == (episode.success, episode.failure_mode, episode.length)
        self._outcome = Outcome(same and error <= TOLERANCE, error, success, mode, t + 1)

    def _frame(self, t: int, info: dict[str, Any]) -> np.ndarray:
        height, width = LARGE
        base = self._env.render_cameras(cameras=("base",), size=LARGE)["base"][0]
        wrists = self._env.render_cameras(cameras=("left_wrist", "right_wrist"), size=(height // 2, width // 2))
        side = np.concatenate([wrists["left_wrist"][0], wrists["right_wrist"][0]])
        image = Image.fromarray(np.concatenate([base, side], axis=1))
        font = ImageFont.load_default(size=20)
        caption = self._caption(t, info)
        ImageDraw.Draw(image).text((10, 8), caption, "white", font, stroke_width=1, stroke_fill="black")
        return np.asarray(image)

    def _caption(self, t: int, info: dict[str, Any]) -> str:
        stages = self._env.spec_of_task.stages
        reached, mode = int(info["stage"][0]), str(info["failure_mode"][0])
        parts = [f"{(t + 1) / CONTROL_HZ:.1f} s", f"next: {stages[reached]}" if reached < len(stages) else "done"]
        parts += ["operator"] if self.episode.actor[t] == ACTOR_CORRECTION else []
        parts += [f"failed: {mode}"] if mode != "none" else []
        return "   ".join(parts)


def write_film(path: Path, episode: Episode, randomization: str = "standard", every: int = 2) -> Outcome:
    """Film `episode` into the mp4 `path`, every `every`-th control step at 25 frames per second (2 is real time).

    Raises RenderingUnavailableError without off-screen OpenGL.
    """
    replay = Replay(episode, randomization, images=True)
    write_video(path, replay.frames(every), FRAMES_PER_S)
    return replay.outcome()
