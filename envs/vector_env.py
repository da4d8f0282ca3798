"""n simulations of one task as a gymnasium.vector.VectorEnv."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding as gym_seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from recap_bench import seeding
from recap_bench.envs import snapshot as snapshots
from recap_bench.envs.arguments import checked_actions, ids_to_reset, requested_seeds
from recap_bench.envs.config import EnvConfig
from recap_bench.envs.divergence import Recorder, step_guarded
from recap_bench.envs.observation import Observer, single_observation_space
from recap_bench.envs.rendering import CameraRenderer
from recap_bench.envs.rig import ACTION_HIGH, ACTION_LOW, CAMERAS
from recap_bench.envs.simulation import CONTROL_HZ
from recap_bench.envs.snapshot import Snapshot
from recap_bench.envs.task import DIVERGED, TIME_OUT, Oracle, Task, TaskSpec
from recap_bench.errors import ConfigurationError

SEED_LIMIT = 2**53
"""Seeds drawn for unseeded resets lie below this, so that JSON keeps them exact."""


class TaskVectorEnv(VectorEnv):
    """n simulations of one task, stepped together; see EnvConfig for the options.

    The reward is Eq. 5 of the paper without its penalty: -1 for each step, 0 for the step that
    ends in success. Actions outside the action space are clipped to it. An episode ends
    (`terminated`) in success, in one of the task's failures, or in `diverged`; the time limit
    truncates it with the failure mode `time_out`.

    `info` holds, at every reset and step, arrays over the simulations: is_success (n,) bool,
    stage (n,) int (first unreached stage, S when all are reached), stages_done (n,) int,
    stages (n, S) bool, failure_mode (n,) str, seed (n,) int and step (n,) int.

    A start state depends on nothing but the episode's seed: `reset(seed=s)` gives simulation i the
    seed s + i; later resets without a seed draw the next one from the simulation's own stream,
    and `info["seed"]` names it.
    """

    def __init__(self, task_class: type[Task], num_envs: int = 1, config: EnvConfig | None = None) -> None:
        config = config or EnvConfig()
        if num_envs < 1:
            raise ConfigurationError(f"num_envs must be at least 1, got {num_envs}.")
        self.config = config
        self.num_envs = num_envs
        self.render_mode = config.render_mode
        self.metadata = {
            "render_modes": ["rgb_array"],
            "render_fps": CONTROL_HZ,
            "autoreset_mode": config.autoreset_mode,
        }
        self.simulation = task_class.make_simulation(num_envs, 1 if num_envs == 1 else config.threads)
        self.task = task_class(self.simulation, config.randomization, task_class.start_named(config.start))
        self._renderer = CameraRenderer(self.task)
        self._observer = Observer(self.task, config, self._renderer)
        self.single_action_space = spaces.Box(ACTION_LOW, ACTION_HIGH, dtype=np.float32)
        self.single_observation_space = single_observation_space(self.task, config)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._all = np.arange(num_envs)
        self._low, self._high = (np.tile(bound, (num_envs, 1)) for bound in (ACTION_LOW, ACTION_HIGH))
        self._streams: list[tuple[np.random.Generator, int] | None] = [None] * num_envs
        self._seeds = np.full(num_envs, -1, np.int64)
        self._steps = np.zeros(num_envs, np.int64)
        self._terminated = np.zeros(num_envs, bool)
        self._truncated = np.zeros(num_envs, bool)
        self._max_steps = self.spec_of_task.max_episode_steps
        self._failure_names = np.array(self.spec_of_task.failure_modes)
        self._time_out = self.spec_of_task.failure_modes.index(TIME_OUT)
        self._diverged = self.spec_of_task.failure_modes.index(DIVERGED)
        self._recorder = Recorder(self.task, Path(config.dump_dir)) if config.dump_dir else None

    @property
    def spec_of_task(self) -> TaskSpec:
        """The facts of the task."""
        return self.task.spec

    @property
    def seed_streams(self) -> tuple[tuple[np.random.Generator, int] | None, ...]:
        """Each simulation's stream of seeds for resets without one, and its own seed; None before its first reset."""
        return tuple(self._streams)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start new episodes, in all simulations or in those of `options["reset_mask"]`, (n,) bool."""
        ids = ids_to_reset(options, self.num_envs)
        seeds = requested_seeds(seed, self.num_envs)
        self._begin(ids, [seeds[i] for i in ids])
        return self._observer.copy(), self._info()

    def step(self, actions: np.ndarray) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advance by one control step (1/50 s); `actions` is (n, 14).

        What happens to finished episodes follows the autoreset mode. With DISABLED they stay
        frozen: not stepped, not charged, still `terminated` or `truncated`.
        """
        actions = checked_actions(actions, self._low, self._high)
        if (self._seeds < 0).any():
            raise gymnasium.error.ResetNeeded("Reset every simulation before the first step.")
        ended = self._terminated | self._truncated
        ids = np.flatnonzero(~ended) if ended.any() else self._all
        reward = np.zeros(self.num_envs)
        if len(ids):
            self._advance(ids, actions[ids])
            reward[ids] = np.where(self.task.success[ids], 0.0, -1.0)
        final: dict[str, Any] = {}
        terminated, truncated = self._terminated.copy(), self._truncated.copy()
        mode = self.config.autoreset_mode
        if mode is AutoresetMode.NEXT_STEP and ended.any():
            self._begin(np.flatnonzero(ended))
            terminated[ended] = truncated[ended] = False
        elif mode is AutoresetMode.SAME_STEP and (terminated | truncated).any():
            final = self._final(terminated | truncated)
            self._begin(np.flatnonzero(terminated | truncated))
        return self._observer.copy(), reward, terminated, truncated, {**final, **self._info()}

    def progress(self) -> np.ndarray:
        """Return the progress within each stage, (n, S) in [0, 1]; for plots and triggers only."""
        return self.task.progress(self._all)

    def hazards(self) -> dict[str, np.ndarray]:
        """Return named predicates of imminent failure, name -> (n,) bool; for triggers only."""
        return self.task.hazards(self._all)

    def make_oracle(self) -> Oracle:
        """Return a new scripted expert for all simulations."""
        return self.task.make_oracle()

    def snapshot(self, i: int) -> Snapshot:
        """Return everything that makes up the running episode of simulation `i`."""
        return snapshots.take(self.simulation, self.task, i, int(self._steps[i]), int(self._seeds[i]))

    def restore(self, i: int, snapshot: Snapshot) -> None:
        """Let simulation `i` continue from `snapshot`; its stream of seeds is left as it is."""
        snapshots.put(snapshot, self.simulation, self.task, i)
        self._steps[i], self._seeds[i] = snapshot.step, snapshot.seed
        ids = np.array([i])
        self._mark_ends(ids)
        self._observer.update(ids)
        self._observer.update_pixels(ids)
        if self._recorder:
            self._recorder.begin(i, snapshot)

    def state_hash(self, i: int) -> str:
        """Return a hex hash of all that decides how the episode of simulation `i` goes on."""
        return self.snapshot(i).digest()

    def render_cameras(
        self, ids: np.ndarray | None = None, cameras: Sequence[str] = CAMERAS, size: tuple[int, int] | None = None
    ) -> dict[str, np.ndarray]:
        """Return images of the simulations `ids` (all): camera -> (k, h, w, 3) uint8.

        `size` is (h, w), by default the image size of the observations.
        """
        chosen = self._all if ids is None else np.asarray(ids)
        return self._renderer.render(chosen, cameras, size or self.config.image_shape)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return one frame of the base camera for each simulation, (h, w, 3) uint8."""
        if self.render_mode is None:
            return None
        return tuple(self.render_cameras(None, CAMERAS[:1], self.config.render_size)[CAMERAS[0]])

    def close_extras(self, **kwargs: Any) -> None:
        """Free the OpenGL context, if there is one."""
        self._renderer.close()

    def _begin(self, ids: np.ndarray, seeds: Sequence[int | None] | None = None) -> None:
        """Start new episodes in the simulations `ids`, with `seeds` or the next ones of their streams."""
        for i, seed in zip(ids, seeds or [None] * len(ids), strict=True):
            self._seeds[i] = self._next_seed(i) if seed is None else self._restart_stream(i, seed)
        self.simulation.reset(ids)
        self.task.reset(ids, [seeding.stream(int(self._seeds[i]), "start") for i in ids])
        self.simulation.forward(ids)
        self._steps[ids] = 0
        self._terminated[ids] = self._truncated[ids] = False
        self._observer.update(ids)
        self._observer.update_pixels(ids)
        if self._recorder:
            for i in ids:
                self._recorder.begin(i, self.snapshot(i))

    def _restart_stream(self, i: int, seed: int) -> int:
        self._streams[i] = gym_seeding.np_random(seed)
        return seed

    def _next_seed(self, i: int) -> int:
        stream = self._streams[i]
        if stream is None:
            stream = self._streams[i] = gym_seeding.np_random()
        return int(stream[0].integers(SEED_LIMIT))

    def _advance(self, ids: np.ndarray, actions: np.ndarray) -> None:
        """Run one control step in the simulations `ids`, process and observation included."""
        if self._recorder:
            self._recorder.record(ids, actions)
        self.task.apply(ids, actions.astype(np.float64))
        broken, reason = step_guarded(self.simulation, ids)
        self._steps[ids] += 1
        sound = ids[~broken] if broken.any() else ids
        if len(sound):
            self.task.advance(sound)
            finite = self._observer.update(sound)
            if not finite.all():
                reason = reason or "an observation is not finite"
                sound = sound[finite]
        if len(sound) < len(ids):
            self._end_diverged(np.setdiff1d(ids, sound), reason)
        if len(sound):
            self._observer.update_pixels(sound)
        self._mark_ends(ids)

    def _end_diverged(self, ids: np.ndarray, reason: str) -> None:
        """End the episodes of `ids` as diverged; their physics is put back to something finite."""
        if self._recorder:
            for i in ids:
                self._recorder.dump(i, reason)
        self.task.success[ids] = False
        self.task.failure[ids] = self._diverged
        self.simulation.reset(ids)
        self.simulation.forward(ids)
        self._observer.clear(ids)

    def _mark_ends(self, ids: np.ndarray) -> None:
        """Decide which of the episodes `ids` are over, and how."""
        over = (self._steps[ids] >= self._max_steps) & ~self.task.success[ids] & (self.task.failure[ids] == 0)
        self.task.failure[ids[over]] = self._time_out
        failure = self.task.failure[ids]
        self._truncated[ids] = failure == self._time_out
        self._terminated[ids] = self.task.success[ids] | ((failure != 0) & (failure != self._time_out))

    def _info(self) -> dict[str, Any]:
        stages = self.task.stages.copy()
        return {
            "is_success": self.task.success.copy(),
            "stage": np.where(stages.all(1), stages.shape[1], stages.argmin(1)),
            "stages_done": stages.sum(1),
            "stages": stages,
            "failure_mode": self._failure_names[self.task.failure],
            "seed": self._seeds.copy(),
            "step": self._steps.copy(),
        }

    def _final(self, mask: np.ndarray) -> dict[str, Any]:
        """Return Gymnasium's final_obs and final_info of the episodes that `mask` says are over."""
        observation = self._observer.copy()
        final_obs = np.full(self.num_envs, None, object)
        for i in np.flatnonzero(mask):
            final_obs[i] = _row(observation, int(i))
        return {
            "final_obs": final_obs,
            "_final_obs": mask.copy(),
            "final_info": self._info(),
            "_final_info": mask.copy(),
        }


def _row(arrays: dict[str, Any], i: int) -> dict[str, Any]:
    """Return entry `i` of each array in a nested dict."""
    return {name: _row(value, i) if isinstance(value, dict) else value[i] for name, value in arrays.items()}
