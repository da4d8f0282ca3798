"""The labels of a run's fits with the episodes that they belong to."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recap_bench.data.episode import Episode
from recap_bench.data.files import CONFIG, read_config
from recap_bench.data.steps import StepData, concatenate
from recap_bench.data.store import Store
from recap_bench.errors import DamagedFileError, DataError

REMEDY = (
    "Delete the result of its phase (fit.json, or pretrain.json of pre-training) and run again to have it made anew."
)
"""What to do about a damaged file of a fit; the episodes are not touched by that."""

KINDS = ("demonstration", "autonomous", "assisted")
"""Who acted in an episode: an operator throughout, the policy throughout, or the policy with corrections."""


@dataclass(frozen=True)
class FitFiles:
    """Where a fit with labels lies; in order of task, seed, method and iteration."""

    task: str
    """Task name."""
    seed: int
    """Training seed."""
    method: str
    """Method, or 'pretraining'."""
    iteration: int
    """Iteration of the fitted policy, 0 for pre-training."""
    folder: Path
    """Holds labels.npz and diagnostics.json."""
    store: Path
    """Store with the episodes."""
    groups: tuple[str, ...]
    """Groups of the store that the fit saw, in the order of the rows of its labels."""

    @property
    def name(self) -> str:
        """For file names, e.g. 'Espresso-v0_seed0_recap_iteration1'."""
        return f"{self.task}_seed{self.seed}_{self.method}_iteration{self.iteration}"


@dataclass(frozen=True)
class LabelledFit:
    """A fit's M steps of E episodes with their labels; all arrays as in recap_bench.learning.labels.Labels."""

    files: FitFiles
    """Where it lies."""
    steps: StepData
    """The episodes."""
    group: np.ndarray
    """Group of the store of each episode, (E,) str."""
    values: np.ndarray
    """Value of each step, (M,)."""
    advantage: np.ndarray
    """N-step advantage, (M,)."""
    indicator: np.ndarray
    """Positive or not, (M,) bool."""
    forced: np.ndarray
    """Positive whatever the advantage, (M,) bool."""
    threshold: float
    """Threshold of the advantage."""
    held_out: np.ndarray
    """Whether the value function that labelled the episode had not been fitted on it, (E,) bool."""
    log_likelihood: np.ndarray
    """Mean log-likelihood of the episode's returns [nat per step], nan where not held out, (E,)."""
    diagnostics: dict[str, Any]
    """See recap_bench.learning.diagnostics."""

    @property
    def kind(self) -> np.ndarray:
        """Who acted in each episode, one of KINDS, (E,) str."""
        demonstrated = self.steps.source == KINDS[0]
        return np.where(demonstrated, KINDS[0], np.where(self.steps.assisted, KINDS[2], KINDS[1]))

    def of_episode(self, episode: int) -> slice:
        """Return the rows of `episode`."""
        start = int(self.steps.start[episode])
        return slice(start, start + int(self.steps.length[episode]))

    def stored_episode(self, episode: int) -> Episode:
        """Read `episode` from the store with every field."""
        seed = int(self.steps.seed[episode])
        for found in Store.open(self.files.store).episodes([str(self.group[episode])]):
            if found.seed == seed:
                return found
        raise DataError(f"Group {self.group[episode]!r} of {self.files.store} has no episode of seed {seed}.")


def run_config(run: Path) -> dict[str, Any]:
    """Return the config that `run` was made with; raise DataError if `run` is no folder of a run."""
    if not (run / CONFIG).is_file():
        raise DataError(f"No run at {run}: {CONFIG} is missing.")
    return dict(read_config(run)["config"])


def find_fits(run: Path) -> list[FitFiles]:
    """Return the finished fits of `run` that have labels, by task, seed, method and iteration.

    Labels of several tasks in one file are left out: their rows belong to no single store. Raises DataError if the
    fits were made before they named their groups.
    """
    found = []
    for result in sorted(run.glob("*/seed*/methods/*/iteration*/*.json")):
        if result.name not in ("fit.json", "pretrain.json"):
            continue
        values = _read(result)
        pretraining = result.name == "pretrain.json"
        folder = run / values["pretrained"] if pretraining else result.parent
        labels = folder / "labels.npz"
        if not labels.is_file() or len(_load(labels)["tasks"]) > 1:
            continue
        if "groups" not in values:
            raise DataError(f"{result} does not name the episodes of its labels: an older version made it. Run again.")
        of_seed = result.parents[3]
        method = "pretraining" if pretraining else result.parents[1].name
        iteration = int(result.parent.name.removeprefix("iteration"))
        address = (of_seed.parent.name, int(of_seed.name.removeprefix("seed")), method, iteration)
        found.append(FitFiles(*address, folder, of_seed / "store", tuple(values["groups"])))
    return sorted(found, key=lambda fit: (fit.task, fit.seed, fit.method != "pretraining", fit.method, fit.iteration))


def load_fit(files: FitFiles) -> LabelledFit:
    """Return the labels of a fit with their episodes; raise DataError if the two do not belong together."""
    store = Store.open(files.store)
    parts = [store.load([group]) for group in files.groups]
    steps = concatenate(parts)
    labels = _load(files.folder / "labels.npz")
    if len(labels["values"]) != steps.num_steps:
        raise DataError(
            f"The labels in {files.folder} are of {len(labels['values'])} steps; {', '.join(files.groups)} in "
            f"{files.store} have {steps.num_steps}."
        )
    likelihood = np.add.reduceat(labels["log_likelihood"].astype(float), steps.start) / steps.length
    return LabelledFit(
        files,
        steps,
        np.repeat(np.array(files.groups), [part.num_episodes for part in parts]),
        **{name: labels[name] for name in ("values", "advantage", "indicator", "forced")},
        threshold=float(labels["threshold"][0]),
        held_out=~np.isnan(likelihood),
        log_likelihood=likelihood,
        diagnostics=_read(files.folder / "diagnostics.json"),
    )


def _load(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DamagedFileError(file, f"{error!r}", REMEDY) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DamagedFileError(file, f"{error!r}", REMEDY) from error
