import json
from pathlib import Path

import pytest

from recap_bench.config import PRESETS, RunConfig, make_config
from recap_bench.errors import ConfigurationError, UnknownNameError


def test_presets_are_valid_and_json():
    assert set(PRESETS) == {"quick", "standard"}
    for name, config in PRESETS.items():
        assert config.preset == name
        assert json.loads(json.dumps(config.to_dict()))["out"] == f"runs/{name}"


def test_the_standard_preset_is_the_experiment_of_the_paper():
    config = PRESETS["standard"]
    assert (config.demonstrations, config.iterations, config.evaluation_episodes) == (100, 2, 300)
    assert (config.rollouts_per_iteration, config.corrected_per_iteration) == (300, 100)


def test_task_names_lose_their_prefix():
    assert make_config("quick", tasks=("recap_bench/Espresso-v0",), out="x").tasks == ("Espresso-v0",)
    assert make_config("quick", out="x").out == Path("x")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tasks": ("Expresso-v0",)}, "Unknown task 'Expresso-v0'. Known: Espresso-v0"),
        ({"methods": ("recab",)}, "Unknown method 'recab'. Known: recap"),
        ({"profile_mix": {"genius": 1.0}}, "Unknown operator profile 'genius'. Known: skilled"),
    ],
)
def test_unknown_names_list_the_known_ones(changes, message):
    with pytest.raises(UnknownNameError, match=message):
        RunConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"demonstrations": 0}, r"demonstrations=0 \(must be >= 1\)"),
        ({"corrected_share": 1.2}, r"corrected_share=1.2 \(must be in \[0, 1\]\)"),
        ({"seeds": (1, 1)}, r"seeds=\(1, 1\) \(must not be empty or repeat"),
        ({"methods": ()}, r"methods=\(\)"),
        ({"rollouts_per_iteration": 0}, "rollouts_per_iteration=0"),
        ({"correction_budget_s": -1.0}, "correction_budget_s=-1.0"),
    ],
)
def test_unusable_numbers_are_named(changes, message):
    with pytest.raises(ConfigurationError, match=message):
        RunConfig(**changes)


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"Unknown preset 'fast'. Known: quick, standard"):
        make_config("fast")
