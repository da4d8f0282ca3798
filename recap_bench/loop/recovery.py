"""Errors of a run's files, told with what can be kept and how to go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recap_bench.errors import DamagedFileError, StorageError
from recap_bench.loop import plan

if TYPE_CHECKING:
    from recap_bench.loop.run_folder import RunFolder

RESUME = "Run the same command again to go on from the last finished phase"


@contextmanager
def explained(folder: "RunFolder") -> Iterator[None]:
    """Turn errors of the disk and of damaged files into ones that say how the run in `folder` can be resumed."""
    try:
        yield
    except DamagedFileError as error:
        delete = _to_delete(folder, error.path)
        if delete is None:
            raise
        listed = " and ".join(str(path) for path in delete)
        remedy = f"Everything else can be kept. Delete {listed}. {RESUME}; only what was deleted is made again."
        raise DamagedFileError(error.path, error.found, remedy) from error
    except OSError as error:
        explanation = StorageError.explaining(error, f"All finished phases and full shards are kept. {RESUME}.")
        if explanation is None:
            raise
        raise explanation from error


def _to_delete(folder: "RunFolder", damaged: Path) -> list[Path] | None:
    """Return what has to go so that a rerun makes the `damaged` file again; None for files that are not known."""
    run, shared = folder.path, folder.pretraining
    parts = damaged.relative_to(run).parts if damaged.is_relative_to(run) else ()
    match parts:
        case (task, seed, "store", plan.DEMONSTRATIONS, shard, _):
            # The same files belong to the pre-training.
            made = shared / task / "seed0" / "methods" / plan.PRETRAINING / "iteration0"
            here = [run / task / seed / "store" / plan.DEMONSTRATIONS, run / task / seed / _result_of(parts[3])]
            kept = shared / task / "seed0" / "store" / plan.DEMONSTRATIONS / shard
            return [*here, kept, made / f"{plan.DEMONSTRATIONS}.json"]
        case ("pretrained", *_):
            return [run / "pretrained"]
        case (task, seed, "store", group, shard, _):
            return [run / task / seed / "store" / group / shard, run / task / seed / _result_of(group)]
        case (task, seed, "methods", method, iteration, _, *_, _):
            return [run / task / seed / "methods" / method / iteration / f"{plan.FIT}.json"]
    return None


def _result_of(group: str) -> Path:
    """Return the result file of the phase that collected `group`, relative to the folder of its seed."""
    if group == plan.DEMONSTRATIONS:
        return Path("methods", plan.FOUNDATION, "iteration0", f"{group}.json")
    method, iteration, kind = group.rsplit("-", 2)
    return Path("methods", method, f"iteration{iteration}", f"{kind}.json")
