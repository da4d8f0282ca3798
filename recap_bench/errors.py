"""The exceptions of recap_bench: one base class, a few children."""

import errno
from pathlib import Path

DISK_TROUBLE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this process may write",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "access is denied",
    errno.EPERM: "access is denied",
    errno.EIO: "the device reports an error",
    errno.EEXIST: "a file has the name of a folder that is needed",
    errno.ENOTDIR: "a part of its path is a file",
    errno.EISDIR: "it is a folder",
}
"""errno of an OSError that a person has to mend outside of recap_bench -> what is wrong."""


class RecapBenchError(Exception):
    """Base of every error that recap_bench raises on purpose."""


class ConfigurationError(RecapBenchError, ValueError):
    """An option, name or combination of options that cannot be used."""


class UnknownNameError(ConfigurationError):
    """A name outside a closed set; the message lists the set."""

    def __init__(self, kind: str, received: str, known: list[str]) -> None:
        self.kind, self.received, self.known = kind, received, list(known)
        super().__init__(f"Unknown {kind} {received!r}. Known: {', '.join(self.known)}.")


class ActionError(RecapBenchError, ValueError):
    """An action array of the wrong shape, or with values that are not finite."""


class DataError(RecapBenchError):
    """A store, label or checkpoint file that is missing, damaged or of another version."""


class DamagedFileError(DataError):
    """A file that does not hold what was written; the message says which, and what can be kept."""

    def __init__(self, path: Path, found: str, remedy: str) -> None:
        self.path, self.found, self.remedy = path, found, remedy
        super().__init__(f"{path} is damaged: {found}. {remedy}")


class StorageError(RecapBenchError, OSError):
    """A full or read-only disk, or no access; the message names the file."""

    @classmethod
    def explaining(cls, error: OSError, remedy: str) -> "StorageError | None":
        """Return the explanation of `error`, None if it is not one of DISK_TROUBLE."""
        if isinstance(error, cls) or error.errno not in DISK_TROUBLE:
            return None
        where = error.filename or "a file"
        return cls(f"Cannot use {where}: {DISK_TROUBLE[error.errno]}. {remedy}")


class WorkerError(RecapBenchError, RuntimeError):
    """A process that flies episodes failed or died; the message says how."""


class RenderingUnavailableError(RecapBenchError, RuntimeError):
    """Off-screen OpenGL is not available; the message says what to install."""
