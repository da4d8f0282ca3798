"""An observer that writes the scalars of a run as TensorBoard event files into RUN/tensorboard.

One TensorBoard run per task, training seed and method. Tags, with the iteration as step unless said otherwise:
  evaluation/...       success_rate, throughput_per_hour, mean_success_time_s, stages/<stage>
  check/<condition>/...  the same for each condition of the conditioning check
  collection/<kind>/...  successes, assisted, rescued, interventions, correction_s and the like of each collection
  fit/..., pretrain/...  numbers of the diagnostics, such as held_out_log_likelihood and positive_share; a history of
                       pairs (gradient step, loss) becomes a curve over gradient steps, one tag per iteration
  seconds/<phase>      wall time of the phase
The files are made from the results of the phases, finished ones of earlier attempts included, and replace those of
earlier attempts: a resumed run has no point twice.
"""

import io
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from recap_bench.data.files import writing
from recap_bench.loop import plan
from recap_bench.loop.events import Event, PhaseFinished, RunPlanned
from recap_bench.loop.plan import Phase

FOLDER = "tensorboard"
EVENT_FILE = "events.out.tfevents.recap_bench"
"""One in each folder; TensorBoard takes every file with 'tfevents' in its name."""
HISTORY = "_history"
"""Ending of the names of diagnostics that are lists of pairs (step, value)."""

Point = tuple[str, int, float]
"""Tag, step, value."""


class TensorBoardLog:
    """Writes the results of finished phases as scalars; says so once, and does nothing, without the package."""

    def __init__(self, run: Path, say: Callable[[str], None]) -> None:
        self._run = run
        self._seconds: dict[str, float] = {}
        self._records: Callable[[list[Point]], bytes] | None = None
        try:
            self._records = _record_maker()
        except ImportError as error:
            say(f"WARNING no TensorBoard scalars: {error}. Install tensorboard to have them.")

    def __call__(self, event: Event) -> None:
        """Write the scalars of a finished phase."""
        if self._records is None:
            return
        match event:
            case RunPlanned():
                for file in (self._run / FOLDER).rglob(EVENT_FILE):
                    file.unlink()
                self._seconds = logged_seconds(self._run / "log.jsonl")
            case PhaseFinished(phase, result, seconds, resumed):
                points = list(points_of(phase, result))
                taken = self._seconds.get(phase.title) if resumed else seconds
                if taken is not None:
                    points.append((f"seconds/{phase.name}", phase.iteration, taken))
                file = self._run / FOLDER / phase.task / f"seed{phase.seed}" / phase.method / EVENT_FILE
                file.parent.mkdir(parents=True, exist_ok=True)
                with writing(file), file.open("ab") as stream:
                    stream.write(self._records(points))


def logged_seconds(log: Path) -> dict[str, float]:
    """Return title -> wall time [s] of the phases in a run's log.jsonl; a line that was cut off is passed over."""
    found = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        with suppress(ValueError):
            entry = json.loads(line)
            if "seconds" in entry:
                found[str(entry["phase"])] = float(entry["seconds"])
    return found


def points_of(phase: Phase, result: Mapping[str, Any]) -> Iterator[Point]:
    """Yield the scalars in the `result` of `phase`."""
    if phase.name in (plan.FIT, plan.PRETRAIN):
        diagnostics = result.get("diagnostics", {})
        for name, values in diagnostics.items():
            if name.endswith(HISTORY):
                tag = f"{phase.name}/{name.removesuffix(HISTORY)}/iteration{phase.iteration}"
                yield from ((tag, int(step), float(value)) for step, value in values)
        yield from _numbers(phase.name, diagnostics, phase.iteration)
    elif phase.name in plan.COLLECTIONS or phase.name == plan.DEMONSTRATIONS:
        yield from _numbers(f"collection/{phase.name}", result, phase.iteration)
    else:
        yield from _numbers(phase.name, result, phase.iteration)


def _numbers(prefix: str, values: Mapping[str, Any], step: int) -> Iterator[Point]:
    """Yield every number of nested `values`, its path as tag; lists and text have no place in a scalar."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(f"{prefix}/{name}", value, step)
        elif isinstance(value, int | float):
            yield f"{prefix}/{name}", step, float(value)


def _record_maker() -> Callable[[list[Point]], bytes]:
    """Return points -> the records of an event file; raise ImportError without the package.

    Not the package's own writer: its thread would tell a full disk by a traceback of its own.
    """
    from tensorboard.compat.proto.event_pb2 import Event as Record
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    def records(points: list[Point]) -> bytes:
        stream = io.BytesIO()
        writer = RecordWriter(stream)
        writer.write(Record(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        for tag, step, value in points:
            summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
            writer.write(Record(wall_time=time.time(), step=step, summary=summary).SerializeToString())
        return stream.getvalue()

    return records
