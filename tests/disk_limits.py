"""Disks that refuse to be written to, without needing one."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FULL_DEVICE = Path("/dev/full")
"""Every write to it fails as on a full disk (Linux)."""


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let every write past `size` bytes of a file fail, for the whole process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill_up(file: Path) -> None:
    """Let every write to `file` fail as on a full disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(FULL_DEVICE)
