import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning import load_policy as load_policy_of_any
from recap_bench.learning.chunk_policy import FlowPolicy, PolicySpec, Use, build_flow_network
from recap_bench.learning.config import PolicyConfig
from recap_bench.learning.normalisation import Statistics
from recap_bench.learning.tasks import Repertoire, TaskFacts
from recap_bench.learning.training import isolated_rng
from tests.learning.tiny import rngs

REPERTOIRE = Repertoire.of(
    {
        "Stack-v0": TaskFacts(100, ("stack", "stack the blocks"), ("block", "table")),
        "Fold-v0": TaskFacts(100, ("fold", "fold the towel"), ("table", "towel")),
    }
)
"""Two tasks with one entry of the observation in common."""

CONDITIONS = ("positive", "none", "negative")


def make_policy(conditions=CONDITIONS, **changes):
    config = PolicyConfig(width=32, blocks=1, chunk=4, execute=2, **changes)
    spec = PolicySpec(config, REPERTOIRE, conditions)
    statistics = Statistics(torch.zeros(6), torch.ones(6), torch.zeros(4, 3), torch.full((4, 3), 0.1))
    with isolated_rng(0):
        network = build_flow_network(spec, statistics)
        for weight in network.parameters():
            torch.nn.init.normal_(weight, std=0.3)
    return FlowPolicy(network, statistics, spec, Use(task="Stack-v0"))


def load_policy(folder, **how):
    return load_policy_of_any(folder, task="Stack-v0", **how)


def observation(count=6, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "agent_pos": rng.normal(size=(count, 3)).astype(np.float32),
        "environment_state": rng.normal(size=(count, 2)).astype(np.float32),
    }


@pytest.fixture
def folder(tmp_path):
    make_policy().save(tmp_path / "policy")
    return tmp_path / "policy"


def test_act_returns_float32_chunks_for_every_row():
    chunks = make_policy().act(observation(), ["stack"] * 6, rngs(6))
    assert chunks.shape == (6, 4, 3)
    assert chunks.dtype == np.float32
    assert np.isfinite(chunks).all()


def test_targets_are_absolute():
    policy = make_policy()
    policy.statistics = replace(policy.statistics, chunk_std=torch.zeros(4, 3))
    seen = observation()
    np.testing.assert_allclose(policy.act(seen, ["stack"] * 6, rngs(6)), np.repeat(seen["agent_pos"][:, None], 4, 1))


def test_a_row_depends_only_on_its_own_inputs():
    policy, seen = make_policy(), observation()
    together = policy.act(seen, ["stack", "fold"] * 3, rngs(6))
    for i, text in enumerate(["stack", "fold"] * 3):
        alone = policy.act({name: array[i : i + 1] for name, array in seen.items()}, [text], [rngs(6)[i]])
        np.testing.assert_allclose(alone[0], together[i], atol=1e-5)


def test_a_row_depends_on_its_instruction_and_on_its_noise():
    policy, seen = make_policy(), observation()
    first = policy.act(seen, ["stack"] * 6, rngs(6))
    assert not np.allclose(first, policy.act(seen, ["fold"] * 6, rngs(6)))
    assert not np.allclose(first, policy.act(seen, ["stack"] * 6, rngs(6, seed=1)))


def test_an_instruction_without_a_known_word_is_refused_with_known_ones():
    with pytest.raises(ConfigurationError, match="blocks, fold, stack"):
        make_policy().act(observation(1), ["juggle"], rngs(1))


def test_case_punctuation_and_new_words_do_not_stop_an_instruction():
    policy, seen = make_policy(), observation(1)
    chunks = [policy.act(seen, [text], rngs(1)) for text in ("fold the towel", "Fold the towel!", "fold that towel")]
    np.testing.assert_array_equal(chunks[0], chunks[1])
    assert not np.allclose(chunks[0], chunks[2])


def test_a_policy_of_several_tasks_has_to_be_told_which(folder):
    with pytest.raises(ConfigurationError, match="Stack-v0, Fold-v0"):
        load_policy_of_any(folder)
    with pytest.raises(ConfigurationError, match="not trained on 'Juggle-v0'"):
        load_policy_of_any(folder, task="Juggle-v0")


