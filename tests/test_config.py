import dataclasses
import json
from pathlib import Path

import pytest

from recap_bench.config import PRESETS, RunConfig, make_config
from recap_bench.errors import ConfigurationError, UnknownNameError
from recap_bench.learning.config import LabelConfig, LearningConfig, PolicyConfig, ValueConfig
from recap_bench.loop.intervention import GateConfig


def test_presets_are_valid_and_json():
    assert set(PRESETS) == {"quick", "standard", "large", "paper"}
    for name, config in PRESETS.items():
        assert config.preset == name
        assert json.loads(json.dumps(config.to_dict()))["out"] == f"runs/{name}"


def test_the_standard_preset_is_the_experiment_of_the_paper():
    config = PRESETS["standard"]
    assert (config.demonstrations, config.iterations, config.evaluation_episodes) == (250, 2, 300)
    assert (config.rollouts("Espresso-v0"), config.watched("Espresso-v0")) == (300, 153)


def test_the_large_preset_is_the_standard_one_with_a_larger_policy():
    large, standard = PRESETS["large"], PRESETS["standard"]
    assert large.learning.policy.width > standard.learning.policy.width
    same = dataclasses.replace(
        large,
        preset=standard.preset,
        out=standard.out,
        learning=dataclasses.replace(large.learning, policy=standard.learning.policy),
    )
    assert same == standard


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
    with pytest.raises(UnknownNameError, match=r"Unknown preset 'fast'. Known: quick, standard, large, paper"):
        make_config("fast")


def test_the_papers_numbers_of_episodes_differ_between_tasks():
    config = PRESETS["paper"]
    assert (config.rollouts("BoxAssembly-v0"), config.watched("BoxAssembly-v0")) == (960, 360)
    assert (config.rollouts("LaundryTshirtsShorts-v0"), config.watched("LaundryTshirtsShorts-v0")) == (300, 0)


def labels(**changes):
    return LearningConfig(labels=LabelConfig(**changes))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"learning": labels(before_rescue="failure"), "corrected_share": 0.0}, "learning.labels.before_rescue"),
        ({"learning": LearningConfig(start="previous"), "iterations": 0}, "learning.start"),
        ({"learning": LearningConfig(start="previous"), "methods": ("sft",)}, "learning.start"),
        ({"correction_budget_s": 60.0, "corrected_share": 0.0}, "correction_budget_s"),
        ({"correction_budget_s": 60.0, "iterations": 0}, "correction_budget_s"),
        ({"correction_budget_s": 60.0, "methods": ("sft", "ppo")}, "correction_budget_s"),
        ({"correction_budget_s": 60.0, "tasks": ("LaundryTshirtsShorts-v0",)}, "correction_budget_s"),
        ({"gate": GateConfig(no_progress_s=5.0), "corrected_share": 0.0}, "gate.no_progress_s"),
        ({"gate": GateConfig(miss_probability=0.0), "iterations": 0}, "gate.miss_probability"),
        ({"gate": GateConfig(profile="novice"), "methods": ("sft", "ppo")}, "gate.profile"),
        ({"learning": labels(look_ahead=25), "methods": ("sft", "filtered_bc")}, "learning.labels.look_ahead"),
        ({"learning": labels(positive_fraction=0.2), "methods": ("ppo",)}, "learning.labels.positive_fraction"),
        (
            {"learning": labels(positive_fraction=0.2), "methods": ("awr",), "corrected_share": 0.0},
            "learning.labels.positive_fraction",
        ),
        ({"learning": labels(negatives="dropped"), "methods": ("awr",)}, "learning.labels.negatives"),
        ({"learning": LearningConfig(policy=PolicyConfig(guidance=2.0)), "iterations": 0}, "learning.policy.guidance"),
    ],
)
def test_an_option_without_effect_is_refused(changes, named):
    with pytest.raises(ConfigurationError, match=rf"{named}=\S+ \(has no effect without"):
        RunConfig(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"correction_budget_s": 60.0, "gate": GateConfig(profile="novice"), "methods": ("ppo", "filtered_bc")},
        {"learning": LearningConfig(start="previous"), "methods": ("sft", "filtered_bc")},
        {"learning": labels(positive_fraction=0.2), "methods": ("awr",)},
        {"learning": labels(positive_fraction=0.2), "methods": ("awr", "recap"), "corrected_share": 0.0},
        {
            "learning": labels(positive_fraction=0.2, force_demonstrations=True),
            "methods": ("awr",),
            "corrected_share": 0.0,
        },
    ],
)
def test_an_option_that_one_method_reads_is_accepted(changes):
    RunConfig(**changes)


def test_a_task_may_have_its_own_number_of_demonstrations():
    config = make_config(
        "standard",
        pretraining_tasks=("Espresso-v0", "BoxAssembly-v0"),
        task_demonstrations={"recap_bench/BoxAssembly-v0": 60},
    )
    assert (config.demonstrated("Espresso-v0"), config.demonstrated("BoxAssembly-v0")) == (250, 60)


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"BoxAssembly-v0": 60}, "BoxAssembly-v0 is not pre-trained on"), ({"Espresso-v0": 0}, "needs numbers >= 1")],
)
def test_unusable_numbers_of_demonstrations_are_named(counts, message):
    with pytest.raises(ConfigurationError, match=message):
        RunConfig(task_demonstrations=counts)


def test_the_tasks_of_a_run_have_to_be_pretrained_on():
    with pytest.raises(ConfigurationError, match="lacks Espresso-v0, which is run"):
        RunConfig(pretraining_tasks=("BoxAssembly-v0",))


def test_a_negative_seed_and_a_negative_rate_are_refused_at_once():
    with pytest.raises(ConfigurationError, match=r"seeds=\(-1,\) \(must be >= 0\)"):
        make_config("quick", seeds=(-1,))
    with pytest.raises(ConfigurationError, match="learning_rate must be positive and finite, received -1"):
        ValueConfig(learning_rate=-1.0)
