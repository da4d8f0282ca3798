"""Options by name, as in `labels.look_ahead=25`, on nested frozen configs."""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from recap_bench.errors import ConfigurationError

Config = TypeVar("Config")


def override(config: Config, assignments: Sequence[str]) -> Config:
    """Return `config` with every 'name=value' of `assignments`; names have dots where configs are nested.

    All are applied at once, so that their order does not matter where options bound each other; of two for the same
    option the later one counts. Values are JSON, or else text. Raises ConfigurationError for an unknown name or a
    value of another kind.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigurationError(f"An option is written NAME=VALUE, received {assignment!r}.")
        _note(changes, config, name.split("."), _value(text), assignment)
    return _changed(config, changes)


def _note(changes: dict[str, Any], config: Any, path: list[str], value: Any, assignment: str) -> None:
    """Write one assignment into `changes`, which is nested as `config` is."""
    known = [field.name for field in fields(config)]
    if path[0] not in known:
        raise ConfigurationError(f"Unknown option in {assignment!r}: {path[0]!r}. Known: {', '.join(known)}.")
    current = getattr(config, path[0])
    if len(path) > 1:
        if not is_dataclass(current):
            raise ConfigurationError(f"{path[0]!r} in {assignment!r} has no options of its own.")
        _note(changes.setdefault(path[0], {}), current, path[1:], value, assignment)
    elif is_dataclass(current):
        inner = ", ".join(f"{path[0]}.{field.name}" for field in fields(current))
        raise ConfigurationError(f"{assignment!r} names a group of options. Known: {inner}.")
    else:
        changes[path[0]] = _converted(value, current, assignment)


def _changed(config: Any, changes: dict[str, Any]) -> Any:
    groups = {name: getattr(config, name) for name in changes if is_dataclass(getattr(config, name))}
    inner = {name: _changed(group, changes[name]) for name, group in groups.items()}
    return replace(config, **{**changes, **inner})


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