def test_an_observation_goes_to_the_inputs_of_its_names(folder):
    """'table' is the second entry of one task and the first of the other: the same number in it means the same."""
    seen = observation(3)
    stack, fold = (load_policy_of_any(folder, task=task) for task in ("Stack-v0", "Fold-v0"))
    zero_block, zero_towel = seen["environment_state"].copy(), seen["environment_state"][:, ::-1].copy()
    zero_block[:, 0], zero_towel[:, 1] = 0.0, 0.0
    first = stack.act({**seen, "environment_state": zero_block}, ["fold"] * 3, rngs(3))
    second = fold.act({**seen, "environment_state": zero_towel}, ["fold"] * 3, rngs(3))
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_saved_policy_acts_the_same(folder):
    seen = observation()
    expected = make_policy().act(seen, ["stack"] * 6, rngs(6))
    np.testing.assert_array_equal(load_policy(folder).act(seen, ["stack"] * 6, rngs(6)), expected)


def test_a_policy_with_options_of_another_version_is_refused(folder):
    values = json.loads((folder / "config.json").read_text())
    values["policy"]["sft_steps"] = 10000
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="this version lacks: sft_steps"):
        load_policy(folder)


def test_guidance_is_saved_with_the_checkpoint_and_used_by_the_same_act(tmp_path):
    make_policy(guidance=2.0).save(tmp_path / "policy")
    guided, plain = load_policy(tmp_path / "policy"), load_policy(tmp_path / "policy", guidance=1.0)
    assert (guided.guidance, plain.guidance) == (2.0, 1.0)
    seen = observation()
    assert not np.allclose(guided.act(seen, ["stack"] * 6, rngs(6)), plain.act(seen, ["stack"] * 6, rngs(6)))


def test_the_noise_of_sampling_is_saved_with_the_checkpoint_and_may_be_chosen_at_loading(tmp_path):
    make_policy(sampling_noise=0.25).save(tmp_path / "policy")
    seen, spread = observation(1), []
    for noise in (0.0, None, 1.0):
        policy = load_policy(tmp_path / "policy", sampling_noise=noise)
        chunks = np.concatenate([policy.act(seen, ["stack"], [np.random.default_rng(seed)]) for seed in range(50)])
        spread.append(chunks.std(axis=0).mean())
    assert spread[0] < 1e-6 < 2 * spread[1] < spread[2]
    with pytest.raises(ConfigurationError, match=r"sampling_noise must be in \[0, 1\], received 2.0"):
        load_policy(tmp_path / "policy", sampling_noise=2.0)


def test_a_checkpoint_that_does_not_say_its_noise_draws_from_the_whole_distribution(folder):
    values = json.loads((folder / "config.json").read_text())
    del values["policy"]["sampling_noise"]
    (folder / "config.json").write_text(json.dumps(values))
    assert load_policy(folder).sampling_noise == 1.0


def test_conditions_are_chosen_at_loading(folder):
    seen = observation()
    chunks = [load_policy(folder, condition=name).act(seen, ["stack"] * 6, rngs(6)) for name in CONDITIONS]
    assert not np.allclose(chunks[0], chunks[1])
    assert not np.allclose(chunks[0], chunks[2])
    assert load_policy(folder).condition == "positive"


def test_other_conditions_of_a_guided_checkpoint_are_not_guided(tmp_path):
    make_policy(guidance=2.0).save(tmp_path / "policy")
    for name in ("none", "negative"):
        assert load_policy(tmp_path / "policy", condition=name).guidance == 1.0


def test_guidance_without_the_indicator_has_no_effect_and_is_refused(folder):
    with pytest.raises(ConfigurationError, match="no effect on condition 'none'"):
        load_policy(folder, condition="none", guidance=2.0)


def test_guidance_without_unconditional_training_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="indicator_dropout is 0"):
        PolicyConfig(guidance=2.0, indicator_dropout=0.0)
    make_policy(("positive", "negative"), indicator_dropout=0.0).save(tmp_path / "policy")
    with pytest.raises(ConfigurationError, match="indicator_dropout is 0"):
        load_policy(tmp_path / "policy", guidance=2.0)


def test_a_condition_that_was_not_trained_is_refused(tmp_path):
    make_policy(("none",)).save(tmp_path / "policy")
    assert load_policy(tmp_path / "policy").condition == "none"
    with pytest.raises(ConfigurationError, match="not trained with condition 'positive'"):
        load_policy(tmp_path / "policy", condition="positive")


@pytest.mark.parametrize("name", ["weights.safetensors", "config.json"])
def test_a_missing_or_damaged_file_is_named(folder, name):
    file = folder / name
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="is damaged"):
        load_policy(folder)
    file.unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        load_policy(folder)


def test_a_checkpoint_of_another_kind_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "kind": "value"}))
    with pytest.raises(DataError, match="wanted 'policy'"):
        load_policy(folder)


def test_saving_again_replaces_the_checkpoint_and_leaves_nothing_else(folder):
    make_policy(guidance=2.0).save(folder)
    assert load_policy(folder).guidance == 2.0
    assert [path.name for path in folder.parent.iterdir()] == ["policy"]
