"""Options by name, as in `labels.look_ahead=25`, on nested frozen configs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from recap_bench.errors import ConfigurationError

Config = TypeVar("Config")

OF_THE_COMMAND_LINE = ("preset", "out", "cache", "pretrained")
"""What a config is made from and where it lies: known before its options are."""

KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    tuple: 'a list, such as [1, 2] or ["a"]',
    Mapping: 'names with values, such as {"a": 1}',
}
"""What a value must be, for people."""


def override(config: Config, assignments: Sequence[str]) -> Config:
    """Return `config` with every 'name=value' of `assignments`; names have dots where configs are nested.

    All are applied at once, so that their order does not matter where options bound each other; of two for the same
    option the later one counts. Values are JSON, or else text. Raises ConfigurationError for an unknown name, one of
    OF_THE_COMMAND_LINE or a value of another kind than the field is annotated with.
    """
    changes: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigurationError(f"An option is written NAME=VALUE, received {assignment!r}.")
        if name in OF_THE_COMMAND_LINE:
            raise ConfigurationError(f"{assignment!r} cannot be set so. Use the option --{name}.")
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
        changes[path[0]] = _converted(value, get_type_hints(type(config))[path[0]], assignment)


def _changed(config: Any, changes: dict[str, Any]) -> Any:
    groups = {name: getattr(config, name) for name in changes if is_dataclass(getattr(config, name))}
    inner = {name: _changed(group, changes[name]) for name, group in groups.items()}
    return replace(config, **{**changes, **inner})


def _converted(value: Any, kind: Any, assignment: str) -> Any:
    """Return `value`, of JSON's types, as what the annotation `kind` of its field asks for."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    if value is None and type(None) in kinds:
        return None
    (wanted,) = (other for other in kinds if other is not type(None))
    origin, inner = get_origin(wanted), get_args(wanted)
    if origin is tuple and isinstance(value, list):
        return tuple(_converted(entry, inner[0], assignment) for entry in value)
    if origin is Mapping and isinstance(value, dict):
        return {name: _converted(entry, inner[1], assignment) for name, entry in value.items()}
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is wanted:
        return value
    or_null = " or null" if type(None) in kinds else ""
    raise ConfigurationError(f"{assignment!r} needs {KINDS[origin or wanted]}{or_null}, received {value!r}.")


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
