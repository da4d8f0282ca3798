"""Controls: other methods on the episodes of a finished run, so that nothing differs but how they learn.

A control has the pre-training, the episodes and the start states of its run, and is laid out as a run is: fits,
evaluations, rows. What a method would have collected itself is another question, which a run answers.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from recap_bench.config import RunConfig
from recap_bench.data.files import read_json, write_text_atomically
from recap_bench.data.store import Store
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning.training import torch_threads
from recap_bench.loop import plan
from recap_bench.loop.events import Observer, RunPlanned, ignore
from recap_bench.loop.iterate import logging, run_phases, warn_of_threads
from recap_bench.loop.phases import REAL_PARTS, Parts, Phases
from recap_bench.loop.plan import Phase
from recap_bench.loop.recovery import explained
from recap_bench.loop.run_folder import RunFolder

SOURCE = "source.json"

READ = (
    *("methods", "seeds", "evaluation_episodes", "check_episodes", "learning"),
    *("out", "cache", "num_envs", "threads", "workers", "device"),
)
"""Options of a run that a control reads; all others have decided its pre-training and episodes."""

PRETRAINED = {
    "value": ("bins", "width", "blocks"),
    "labels": ("pretrain_positive_fraction",),
    "policy": ("width", "blocks", "chunk", "batch", "learning_rate", "pretrain_steps"),
}
"""Options of learning that have decided the pre-training."""


@dataclass(frozen=True)
class Source:
    """Whose data a control learns from."""

    run: str
    """Folder of the run."""
    method: str
    """The method that collected them."""
    iteration: int
    """The iteration that was fitted on them, >= 1."""

    def fit(self, phase: Phase) -> Phase:
        """Return the fit that saw the same episodes as `phase`."""
        return Phase(phase.task, phase.seed, self.method, self.iteration, plan.FIT)


def control(
    config: RunConfig, source: Source, observe: Observer = ignore, parts: Parts = REAL_PARTS
) -> list[dict[str, Any]]:
    """Fit the methods of `config` on what `source` learned from, evaluate them, and return the summary.

    `config` is that of the run, but for `out`, the methods and what the control changes. Goes on where it was stopped.
    Raises ConfigurationError for a method that cannot be a control or a folder that holds another one, DataError if
    the run has no such fit; else as `run` does.
    """
    folder = RunFolder(config.out)
    with explained(folder), folder.locked():
        observe = logging(folder, observe)
        phases = _Controls(config, folder, parts, observe, source)
        planned = tuple(_plan(config, source))
        for phase in planned:
            if phase.name == plan.FIT:
                phases.shared_groups(phase)  # refuses what cannot be before anything is written
        threads = torch_threads(config.threads)
        began_with = folder.adopt(config, threads)
        _adopt(source, config.out / SOURCE)
        observe(RunPlanned(planned))
        warn_of_threads(began_with, threads, folder.unfinished(planned), observe)
        try:
            return run_phases(planned, phases, folder, observe)
        finally:
            phases.close()


def refuse_what_the_run_decided(theirs: RunConfig, config: RunConfig) -> None:
    """Raise ConfigurationError for options of a control that differ from the run's and could change nothing."""
    pairs: list[tuple[str, Any, Any]] = [
        (option.name, theirs, config) for option in fields(RunConfig) if option.name not in READ
    ]
    for group, names in PRETRAINED.items():
        one, other = getattr(theirs.learning, group), getattr(config.learning, group)
        pairs += [(f"learning.{group}.{name}", one, other) for name in names]
    changed = [
        f"{path} ({getattr(one, name)!r} there, {getattr(other, name)!r} received)"
        for path, one, other in pairs
        if getattr(one, name := path.rpartition(".")[2]) != getattr(other, name)
    ]
    if changed:
        raise ConfigurationError(
            f"A control takes the pre-training, the episodes and the start states of its run: {', '.join(changed)} "
            "would change nothing. Leave it out, or give it to a run."
        )


class _Controls(Phases):
    """Phases whose fits see the data of another run."""

    def __init__(self, config: RunConfig, folder: RunFolder, parts: Parts, observe: Observer, source: Source) -> None:
        super().__init__(config, folder, parts, observe)
        self._source, self._origin = source, RunFolder(Path(source.run))

    def shared_groups(self, phase: Phase) -> list[str]:
        """Return the groups of the source's fit; raise an error if the method of `phase` cannot learn from them."""
        fit, method = self._source.fit(phase), self.methods[phase.method]
        if not method.iterates:
            raise ConfigurationError(f"{phase.method} learns from demonstrations only: {self._source.run} has that.")
        result = self._origin.result(fit)
        if result is None:
            raise DataError(f"{self._origin.path} has no finished fit of {fit.title}.")
        groups: list[str] = result["groups"]
        if not method.uses_corrections and any(name.endswith(f"-{plan.CORRECTED}") for name in groups):
            raise ConfigurationError(f"{phase.method} learns without corrections, and {fit.title} has seen some.")
        return groups

    def _groups(self, phase: Phase) -> list[str]:
        """Take over the episodes of the source's fit."""
        groups = self.shared_groups(phase)
        theirs = Store.open(self._origin.seed_folder(phase) / "store")
        for group in groups:
            self._store(phase).link(theirs, group)
        return groups

    def _pretrained(self) -> Path:
        return self._folder.adopt_pretrained(self._origin.path / "pretrained")

    def _previous(self, phase: Phase) -> Path | None:
        before = plan.fit_before(self._source.fit(phase))
        return self._origin.folder(before) if before else None


def _plan(config: RunConfig, source: Source) -> Iterator[Phase]:
    for task in config.tasks:
        for seed in config.seeds:
            for method in config.methods:
                yield from plan.fit_and_judge(config, Phase(task, seed, method, source.iteration, plan.FIT))


def _adopt(source: Source, file: Path) -> None:
    """Write the source, or check that the control in the folder is of the same one."""
    wanted = asdict(source)
    if not file.exists():
        write_text_atomically(file, json.dumps(wanted, indent=1))
    found = read_json(file, "Delete it; the same command writes it anew.")
    if found != wanted:
        raise ConfigurationError(f"{file.parent} holds a control of {found}, received {wanted}. Use another --out.")
