"""Named random streams: one seed per run, no global random state."""

import zlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the stream `names` under `seed`.

    The same seed and names give the same stream, whatever other streams exist
    or in which order they were made.
    """
    return np.random.default_rng(np.random.SeedSequence(int(seed), spawn_key=_spawn_key(names)))


def derive_seed(seed: int, *names: str | int) -> int:
    """Return a 63-bit integer seed for the stream `names` under `seed`."""
    state = np.random.SeedSequence(int(seed), spawn_key=_spawn_key(names)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def _spawn_key(names: tuple[str | int, ...]) -> tuple[int, ...]:
    return tuple(zlib.crc32(str(name).encode()) for name in names)
