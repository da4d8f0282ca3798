import pytest

from recap_bench.config import make_config
from recap_bench.errors import ConfigurationError
from recap_bench.overrides import override


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
        ("iterations=many", "needs a int"),
        ("learning.labels.look_ahead=0", "look_ahead must be at least 1"),
    ],
)
def test_what_cannot_be_set_is_named(assignment, message):
    with pytest.raises(ConfigurationError, match=message):
        override(make_config("quick", out="x"), [assignment])


@pytest.mark.parametrize("order", [1, -1])
def test_options_that_bound_each_other_may_come_in_any_order(order):
    assignments = ["learning.value.steps=40", "learning.value.check_every=20"]
    value = override(make_config("standard", out="x"), assignments[::order]).learning.value
    assert (value.steps, value.check_every) == (40, 20)


def test_the_later_of_two_values_counts():
    assert override(make_config("quick", out="x"), ["iterations=3", "iterations=4"]).iterations == 4
