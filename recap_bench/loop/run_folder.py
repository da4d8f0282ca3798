"""The folder of one run: who may write, what is finished, and where everything lies.

    run/
      lock                          held while a process works in the folder
      config.json                   resolved config, package versions, git commit, number of torch's threads
      log.jsonl                     one line per finished phase, with torch's threads, or warning
      rows.csv                      one row per evaluation episode of the whole run
      summary.json                  measures per task, method and iteration, over all seeds so far
      pretraining.json              where the pre-training lies that this run began with
      pretrained/                   the networks that every fit starts from: value/, policy/, diagnostics.json
      tensorboard/                  event files, made again from the results at every start
      <task>/seed<k>/
        store/                      episodes of all methods (see recap_bench.data.store); groups are
                                    demonstrations and <method>-<iteration>-<autonomous|corrected|uncorrected>
        methods/sft/iteration0/     what all methods share: demonstrations.json, fit.json, policy checkpoint,
                                    evaluation.json, evaluation.csv
        methods/<method>/iteration<i>/
          autonomous.json           summary of each collection (in the collector's folder: the first round is
                                    flown by sft's policy, so it lies in methods/sft/iteration1)
          fit.json                  checkpoint of the policy, its variants, diagnostics
          ...                       whatever the fit writes: checkpoints, labels, logs
          evaluation.json           summary of the evaluation
          evaluation.csv            one row per episode
          check.json                the conditions of the same policy: positive, none, negative, guided

Runs share a pre-training (recap_bench.loop.pretraining), which lies in a folder of the cache, laid out alike:

    cache/<digest of the recipe>/
      recipe.json                   what the demonstrations and networks were made from
      <task>/seed0/store/           demonstrations
      all/seed0/methods/pretraining/iteration0/pretrain.json, pretrained/

A phase's JSON file is written atomically when the phase is finished and marks it as such: a rerun in
the same folder skips every phase that has one.
"""

import csv
import fcntl
import io
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recap_bench.config import NOT_COMPARED, RunConfig
from recap_bench.data.files import CONFIG, read_config, read_json, write_text_atomically, writing
from recap_bench.data.shard import package_versions
from recap_bench.errors import ConfigurationError
from recap_bench.loop.plan import PRETRAINING, Phase

RECIPE = "recipe.json"
"""What a pre-training was made from."""
BEGUN = "pretraining.json"
"""Where the pre-training lies that the run began with."""


class RunFolder:
    """Paths, results and the log of one run, and of the pre-training that it starts from."""

    def __init__(self, path: Path, pretraining: Path | None = None) -> None:
        self.path = path
        self.pretraining = path / "pretraining" if pretraining is None else pretraining

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; raise ConfigurationError if another process does. A killed holder lets go by dying."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigurationError(
                    f"Another run is working in {self.path}; give this one another --out."
                ) from None
            yield

    @contextmanager
    def pretraining_locked(self) -> Iterator[None]:
        """Hold the folder of the pre-training; wait while another run makes it."""
        self.pretraining.mkdir(parents=True, exist_ok=True)
        with (self.pretraining / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def adopt_pretrained(self, source: Path) -> Path:
        """Copy the pre-trained networks `source` into the run, once, and return their folder there."""
        target = self.path / "pretrained"
        if not target.exists():
            temporary = self.path / ".tmp-pretrained"
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.copytree(source, temporary)
            temporary.rename(target)
        return target

    def adopt(self, config: RunConfig, torch_threads: int) -> int:
        """Write config.json, or check that the one found describes the same run.

        That of a run which has finished no phase is replaced. Returns the number of torch's threads that the run began
        with (`torch_threads` if it did not say). Raises ConfigurationError that names every difference.
        """
        self.check(config)
        file = self.path / CONFIG
        if file.exists() and self._begun():
            return int(read_config(self.path).get("torch_threads", torch_threads))
        made = {"config": config.to_dict(), "versions": package_versions(), "commit": git_commit()}
        write_text_atomically(file, json.dumps({**made, "torch_threads": torch_threads}, indent=1))
        return torch_threads

    def check(self, config: RunConfig) -> None:
        """Raise ConfigurationError, which names every difference, if another run has begun in the folder."""
        if not self._begun() or not (self.path / CONFIG).exists():
            return
        found, wanted = read_config(self.path), json.loads(json.dumps(config.to_dict()))
        differences = [
            *_differences("config", _compared(found["config"]), _compared(wanted)),
            *_differences("versions", found["versions"], package_versions()),
        ]
        if differences:
            listed = "; ".join(differences)
            raise ConfigurationError(f"{self.path} holds another run: {listed}. Use its options, or another --out.")

    def _begun(self) -> bool:
        """Return whether a phase is finished, or a pre-training named, that belongs to the run."""
        return (self.path / BEGUN).exists() or any(self.path.glob("*/seed*/methods/*/*/*.json"))

    def seed_folder(self, phase: Phase) -> Path:
        """Return the folder of the phase's task and training seed."""
        return self.home(phase) / phase.task / f"seed{phase.seed}"

    def home(self, phase: Phase) -> Path:
        """Return the folder to which the phase belongs: the run's, or the pre-training's."""
        return self.pretraining if phase.method == PRETRAINING else self.path

    def folder(self, phase: Phase) -> Path:
        """Return the folder of the phase's method and iteration."""
        return self.seed_folder(phase) / "methods" / phase.method / f"iteration{phase.iteration}"

    def result(self, phase: Phase) -> dict[str, Any] | None:
        """Return the result of a finished phase, None if it is not finished."""
        file = self._result_file(phase)
        return read_json(file, "Delete it to have its phase done again.") if file.exists() else None

    def unfinished(self, phases: Sequence[Phase]) -> tuple[Phase, ...]:
        """Return those of `phases` that have no result yet."""
        return tuple(phase for phase in phases if self.result(phase) is None)

    def finish(self, phase: Phase, result: dict[str, Any]) -> None:
        """Write the result of `phase`, which marks it as finished."""
        file = self._result_file(phase)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomically(file, json.dumps(result, indent=1))

    def log(self, **entry: Any) -> None:
        """Append one line to log.jsonl."""
        file = self.path / "log.jsonl"
        with writing(file), file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(entry) + "\n")

    def relative(self, phase: Phase, path: Path) -> str:
        """Return `path` relative to the phase's home, so that the folder can be moved."""
        return str(path.relative_to(self.home(phase)))

    def _result_file(self, phase: Phase) -> Path:
        return self.folder(phase) / f"{phase.name}.json"


def home_of_store(store: Path) -> Path | None:
    """Return the folder of the run, or of the pre-training, that `store` belongs to; None for a store of its own."""
    seed_folder = store.resolve().parent
    home = seed_folder.parent.parent
    ours = seed_folder.name.startswith("seed") and any((home / name).is_file() for name in (CONFIG, RECIPE))
    return home if ours else None


def write_rows(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows as CSV atomically; columns are those of all rows, None becomes an empty cell."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text_atomically(file, text.getvalue())


def git_commit() -> str | None:
    """Return the commit of the source tree, None for an installed package or without git."""
    package = Path(__file__).parent.parent
    if not (package.parent / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(package.parent), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _compared(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name not in NOT_COMPARED}


def _differences(name: str, found: Any, wanted: Any) -> list[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        keys = sorted(set(found) | set(wanted))
        return [line for key in keys for line in _differences(f"{name}.{key}", found.get(key), wanted.get(key))]
    return [] if found == wanted else [f"{name} is {found!r} there and {wanted!r} now"]
