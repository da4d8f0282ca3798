"""Writing files so that a crash leaves no half of one, and a full disk is told by the file's name."""

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from recap_bench.errors import DamagedFileError

CONFIG = "config.json"
"""What the run in a folder was made with."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Let an OSError from inside name `path` if it names no file, as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_text_atomically(file: Path, text: str) -> None:
    """Write `text` to `file` so that a reader sees the old content or the new, never a part."""
    temporary = file.with_name(f".tmp-{file.name}")
    with writing(file):
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, file)


def read_json(file: Path, remedy: str) -> dict[str, Any]:
    """Return the object in `file`; raise DamagedFileError, which says `remedy`, if it holds none."""
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise DamagedFileError(file, str(error), remedy) from error


def read_config(run: Path) -> dict[str, Any]:
    """Return config.json of the folder `run`, with the keys config, versions and commit."""
    return read_json(run / CONFIG, "Delete it and give the command of the run again, which writes it anew.")


def write_array(file: Path, array: np.ndarray) -> None:
    """Write `array` as .npy; unlike np.save, whose error for a full disk has no errno."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    with writing(file):
        file.write_bytes(buffer.getbuffer())
