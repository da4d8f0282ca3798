"""Append-only store of episodes: a folder of shards, each written once and never changed.

    store/
      store.json             header: task, stages, names of the state entries, format version
      <group>/<number>/      one shard (see recap_bench.data.shard), e.g. demonstrations/0000
      <group>/conditions.json    what all episodes of the group were collected with; only where `Store.agree` was called

A shard is written into a temporary folder that is renamed at the end, so a killed writer leaves
no half shard behind. A group names what its shards belong to; a reader takes the groups it wants.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recap_bench.data.episode import DIVERGED, STEP_ARRAYS, Episode
from recap_bench.data.files import read_json, write_text_atomically, writing
from recap_bench.data.shard import PACKAGES, SCALARS, Table, read_shard, read_table, write_shard
from recap_bench.data.steps import StepData, concatenate, starts_of
from recap_bench.errors import DamagedFileError, DataError

FORMAT = 1
"""Version of the layout; readers refuse any other."""

ACTION_SIZE = 14
"""Entries of an action, and of `agent_pos`."""

CONDITIONS = "conditions.json"
"""File of a group that says what its episodes were collected with."""

NAMED = 3
"""Entries that an error names of those that two versions of a task do not share."""

LOADED_ARRAYS = ("agent_pos", "environment_state", "actions", "actor", "reason")
"""Step arrays that `load` always reads; proposals only on request."""


@dataclass(frozen=True)
class StoreHeader:
    """What all episodes of a store have in common."""

    task: str
    """Task name."""
    stages: tuple[str, ...]
    """Names of the scored stages, S of them."""
    state_names: tuple[str, ...]
    """Names of the entries of `environment_state`, D of them."""


class Store:
    """Episodes on disk; open it with `Store.open`."""

    def __init__(self, path: Path, header: StoreHeader) -> None:
        self.path = path
        self.header = header

    @classmethod
    def open(cls, path: str | Path, header: StoreHeader | None = None) -> "Store":
        """Open the store at `path`, or create it if `header` is given and nothing is there.

        Raises DataError if there is no store, or one with another header or format.
        """
        path = Path(path)
        file = path / "store.json"
        if not file.exists():
            if header is None:
                raise DataError(f"No episode store at {path}: store.json is missing.")
            path.mkdir(parents=True, exist_ok=True)
            write_text_atomically(file, json.dumps({"format": FORMAT, **asdict(header)}, indent=1))
        found = _read_header(file)
        if header is not None and found != header:
            raise DataError(f"Store {path} holds {_difference(found, header)}. Use another folder.")
        return cls(path, found)

    def append(self, group: str, episodes: Sequence[Episode]) -> Path:
        """Write `episodes` (at least one) as the next shard of `group` and return its folder."""
        if not episodes:
            raise DataError(f"A shard needs at least one episode, received none for group {group!r}.")
        for episode in episodes:
            self._check(episode)
        folder = self.path / group
        folder.mkdir(exist_ok=True)
        for leftover in folder.glob(".tmp-*"):
            shutil.rmtree(leftover)
        number = 1 + max((int(shard.name) for shard in _shards(folder)), default=-1)
        temporary = folder / f".tmp-{number:04d}"
        temporary.mkdir()
        with writing(temporary):
            write_shard(temporary, episodes)
        return temporary.rename(folder / f"{number:04d}")

    def agree(self, group: str, conditions: Mapping[str, str]) -> None:
        """Record that all episodes of `group` are collected under `conditions`, name of an option -> its value.

        Raises DataError, naming both, if the group holds episodes of other ones. A group whose episodes came without
        a record keeps none: what they were collected with is not known.
        """
        if group not in self.groups():
            (self.path / group).mkdir(exist_ok=True)
            write_text_atomically(self.path / group / CONDITIONS, json.dumps(dict(conditions), indent=1))
        found = self.conditions(group)
        if not found or found == conditions:
            return
        differing = [name for name in sorted({*found, *conditions}) if found.get(name) != conditions.get(name)]
        before, now = (_listed({name: each.get(name, "") for name in differing}) for each in (found, conditions))
        raise DataError(
            f"Group {group!r} of store {self.path} was collected with {before}; received {now}. "
            "Collect with the same options, or into another folder."
        )

    def conditions(self, group: str) -> dict[str, str]:
        """Return what the episodes of `group` were collected with, option -> value; {} where no one recorded it."""
        file = self.path / group / CONDITIONS
        return read_json(file, "The episodes beside it can be kept: delete the file.") if file.is_file() else {}

    def link(self, source: "Store", group: str) -> None:
        """Take over the shards of `group` of the store `source`, as hard links where the disk allows it.

        Nothing happens if this store has the group. Raises DataError if the two stores hold different things, or
        `source` has no such group.
        """
        if group in self.groups():
            return
        if source.header != self.header:
            difference = _difference(source.header, self.header)
            raise DataError(
                f"Group {group!r} cannot be taken into store {self.path}: {source.path} holds {difference}."
            )
        if group not in source.groups():
            raise source._missing(group)
        temporary = self.path / f".tmp-{group}"
        shutil.rmtree(temporary, ignore_errors=True)
        for shard in _shards(source.path / group):
            (temporary / shard.name).mkdir(parents=True)
            for file in shard.iterdir():
                _link_or_copy(file, temporary / shard.name / file.name)
        temporary.rename(self.path / group)

    def groups(self) -> list[str]:
        """Return the names of the groups that have shards, sorted."""
        folders = (folder for folder in self.path.iterdir() if folder.is_dir() and not folder.name.startswith("."))
        return sorted(folder.name for folder in folders if _shards(folder))

    def seeds(self, group: str) -> set[int]:
        """Return the environment seeds of the episodes that `group` holds; empty if there is no such group."""
        return {int(seed) for shard in _shards(self.path / group) for seed in read_table(shard)["seed"]}

    def load(self, groups: Sequence[str] | None = None, proposals: bool = False) -> StepData:
        """Return the steps of `groups` (None: of all), groups in the given order.

        Within a group episodes are ordered by environment seed, so the result does not depend on the
        order in which they were collected. Raises DataError, naming the shard, if one is damaged.
        """
        names = (*LOADED_ARRAYS, "proposals") if proposals else LOADED_ARRAYS
        parts = []
        for group in self.groups() if groups is None else groups:
            shards = [self._steps_of(*read_shard(shard, names)) for shard in _shards(self.path / group)]
            if not shards:
                raise self._missing(group)
            steps = concatenate(shards)
            parts.append(steps.select(np.argsort(steps.seed, kind="stable")))
        if not parts:
            raise DataError(f"Store {self.path} is empty.")
        return concatenate(parts)

    def episodes(self, groups: Sequence[str] | None = None) -> Iterator[Episode]:
        """Yield the episodes of `groups` (None: of all) one by one, every field, in the order of writing."""
        for group in self.groups() if groups is None else groups:
            shards = _shards(self.path / group)
            if not shards:
                raise self._missing(group)
            for shard in shards:
                table, arrays = read_shard(shard, STEP_ARRAYS)
                for row, (start, length) in enumerate(zip(table["start"], table["length"], strict=True)):
                    columns: dict[str, Any] = {name: _plain(table[name][row]) for name in SCALARS}
                    columns.update({name: array[start : start + length] for name, array in arrays.items()})
                    yield Episode(**columns, stage_times_s=np.array(table["stage_times_s"][row], float))

    def versions(self) -> dict[str, set[str]]:
        """Return, for python and each recorded package, the versions under which episodes were collected."""
        found: dict[str, set[str]] = {name: set() for name in ("python", *PACKAGES)}
        for group in self.groups():
            for shard in _shards(self.path / group):
                table = read_table(shard)
                for name, versions in found.items():
                    versions.update(table[f"version_{name}"].tolist())
        return found

    def _steps_of(self, table: Table, arrays: dict[str, np.ndarray]) -> StepData:
        length = table["length"].astype(np.int64)
        episode = np.repeat(np.arange(len(length)), length)
        start = starts_of(length)
        columns: dict[str, Any] = {name: table[name] for name in ("success", "truncated", "iteration", "seed")}
        columns.update({name: table[name].astype(str) for name in ("failure_mode", "source", "task")})
        columns.update({"proposals": None, **arrays})
        columns.update(episode=episode, t=np.arange(len(episode)) - start[episode], start=start, length=length)
        return StepData(**columns, state_names=self.header.state_names)

    def _missing(self, group: str) -> DataError:
        return DataError(f"Store {self.path} has no group {group!r}. Known: {', '.join(self.groups())}.")

    def _check(self, episode: Episode) -> None:
        received = (episode.task, len(episode.stage_times_s), episode.environment_state.shape[1])
        expected = (self.header.task, len(self.header.stages), len(self.header.state_names))
        if received != expected:
            raise DataError(f"Store {self.path} takes episodes of (task, S, D) {expected}, received {received}.")
        if episode.length == 0:
            raise DataError(f"The episode of seed {episode.seed} has no step; a store takes episodes of at least one.")
        for name, (width, dtype) in _step_formats(len(self.header.state_names)).items():
            array, shape = getattr(episode, name), (episode.length, *width)
            if array.shape != shape or array.dtype != dtype:
                raise DataError(
                    f"{name} of the episode of seed {episode.seed} must be {shape} {np.dtype(dtype)}, received "
                    f"{array.shape} {array.dtype}."
                )
        if episode.failure_mode == DIVERGED:
            raise DataError(f"The diverged episode of seed {episode.seed} must not enter a store.")


def _step_formats(state_size: int) -> dict[str, tuple[tuple[int, ...], type]]:
    """Return step array -> (shape of a step, dtype)."""
    arms, state, number = ((ACTION_SIZE,), np.float32), ((state_size,), np.float32), ((), np.int8)
    wide = {"environment_state": state, **dict.fromkeys(("agent_pos", "actions", "proposals"), arms)}
    return {name: wide.get(name, number) for name in STEP_ARRAYS}


def _difference(found: StoreHeader, wanted: StoreHeader) -> str:
    """Return what kind of episodes are `found` where those `wanted` were looked for, in words."""
    if found.task != wanted.task:
        return f"episodes of {found.task}, not of {wanted.task}"
    both = {"stages": (found.stages, wanted.stages), "state entries": (found.state_names, wanted.state_names)}
    changed = {kind: sorted(set(before) ^ set(now))[:NAMED] for kind, (before, now) in both.items() if before != now}
    parts = [
        f"other {kind}, e.g. {', '.join(names)}" if names else f"{kind} reordered" for kind, names in changed.items()
    ]
    return f"episodes of another version of {found.task}: {'; '.join(parts)}"


def _listed(conditions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in conditions.items())


def _link_or_copy(source: Path, target: Path) -> None:
    """Link `target` to `source`; copy where they lie on different disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _read_header(file: Path) -> StoreHeader:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        found = values["format"]
        if found != FORMAT:
            raise DataError(
                f"Store {file.parent} has format {found}; this version reads format {FORMAT}. Use the version that "
                "wrote it, or collect anew in another folder."
            )
        return StoreHeader(values["task"], tuple(values["stages"]), tuple(values["state_names"]))
    except (ValueError, KeyError, TypeError) as error:
        remedy = "The episodes beside it can be kept: copy the file from a store of the same task."
        raise DamagedFileError(file, repr(error), remedy) from error


def _shards(folder: Path) -> list[Path]:
    """Return the shards of a group in the order of writing; whatever else lies there is none."""
    numbered = (shard for shard in folder.glob("[0-9]*") if shard.name.isascii() and shard.name.isdigit())
    return sorted(numbered, key=lambda shard: int(shard.name))


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value
