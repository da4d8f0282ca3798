"""Control steps per second of an environment, beside what bare physics reaches on the same work.

A driver plays the oracle through episodes, so that the work is what a task really costs: contacts, grasps, liquid.
Blocks of it are then replayed against the clock, twice each: through `env.step`, and through `Batch.step` alone, from
the same states, with the same controls, model and number of threads. Both take turns, and the ratio is the median over
blocks, so that a machine whose clock drifts cannot favour one side.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.vector import AutoresetMode

from recap_bench.envs import make_vec
from recap_bench.envs.operators import profile
from recap_bench.envs.rig import ACTION_LOW
from recap_bench.errors import ConfigurationError
from recap_bench.seeding import stream

if TYPE_CHECKING:
    from recap_bench.envs.snapshot import Snapshot
    from recap_bench.envs.vector_env import TaskVectorEnv

MODES = ("state", "pixels")
"""What is observed: the state, or three cameras of IMAGE_SIZE pixels."""

IMAGE_SIZE = 96


@dataclass(frozen=True)
class SpeedConfig:
    """One measurement."""

    task: str
    """Name of the task."""
    num_envs: int = 32
    """Simulations stepped together, > 0."""
    threads: int = 0
    """Threads; 0 takes every core."""
    mode: str = "state"
    """One of MODES."""
    blocks: int = 12
    """Timed blocks, spread over the episode, > 0; one more is run first and thrown away."""
    block_steps: int = 50
    """Control steps of a block, > 0."""
    gap_steps: int = 100
    """Control steps that the driver plays between two blocks, >= 0."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigurationError(f"Unknown speed mode {self.mode!r}. Known: {', '.join(MODES)}.")
        for name in ("num_envs", "blocks", "block_steps"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} must be at least 1; got {getattr(self, name)}.")


@dataclass(frozen=True)
class Block:
    """Work to be timed, of n simulations over block_steps control steps."""

    start: list["Snapshot"]
    """Where each simulation starts, n of them."""
    actions: list[np.ndarray]
    """Per step, (n, 14)."""
    controls: list[np.ndarray]
    """Per step, MuJoCo's controls, (n, nu)."""
    running: list[np.ndarray]
    """Per step, indices of the simulations whose episode has not ended."""

    @property
    def steps(self) -> int:
        """Control steps, counted once per running simulation."""
        return sum(len(ids) for ids in self.running)


def measure(config: SpeedConfig, report: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Return one row: steps per second are summed over all simulations; realtime_factor is simulated seconds
    per second.

    `report` is called with (blocks done, blocks in all).
    """
    pixels = {"obs_mode": "pixels", "image_size": IMAGE_SIZE} if config.mode == "pixels" else {}
    env = make_vec(
        config.task,
        num_envs=config.num_envs,
        threads=config.threads,
        autoreset_mode=AutoresetMode.DISABLED,
        **pixels,
    )
    env.reset(seed=0)
    bare = _BareBatches(env)
    env_rates: list[float] = []
    bare_rates: list[float] = []
    for index, block in enumerate(_blocks(config)):
        for which in (0, 1) if index % 2 else (1, 0):
            seconds = _time_env(env, block) if which == 0 else bare.time(block)
            (env_rates, bare_rates)[which].append(block.steps / seconds)
        report(index + 1, config.blocks + 1)
    env.close()
    env_rate, bare_rate = np.array(env_rates[1:]), np.array(bare_rates[1:])
    hz = env.metadata["render_fps"]
    return {
        "task": config.task,
        "num_envs": config.num_envs,
        "threads": bare.nthread,
        "mode": config.mode,
        "control_steps_per_s": float(np.median(env_rate)),
        "bare_physics_steps_per_s": float(np.median(bare_rate)),
        "ratio": float(np.median(env_rate / bare_rate)),
        "realtime_factor": float(np.median(env_rate) / hz),
    }


def _blocks(config: SpeedConfig) -> Iterator[Block]:
    """Yield blocks + 1 blocks, each `gap_steps` further into the episodes of the driver."""
    driver = _Driver(config)
    for _ in range(config.blocks + 1):
        yield driver.block(config.block_steps)
        driver.block(config.gap_steps)


class _Driver:
    """The skilled oracle at work in n simulations, without end."""

    def __init__(self, config: SpeedConfig) -> None:
        self.env = make_vec(
            config.task, num_envs=config.num_envs, threads=config.threads, autoreset_mode=AutoresetMode.DISABLED
        )
        self.env.reset(seed=0)
        self.oracle = self.env.make_oracle()
        self.running = np.zeros(config.num_envs, bool)
        self._begin(np.arange(config.num_envs))

    def block(self, steps: int) -> Block:
        """Play `steps` control steps; episodes that have ended before are replaced first."""
        self._begin(np.flatnonzero(~self.running))
        block = Block([self.env.snapshot(i) for i in range(self.env.num_envs)], [], [], [])
        actions = np.zeros((self.env.num_envs, len(ACTION_LOW)), np.float32)
        for _ in range(steps):
            ids = np.flatnonzero(self.running)
            actions[ids] = self.oracle.act(ids)
            _, _, terminated, truncated, _ = self.env.step(actions)
            block.actions.append(actions.copy())
            owners = [self.env.simulation.owner(i) for i in range(self.env.num_envs)]
            block.controls.append(np.stack([owner.batch.ctrl[i] for i, owner in enumerate(owners)]))
            block.running.append(ids)
            self.running &= ~(terminated | truncated)
        return block

    def _begin(self, ids: np.ndarray) -> None:
        if len(ids) == 0:
            return
        mask = np.isin(np.arange(self.env.num_envs), ids)
        self.env.reset(options={"reset_mask": mask})
        self.oracle.begin(ids, [profile("skilled")] * len(ids), [stream(0, "speed", int(i)) for i in ids])
        self.running[ids] = True


class _BareBatches:
    """Second batches on the models of `env`, one for each that its slots run on, from which nothing is read."""

    def __init__(self, env: "TaskVectorEnv") -> None:
        self._env = env
        self._batches: dict[int, Any] = {}
        self.nthread = env.simulation.owner(0).batch.nthread

    def time(self, block: Block) -> float:
        """Return the seconds that the physics of `block` takes."""
        simulation = self._env.simulation
        for i, snapshot in enumerate(block.start):
            simulation.assign(i, snapshot.member)
            bare = self._batch(i)
            bare.state[i] = snapshot.state
            for name, value in snapshot.model_fields.items():
                bare.expand(name)[i] = value
        substeps = simulation.substeps
        parts = [
            [(self._batch(int(ids[rows[0]])), ids[rows]) for _, rows in simulation.parts(ids)] for ids in block.running
        ]
        start = time.perf_counter()
        for controls, groups in zip(block.controls, parts, strict=True):
            for bare, slots in groups:
                bare.bind("ctrl")[slots] = controls[slots]
                bare.step(slots, nstep=substeps)
        return time.perf_counter() - start

    def _batch(self, i: int) -> Any:
        """Return the second batch for the model that slot `i` runs on."""
        simulation = self._env.simulation
        index, owner = simulation.member_index(i), simulation.owner(i)
        if index not in self._batches:
            batch = owner.batch
            self._batches[index] = type(batch)(
                owner.model, self._env.num_envs, batch.nthread, persistent=batch.persistent
            )
        return self._batches[index]


def _time_env(env: "TaskVectorEnv", block: Block) -> float:
    for i, snapshot in enumerate(block.start):
        env.restore(i, snapshot)
    start = time.perf_counter()
    for actions in block.actions:
        env.step(actions)
    return time.perf_counter() - start
