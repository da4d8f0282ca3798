"""Where a run's pre-training lies: in a cache, under a digest of everything that it is made from."""

import hashlib
import importlib
import inspect
import json
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from recap_bench.config import RunConfig
from recap_bench.data.files import read_json, write_text_atomically
from recap_bench.data.shard import package_versions
from recap_bench.errors import DataError
from recap_bench.loop import plan
from recap_bench.loop.run_folder import BEGUN, RECIPE, RunFolder

SOURCES = (
    "recap_bench.envs",
    "recap_bench.assets",
    "recap_bench.data",
    "recap_bench.learning",
    "recap_bench.loop",
    "recap_bench.seeding",
)
"""Packages and modules whose source decides demonstrations and networks."""

REMEDY = "Delete it; what it said is found again from the options of the run, unless the code has changed since."


def pretraining_folder(config: RunConfig) -> Path:
    """Return the folder of the pre-training that `config` starts from, or that its unfinished run started from."""
    begun = config.out / BEGUN
    if begun.exists():
        return Path(read_json(begun, REMEDY)["folder"])
    if config.pretrained is not None:
        return config.pretrained
    return config.cache / hashlib.sha256(_text(recipe(config)).encode()).hexdigest()[:16]


def recipe(config: RunConfig) -> dict[str, Any]:
    """Return everything that decides the demonstrations and the pre-trained networks, in JSON types."""
    return {
        "tasks": list(config.demonstrated_tasks),
        "demonstrations": {task: config.demonstrated(task) for task in config.demonstrated_tasks},
        "profile_mix": dict(config.profile_mix),
        "randomization": config.randomization,
        "start": {task: config.chosen_start(task) for task in config.demonstrated_tasks},
        "learning": config.learning.pretraining(),
        "device": config.device,
        "versions": {**package_versions(), "torch": metadata.version("torch")},
        "sources": {package: _fingerprint(package) for package in SOURCES},
    }


def adopt_recipe(config: RunConfig, folder: Path) -> None:
    """Write the recipe into a new pre-training `folder`, or see that the one there serves the run.

    Raises DataError if it is of other tasks.
    """
    file = folder / RECIPE
    if not file.exists():
        write_text_atomically(file, _text(recipe(config)))
    write_text_atomically(config.out / BEGUN, json.dumps({"folder": str(folder)}))
    found = read_json(file, REMEDY)["tasks"]
    missing = sorted(set(config.demonstrated_tasks) - set(found))
    if missing:
        raise DataError(f"The pre-training {folder} knows {', '.join(found)}, but not {', '.join(missing)}.")


def check_pretrained(config: RunConfig, folder: RunFolder) -> None:
    """Raise DataError if the run in `folder` is told to use a pre-training that is not finished, or not there."""
    if config.pretrained is not None and folder.unfinished(plan.pretraining_plan(config)[-1:]):
        raise DataError(
            f"{folder.pretraining} holds no finished pre-training. Give a folder of the cache, by default "
            f"{config.cache}."
        )


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, sort_keys=True)


def _fingerprint(name: str) -> str:
    """Return a digest of the source of the module `name`, or of the source and asset files of the package `name`."""
    module = importlib.import_module(name)
    if not hasattr(module, "__path__"):
        return hashlib.sha256(inspect.getsource(module).encode()).hexdigest()[:16]
    digest = hashlib.sha256()
    with resources.as_file(resources.files(name)) as root:
        files = [file for suffix in ("*.py", "*.xml") for file in root.rglob(suffix)]
        for file in sorted(files):
            digest.update(str(file.relative_to(root)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]
