"""Progress of a run: bars with the remaining time on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

LINE_EVERY_S = 15.0
"""Time between two plain lines of one stage [s]."""


class Display(Protocol):
    """Where a run reports to."""

    def __enter__(self) -> "Display":
        """Start displaying."""

    def __exit__(self, *error: object) -> None:
        """Leave the terminal as it was."""

    def update(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show that `done` of `total` steps of `stage` are done; a new name starts a new stage."""

    def message(self, text: str) -> None:
        """Show a result or a warning that stays."""


def make_display(stream: TextIO | None = None) -> Display:
    """Return bars when `stream` (by default standard output) is a terminal, else plain lines."""
    stream = stream or sys.stdout
    return BarDisplay(stream) if stream.isatty() else LineDisplay(stream)


class BarDisplay:
    """One bar per stage; finished bars give way to messages."""

    def __init__(self, stream: TextIO) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        times = (
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}"),
        )
        self._progress = Progress(*columns, *times, console=Console(file=stream), transient=True)
        self._bar: TaskID | None = None
        self._stage = ""

    def __enter__(self) -> "BarDisplay":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    def update(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Move the bar of `stage`; a new name replaces the bar."""
        if self._bar is None or stage != self._stage:
            if self._bar is not None:
                self._progress.remove_task(self._bar)
            self._bar, self._stage = self._progress.add_task(stage, total=total, note=note), stage
        self._progress.update(self._bar, completed=done, total=total, note=note)

    def message(self, text: str) -> None:
        """Print `text` above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LineDisplay:
    """A line when a stage begins, every 15 seconds while it lasts, and when it ends."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._stage, self._began, self._first, self._next = "", 0.0, 0, 0.0

    def __enter__(self) -> "LineDisplay":
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.flush()

    def update(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Print a line if one is due."""
        now = self._clock()
        if stage != self._stage:
            self._stage, self._began, self._first, self._next = stage, now, done, now
        if now < self._next and done < total:
            return
        self._next = now + LINE_EVERY_S
        remaining = self._remaining(now, done, total)
        self.message(f"{stage}: {done}/{total}{remaining}{'; ' if note else ''}{note}")

    def message(self, text: str) -> None:
        """Print `text`."""
        print(text, file=self._stream, flush=True)

    def _remaining(self, now: float, done: int, total: int) -> str:
        """Return the time left, judged by this stage's pace so far; nothing before there is a pace."""
        elapsed, advanced = now - self._began, done - self._first
        if done >= total or advanced == 0:
            return ""
        return f", about {elapsed / advanced * (total - done):.0f} s left"
