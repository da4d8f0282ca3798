import json

import pytest

from recap_bench.config import PRESETS, make_config
from recap_bench.errors import ConfigurationError
from recap_bench.overrides import OF_THE_COMMAND_LINE, override


def test_options_of_nested_configs_are_replaced():
    config = override(
        make_config("quick", out="x"),
        ["learning.labels.look_ahead=25", "gate.no_progress_s=5", "learning.start=previous", "corrected_share=0.5"],
    )
    assert config.learning.labels.look_ahead == 25
    assert config.gate.no_progress_s == 5.0
    assert config.learning.start == "previous"
    assert config.corrected_share == 0.5
    assert config.learning.value == make_config("quick").learning.value


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("look_ahead", "NAME=VALUE"),
        ("learning.labels.look_back=2", "look_back.*Known: penalty_factor, look_ahead"),
        ("learning.labels=2", "learning.labels|labels.penalty_factor"),
        ("iterations.more=2", "no options of its own"),
        ("iterations=many", "'iterations=many' needs a whole number, received 'many'"),
        ("iterations=true", "needs a whole number, received True"),
        ("iterations=1.5", "needs a whole number, received 1.5"),
        ("num_envs=null", "needs a whole number, received None"),
        ("rollouts_per_iteration=x", "needs a whole number or null, received 'x'"),
        ("correction_budget_s=abc", "needs a number or null, received 'abc'"),
        ("corrected_share=abc", "needs a number or null, received 'abc'"),
        ("learning.policy.passes=null", "needs a number, received None"),
        ("learning.policy.compile=1", "needs true or false, received 1"),
        ("device=null", "needs text, received None"),
        ("seeds=3", "needs a list"),
        ('seeds=["a"]', "needs a whole number, received 'a'"),
        ("profile_mix=skilled", "needs names with values"),
        ('profile_mix={"skilled":"x"}', "needs a number, received 'x'"),
        ('task_demonstrations={"Espresso-v0":1.5}', "needs a whole number, received 1.5"),
        ("preset=large", "Use the option --preset"),
        ("out=elsewhere", "Use the option --out"),
        ("cache=elsewhere", "Use the option --cache"),
        ("pretrained=5", "Use the option --pretrained"),
        ("learning.labels.look_ahead=0", "look_ahead must be at least 1"),
    ],
)
def test_what_cannot_be_set_is_named(assignment, message):
    with pytest.raises(ConfigurationError, match=message):
        override(make_config("quick", out="x"), [assignment])


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("corrected_share=null", None),
        ("corrected_share=1", 1.0),
        ("start=locked", "locked"),
        ("seeds=[3,4]", (3, 4)),
        ('gate.hazards=["tilt"]', ("tilt",)),
        ('profile_mix={"skilled":1}', {"skilled": 1.0}),
        ('task_demonstrations={"Espresso-v0":5}', {"Espresso-v0": 5}),
        ("learning.policy.compile=true", True),
    ],
)
def test_values_become_what_their_field_holds(assignment, value):
    found = override(make_config("quick", out="x"), [assignment])
    for name in assignment.partition("=")[0].split("."):
        found = getattr(found, name)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_option_takes_its_own_value(preset):
    """Whatever the kinds of the fields are."""
    config = PRESETS[preset]
    assignments = [
        f"{name}={json.dumps(value)}" for name, value in flat(config.to_dict()) if name not in OF_THE_COMMAND_LINE
    ]
    assert override(config, assignments) == config


def flat(values, prefix=""):
    """Return (dotted name, value) of all options in nested groups."""
    groups = ("gate", "learning", "value", "labels", "policy")
    for name, value in values.items():
        if name in groups:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@pytest.mark.parametrize("order", [1, -1])
def test_options_that_bound_each_other_may_come_in_any_order(order):
    assignments = ["learning.value.steps=40", "learning.value.check_every=20"]
    value = override(make_config("standard", out="x"), assignments[::order]).learning.value
    assert (value.steps, value.check_every) == (40, 20)


def test_the_later_of_two_values_counts():
    assert override(make_config("quick", out="x"), ["iterations=3", "iterations=4"]).iterations == 4
