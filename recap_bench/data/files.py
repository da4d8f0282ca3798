"""Writing files so that a crash leaves no half of one, and a full disk is told by the file's name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
