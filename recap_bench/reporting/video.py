"""mp4 films from rendered frames."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np

from recap_bench.errors import ConfigurationError


def write_video(path: Path, frames: Iterable[np.ndarray], frames_per_second: float = 50.0) -> Path:
    """Write `frames`, each (h, w, 3) uint8, as an H.264 mp4; frames are taken one by one, so any length fits in memory.
    A killed writer leaves no half film under the name.

    Odd heights and widths lose their last row or column: the codec needs even ones.
    """
    if path.suffix != ".mp4":
        raise ConfigurationError(f"A video is written as .mp4; got {path.name!r}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{path.name}")
    options: dict[str, Any] = {"codec": "libx264", "quality": 7, "macro_block_size": 2}
    try:
        with imageio.get_writer(temporary, fps=frames_per_second, **options) as writer:
            count = _append(writer, frames)
        if count == 0:
            raise ConfigurationError("A video needs at least one frame; got none.")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _append(writer: Any, frames: Iterable[np.ndarray]) -> int:
    """Write all frames and return their number."""
    count = 0
    for frame in frames:
        height, width = (2 * (size // 2) for size in frame.shape[:2])
        writer.append_data(np.asarray(frame[:height, :width]))
        count += 1
    return count
