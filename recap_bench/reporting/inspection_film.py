"""Pictures of the moments of an episode, and its film with the value underneath: the actions are played again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from recap_bench.data.episode import Episode
from recap_bench.reporting.film import FRAMES_PER_S, LARGE, Scenery, stage
from recap_bench.reporting.inspection_plots import ValueCurve, film_curve
from recap_bench.reporting.video import write_video

EVERY = 4
"""Control steps per frame of a film: twice real time."""


class Playback:
    """An episode that is played again from its seed, in front of the base camera."""

    def __init__(self, episode: Episode, curve: ValueCurve, scenery: Scenery) -> None:
        self._episode, self._curve, self._scenery = episode, curve, scenery
        self._moments = frozenset(curve.moments)
        self.pictures: dict[int, np.ndarray] = {}
        """Step -> picture (h, w, 3) of the moments of the curve played so far."""
        self.first_difference: int | None = None
        """First step at which the joints are not where they were recorded, None if there is none so far."""

    def photograph(self) -> None:
        """Take the pictures alone. Raises RenderingUnavailableError without off-screen OpenGL."""
        for step, picture in self._play(self._moments):
            self.pictures[step] = picture

    def film(self, path: Path) -> None:
        """Take the pictures, and write the mp4 `path` with the value underneath.

        Raises RenderingUnavailableError without off-screen OpenGL.
        """
        write_video(path, self._frames(), FRAMES_PER_S)

    def _frames(self) -> Iterator[np.ndarray]:
        graph, columns = film_curve(self._curve)
        filmed = frozenset(range(0, self._episode.length, EVERY)) | {self._episode.length - 1}
        for step, picture in self._play(filmed | self._moments):
            if step in self._moments:
                self.pictures[step] = picture
            if step in filmed:
                below = graph.copy()
                below[:, columns[step]] = 0
                yield np.concatenate([picture, below])

    def _play(self, shown: frozenset[int]) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (step, picture) of the steps `shown`; a picture shows what was seen before the step's action."""
        with stage(self._episode, self._scenery) as env:
            observation, _ = env.reset(seed=[self._episode.seed])
            for step, action in enumerate(self._episode.actions):
                same = np.array_equal(observation["agent_pos"][0].astype(np.float32), self._episode.agent_pos[step])
                if not same and self.first_difference is None:
                    self.first_difference = step
                if step in shown:
                    yield step, env.render_cameras(cameras=("base",), size=LARGE)["base"][0]
                observation, *_ = env.step(action[None])
