import json
import subprocess
import sys

import pytest

from recap_bench.errors import ConfigurationError, UnknownNameError
from recap_bench.learning.config import QUICK, STANDARD, LabelConfig, LearningConfig, PolicyConfig, ValueConfig
from recap_bench.method import METHODS, make_method
from tests.learning.tiny import with_policy


@pytest.mark.parametrize("config", [QUICK, STANDARD])
def test_configs_survive_json(config):
    assert LearningConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_presets_keep_the_papers_numbers():
    for config in (QUICK, STANDARD):
        assert config.value.bins == 201
        assert (config.labels.look_ahead, config.labels.positive_fraction) == (50, None)
        assert config.labels.pretrain_positive_fraction == 0.3
        assert (config.policy.indicator_dropout, config.policy.flow_steps) == (0.3, 5)


def test_unknown_fields_are_refused():
    values = STANDARD.to_dict()
    values["policy"]["colour"] = "red"
    with pytest.raises(ConfigurationError, match="colour"):
        LearningConfig.from_dict(values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PolicyConfig(execute=26), r"execute must be in \[1, chunk = 25\]"),
        (lambda: PolicyConfig(indicator_dropout=1.0), "indicator_dropout"),
        (lambda: PolicyConfig(precision="half"), "precision"),
        (lambda: PolicyConfig(guidance=-1.0), "guidance"),
        (lambda: PolicyConfig(sampling_noise=1.5), r"sampling_noise must be in \[0, 1\]"),
        (lambda: PolicyConfig(stall_weight=1.5), r"stall_weight must be in \[0, 1\]"),
        (lambda: PolicyConfig(passes=0.0), "passes"),
        (lambda: PolicyConfig(passes=float("inf")), "positive and finite"),
        (lambda: ValueConfig(steps=10, check_every=25), "check_every"),
        (lambda: ValueConfig(dropout=1.0), "dropout"),
        (lambda: ValueConfig(folds=0), "folds"),
        (lambda: ValueConfig(precision="half"), "precision"),
        (lambda: PolicyConfig(flow_steps=11), "flow_steps"),
        (lambda: LabelConfig(positive_fraction=40), "positive_fraction"),
        (lambda: LabelConfig(penalty_factor=-1), "penalty_factor"),
        (lambda: LabelConfig(look_ahead=0), "look_ahead"),
        (lambda: LabelConfig(negatives="ignored"), "conditioned, unconditional, dropped"),
        (lambda: LabelConfig(before_rescue="success"), "as_is, failure, down_weighted"),
        (lambda: LabelConfig(rescue_weight=0.5), "no effect"),
        (lambda: LearningConfig(start="scratch"), "pretrained, previous"),
        (
            lambda: LearningConfig(labels=LabelConfig(negatives="dropped"), policy=PolicyConfig(guidance=2.0)),
            r"policy.guidance = 2.0 has no effect with labels.negatives = 'dropped'",
        ),
    ],
)
def test_impossible_options_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_can_be_made_under_its_name(name):
    assert make_method(name).name == name


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="recap, sft"):
        make_method("reinforce")


def test_the_protocols_and_configs_do_not_load_torch():
    code = "import sys, recap_bench.learning, recap_bench.method, recap_bench.policy; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_runs_from_before_fit_batch_keep_theirs():
    values = STANDARD.to_dict()
    values["policy"]["batch"] = 77
    del values["policy"]["fit_batch"]
    assert LearningConfig.from_dict(values).policy.fit_batch == 77


def test_what_only_later_fits_read_does_not_change_the_pretraining():
    later = with_policy(STANDARD, fit_batch=17, fit_learning_rate=1e-4, passes=1.0, stall_weight=0.5)
    assert later.pretraining() == STANDARD.pretraining()
    assert with_policy(STANDARD, batch=17).pretraining() != STANDARD.pretraining()
