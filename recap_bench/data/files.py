"""Writing files so that a crash leaves no half of one, and a full disk is told by the file's name."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


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


def write_array(file: Path, array: np.ndarray) -> None:
    """Write `array` as .npy; unlike np.save, whose error for a full disk has no errno."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    with writing(file):
        file.write_bytes(buffer.getbuffer())
