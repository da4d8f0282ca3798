"""Options by name, as in `labels.look_ahead=25`, on nested frozen configs."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from recap_bench.errors import ConfigurationError

Config = TypeVar("Config")


def override(config: Config, assignments: Sequence[str]) -> Config:
    """Return `config` with every 'name=value' of `assignments`; names have dots where configs are nested.

    Values are JSON, or else text. Raises ConfigurationError for an unknown name or a value of another kind.
    """
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigurationError(f"An option is written NAME=VALUE, received {assignment!r}.")
        config = _replaced(config, name.split("."), _value(text), assignment)
    return config


def _replaced(config: Any, path: list[str], value: Any, assignment: str) -> Any:
    known = [field.name for field in fields(config)]
    if path[0] not in known:
        raise ConfigurationError(f"Unknown option in {assignment!r}: {path[0]!r}. Known: {', '.join(known)}.")
    current = getattr(config, path[0])
    if len(path) > 1:
        if not is_dataclass(current):
            raise ConfigurationError(f"{path[0]!r} in {assignment!r} has no options of its own.")
        return replace(config, **{path[0]: _replaced(current, path[1:], value, assignment)})
    if is_dataclass(current):
        inner = ", ".join(f"{path[0]}.{field.name}" for field in fields(current))
        raise ConfigurationError(f"{assignment!r} names a group of options. Known: {inner}.")
    return replace(config, **{path[0]: _converted(value, current, assignment)})


def _converted(value: Any, current: Any, assignment: str) -> Any:
    """Return `value` as the kind of thing that `current` is; None accepts anything, and every None stays one."""
    if isinstance(current, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if current is None or value is None or type(value) is type(current):
        return value
    raise ConfigurationError(f"{assignment!r} needs a {type(current).__name__}, such as {current!r}.")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
