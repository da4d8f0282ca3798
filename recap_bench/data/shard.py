"""One shard: the files of some episodes in a folder, written once and checked at every read.

agent_pos.npy, actions.npy, ...   one raw array per step field, concatenated over the shard's episodes
episodes.parquet                  one row per episode: scalar fields, first row, length, package versions
shard.json                        size and CRC-32 of every file above
"""

import json
import platform
import zlib
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from recap_bench.data.episode import STEP_ARRAYS, Episode
from recap_bench.data.files import write_array, writing
from recap_bench.data.steps import starts_of
from recap_bench.errors import DamagedFileError

SCALARS = ("task", "seed", "iteration", "source", "profile", "success", "failure_mode", "truncated")
"""Scalar fields of an Episode that become columns of episodes.parquet."""

PACKAGES = ("recap_bench", "mujoco", "numpy")
"""Packages whose versions every shard records: stored actions replay only under the same physics."""

Table = dict[str, np.ndarray]
"""The columns of episodes.parquet, each (E,)."""


def package_versions() -> dict[str, str]:
    """Return the versions of python and of PACKAGES; 'not installed' for a bare source tree."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def write_shard(folder: Path, episodes: Sequence[Episode]) -> None:
    """Write `episodes` into the existing empty `folder`."""
    for name in STEP_ARRAYS:
        write_array(folder / f"{name}.npy", np.concatenate([getattr(episode, name) for episode in episodes]))
    length = np.array([episode.length for episode in episodes], np.int64)
    columns: dict[str, object] = {name: [getattr(episode, name) for episode in episodes] for name in SCALARS}
    columns.update(start=starts_of(length), length=length)
    columns["stage_times_s"] = [episode.stage_times_s for episode in episodes]
    columns.update({f"version_{name}": [value] * len(episodes) for name, value in package_versions().items()})
    with writing(folder / "episodes.parquet"):
        pyarrow.parquet.write_table(pyarrow.table(columns), folder / "episodes.parquet")
    files = {file.name: _fingerprint(file) for file in sorted(folder.iterdir())}
    (folder / "shard.json").write_text(json.dumps(files, indent=1), encoding="utf-8")


def read_table(shard: Path) -> Table:
    """Return the episode table of `shard`; raise DamagedFileError if it is damaged."""
    table = pyarrow.parquet.read_table(_verified(shard, "episodes.parquet"))
    return {name: table[name].to_numpy() for name in table.column_names}


def read_shard(shard: Path, names: Sequence[str]) -> tuple[Table, dict[str, np.ndarray]]:
    """Return the episode table and the memory-mapped step arrays `names`; raise DamagedFileError if damaged."""
    table = read_table(shard)
    return table, {name: np.load(_verified(shard, f"{name}.npy"), mmap_mode="r") for name in names}


def _verified(shard: Path, name: str) -> Path:
    """Return the path of the shard's file `name` if it holds what was written."""
    file = shard / name
    try:
        expected = json.loads((shard / "shard.json").read_text(encoding="utf-8"))[name]
        received = _fingerprint(file)
    except FileNotFoundError as error:
        raise DamagedFileError(Path(error.filename), "it is missing", _remedy(shard)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(shard / "shard.json", f"{error!r} while checking {name}", _remedy(shard)) from error
    if received != expected:
        raise DamagedFileError(file, f"it has {received}, written was {expected}", _remedy(shard))
    return file


def _remedy(shard: Path) -> str:
    return f"All other shards can be kept: delete the folder {shard}, which loses its episodes only."


def _fingerprint(file: Path) -> dict[str, int]:
    checksum = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 22):
            checksum = zlib.crc32(block, checksum)
    return {"bytes": file.stat().st_size, "crc32": checksum}
