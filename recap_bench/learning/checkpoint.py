"""Checkpoints: a folder with weights.safetensors (statistics included) and config.json."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from recap_bench.data.files import writing
from recap_bench.errors import DamagedFileError, DataError

FORMAT = 3
"""Version of the layout and of what the weights mean; readers refuse any other. Policies of format 1 predicted
velocities instead of chunks, those of format 2 had no encoder of the observation."""

WEIGHTS, CONFIG = "weights.safetensors", "config.json"

REMEDY = "All episodes can be kept: fit again."
"""What to do about a damaged checkpoint."""


def save_checkpoint(folder: Path, kind: str, tensors: dict[str, torch.Tensor], config: dict[str, Any]) -> None:
    """Write a checkpoint of `kind` ('policy' or 'value'); a killed writer leaves no half checkpoint behind."""
    temporary = folder.with_name(f".tmp-{folder.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    # Not save_file, whose error for a full disk is no OSError and names no file.
    with writing(temporary / WEIGHTS):
        weights = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        (temporary / WEIGHTS).write_bytes(weights)
    header = {"format": FORMAT, "kind": kind, "torch": torch.__version__, "sha256": _digest(temporary / WEIGHTS)}
    (temporary / CONFIG).write_text(json.dumps({**header, **config}, indent=1) + "\n")
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(temporary, folder)


def load_checkpoint(folder: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Return (tensors, config) of the checkpoint; DataError if it is missing, of another kind or damaged."""
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise DataError(f"No {kind} checkpoint at {folder}: {name} is missing.")
    try:
        config = json.loads((folder / CONFIG).read_text())
        found = (config["format"], config["kind"], config["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFileError(folder / CONFIG, repr(error), REMEDY) from error
    if found[:2] != (FORMAT, kind):
        raise DataError(
            f"{folder} is a {found[1]!r} checkpoint of format {found[0]}; wanted {kind!r} of format {FORMAT}."
        )
    if _digest(folder / WEIGHTS) != found[2]:
        raise DamagedFileError(folder / WEIGHTS, f"it does not match the checksum in {CONFIG}", REMEDY)
    try:
        return load_file(folder / WEIGHTS), config
    except SafetensorError as error:
        raise DamagedFileError(folder / WEIGHTS, str(error), REMEDY) from error


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
