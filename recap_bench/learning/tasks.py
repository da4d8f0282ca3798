"""What learning knows of the tasks: how they are said, how long they last, what is observed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from recap_bench.errors import ConfigurationError


@dataclass(frozen=True)
class TaskFacts:
    """One task, as far as learning is concerned."""

    horizon: int
    """Time limit in control steps."""
    instructions: tuple[str, ...]
    """Phrasings of the instruction, the canonical one first."""
    state_names: tuple[str, ...]
    """Name of each entry of `environment_state`."""
    positive_fraction: float = 0.4
    """Share of an iteration's autonomous frames with a positive indicator (paper: 0.4; T-shirts and shorts 0.1)."""

    def __post_init__(self) -> None:
        if self.horizon < 1 or not self.instructions:
            raise ConfigurationError(f"A task needs a horizon of at least 1 step and an instruction, received {self}.")


@dataclass(frozen=True)
class Repertoire:
    """What a pair of networks was built for: the tasks, the names of its inputs and the words it knows."""

    tasks: Mapping[str, TaskFacts]
    """Task name -> facts, in the order of the tasks' indices."""
    fields: tuple[str, ...]
    """Names of the state entries that follow the joint positions in an observation."""
    vocabulary: tuple[str, ...]
    """Words of the instructions."""

    @classmethod
    def of(cls, tasks: Mapping[str, TaskFacts]) -> "Repertoire":
        """Return the repertoire of networks made for `tasks`: the union of their inputs and of their words."""
        names = dict.fromkeys(name for facts in tasks.values() for name in facts.state_names)
        known = {word for facts in tasks.values() for text in facts.instructions for word in words(text)}
        return cls(dict(tasks), tuple(names), tuple(sorted(known)))

    def to_dict(self) -> dict[str, object]:
        """Return plain types, for JSON."""
        tasks = {name: vars(facts) for name, facts in self.tasks.items()}
        return {"tasks": tasks, "fields": self.fields, "vocabulary": self.vocabulary}

    @classmethod
    def from_dict(cls, values: dict) -> "Repertoire":
        """Return what `to_dict` wrote."""
        tasks = {
            name: TaskFacts(
                facts["horizon"], tuple(facts["instructions"]), tuple(facts["state_names"]), facts["positive_fraction"]
            )
            for name, facts in values["tasks"].items()
        }
        return cls(tasks, tuple(values["fields"]), tuple(values["vocabulary"]))

    def phrasings(self) -> dict[str, tuple[str, ...]]:
        """Return task name -> phrasings."""
        return {name: facts.instructions for name, facts in self.tasks.items()}

    def narrowed(self, tasks: Mapping[str, TaskFacts]) -> "Repertoire":
        """Return the repertoire of a specialist: the same inputs and words, only `tasks`.

        Raises ConfigurationError if a task was not part of it, or was another one.
        """
        for name, facts in tasks.items():
            found = self.tasks.get(name)
            if found is None:
                raise ConfigurationError(f"Task {name} was not pre-trained on. Pre-trained: {', '.join(self.tasks)}.")
            if (found.horizon, found.state_names) != (facts.horizon, facts.state_names):
                raise ConfigurationError(
                    f"{name} has another horizon or other observations than in pre-training. Pre-train again."
                )
        return Repertoire(dict(tasks), self.fields, self.vocabulary)


def words(text: str) -> list[str]:
    """Return the words of `text`, in lower case and without punctuation."""
    return re.findall(r"[a-z0-9]+", text.lower())
