"""The loop: demonstrations, pre-training, fit, evaluation; then collect, fit and evaluate, K times.

Once: demonstrations of all tasks -> pre-training. For each task and seed: fit on the task's demonstrations (SFT,
iteration 0, shared by all methods) -> evaluation; then for each method and k = 1..K: rollouts of its policy k-1,
some of them watched by an operator who corrects -> fit -> evaluation on the same fresh seeds -> check of the
condition.
"""

import json
import resource
import time
from collections.abc import Sequence
from typing import Any

from recap_bench.config import RunConfig
from recap_bench.data.files import write_text_atomically, writing
from recap_bench.learning.descent import check_device
from recap_bench.learning.training import torch_threads
from recap_bench.loop import plan
from recap_bench.loop.events import Event, Observer, PhaseFinished, PhaseStarted, RunPlanned, Warned, ignore
from recap_bench.loop.phases import REAL_PARTS, Parts, Phases
from recap_bench.loop.plan import Phase
from recap_bench.loop.pretraining import adopt_recipe, check_pretrained, pretraining_folder
from recap_bench.loop.recovery import explained
from recap_bench.loop.run_folder import RunFolder, write_rows
from recap_bench.reporting.summary import summarise


def run(config: RunConfig, observe: Observer = ignore, parts: Parts = REAL_PARTS) -> list[dict[str, Any]]:
    """Run `config` in its folder, or finish what is left of it, and return the summary.

    The summary has one entry per task, method and iteration, over all seeds; it is also written to
    summary.json after every evaluation. Raises ConfigurationError if another process works in the folder, if it holds
    another run or if the device is not there, StorageError for a full or read-only disk, DamagedFileError for a damaged
    file; the latter two say how to go on.
    """
    check_device(config.device)
    folder = RunFolder(config.out, pretraining_folder(config))
    check_pretrained(config, folder)
    with explained(folder), folder.locked():
        began_with = folder.adopt(config, torch_threads(config.threads))
        return _run_all(config, folder, parts, logging(folder, observe), began_with)


def _run_all(
    config: RunConfig, folder: RunFolder, parts: Parts, observe: Observer, began_with: int
) -> list[dict[str, Any]]:
    phases = Phases(config, folder, parts, observe)
    planned = plan.make_plan(config, [phases.methods[name] for name in config.methods])
    shared = plan.pretraining_plan(config)
    observe(RunPlanned(planned))
    warn_of_threads(began_with, torch_threads(config.threads), folder.unfinished(planned), observe)
    try:
        with folder.pretraining_locked():
            adopt_recipe(config, folder.pretraining)
            run_phases(shared, phases, folder, observe)
        return run_phases(planned[len(shared) :], phases, folder, observe)
    finally:
        phases.close()


def run_phases(planned: Sequence[Phase], phases: Phases, folder: RunFolder, observe: Observer) -> list[dict[str, Any]]:
    """Run what is left of `planned` and return the summary of its evaluations, which is written after each of them."""
    summary: list[dict[str, Any]] = []
    for phase in planned:
        _run_phase(phase, phases, folder, observe)
        if phase.name == plan.EVALUATION:
            summary = _aggregate(planned, folder)
    return summary


def _run_phase(phase: Phase, phases: Phases, folder: RunFolder, observe: Observer) -> None:
    found = folder.result(phase)
    if found is not None:
        observe(PhaseFinished(phase, found, seconds=0.0, resumed=True))
        return
    observe(PhaseStarted(phase))
    started = time.monotonic()
    with writing(folder.folder(phase)):
        result = phases.run(phase)
    folder.finish(phase, result)
    observe(PhaseFinished(phase, result, time.monotonic() - started, resumed=False))


def _aggregate(planned: Sequence[Phase], folder: RunFolder) -> list[dict[str, Any]]:
    """Write rows.csv and summary.json from the evaluations finished so far and return the summary."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for phase in planned:
        result = folder.result(phase) if phase.name == plan.EVALUATION else None
        if result is not None:
            groups.setdefault((phase.task, phase.method, phase.iteration), []).extend(result["rows"])
    summary = [
        {"task": task, "method": method, "iteration": iteration, **summarise(rows)}
        for (task, method, iteration), rows in groups.items()
    ]
    write_rows(folder.path / "rows.csv", [row for rows in groups.values() for row in rows])
    write_text_atomically(folder.path / "summary.json", json.dumps(summary, indent=1))
    return summary


def warn_of_threads(began_with: int, now: int, left: Sequence[Phase], observe: Observer) -> None:
    """Warn if the phases that are `left` are done with another number of torch's threads than those before."""
    if left and began_with != now:
        message = (
            f"torch had {began_with} thread(s) when the run began and has {now} now. It rounds sums otherwise, so "
            f"results from here on are not those of an undisturbed run; --threads {began_with} gives those."
        )
        observe(Warned(left[0], message))


def peak_memory_mb() -> float:
    """Return the most memory that this process has held so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux


def logging(folder: RunFolder, observe: Observer) -> Observer:
    """Return an observer that also writes finished phases and warnings to the run's log."""

    def observe_and_log(event: Event) -> None:
        if isinstance(event, PhaseFinished) and not event.resumed:
            seconds, peak_mb = round(event.seconds, 2), round(peak_memory_mb())
            used = {"seconds": seconds, "peak_memory_mb": peak_mb, "torch_threads": torch_threads()}
            folder.log(time=time.time(), phase=event.phase.title, **used)
        elif isinstance(event, Warned):
            folder.log(time=time.time(), phase=event.phase.title, warning=event.message)
        observe(event)

    return observe_and_log
