import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from recap_bench.data.steps import concatenate, from_episodes
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.learning import load_policy
from recap_bench.learning.chunk_policy import FlowPolicy
from recap_bench.learning.recap import Recap
from recap_bench.learning.stages import pretrain
from tests.learning.tiny import TINY, context, episode, rngs, steps_of, with_policy
from tests.learning.toy_task import INSTRUCTION, STATE_NAMES, demonstrations, run


@pytest.fixture(scope="module")
def demos():
    return demonstrations(16)


@pytest.fixture(scope="module")
def pretrained(demos, tmp_path_factory):
    return pretrain(context(demos, tmp_path_factory.mktemp("pretrained")))


@pytest.fixture(scope="module")
def everything(demos, pretrained):
    """Demonstrations and one iteration of autonomous and corrected rollouts."""
    policy = load_policy(pretrained / "policy")
    autonomous = run(np.arange(6) + 500, policy, 1)[0]
    corrected = run(np.arange(6) + 600, policy, 1, corrected_after=20)[0]
    return concatenate([demos, from_episodes(autonomous + corrected, STATE_NAMES)])


@pytest.fixture(scope="module")
def fitted(everything, pretrained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("iteration")
    return folder, Recap().fit(context(everything, folder, 1, pretrained))


def weights(folder):
    return load_file(folder / "weights.safetensors")


def test_one_iteration_leaves_policy_value_labels_and_diagnostics(fitted):
    folder, result = fitted
    assert {path.name for path in folder.iterdir()} == {
        "policy",
        "value",
        "labels.npz",
        "diagnostics.json",
    }
    saved = json.loads((folder / "diagnostics.json").read_text())
    assert saved["positive_share_reference"] == pytest.approx(0.4, abs=0.01)
    assert saved["dropped_share"] == pytest.approx(0.3, abs=0.1)
    assert saved["bins_per_second"]
    assert saved["indicator_gain_ci95"][0] <= saved["indicator_gain"] <= saved["indicator_gain_ci95"][1]
    assert result.diagnostics["rank_correlation"] is not None


def test_variants_open_the_same_checkpoint_otherwise(fitted):
    _, result = fitted
    assert list(result.variants) == ["none", "negative", "guided"]
    for name, overrides in result.variants.items():
        policy = load_policy(result.policy, **overrides)
        expected = ("positive", 2.0) if name == "guided" else (name, 1.0)
        assert (policy.condition, policy.guidance) == expected


def test_two_fits_with_one_seed_give_the_same_weights(fitted, everything, pretrained, tmp_path):
    folder, result = fitted
    torch.manual_seed(123)
    again = Recap().fit(context(everything, tmp_path, 1, pretrained))
    for name, tensor in weights(result.policy).items():
        assert torch.equal(tensor, weights(again.policy)[name]), name
    np.testing.assert_array_equal(np.load(folder / "labels.npz")["values"], np.load(tmp_path / "labels.npz")["values"])


def test_sft_learns_from_demonstrations_only(demos, everything, pretrained, tmp_path):
    """Rollouts that are in the store already must not reach the shared starting policy."""
    alone = Recap().fit(context(demos, tmp_path / "a", 0, pretrained))
    among = Recap().fit(context(everything, tmp_path / "b", 0, pretrained))
    for name, tensor in weights(alone.policy).items():
        assert torch.equal(tensor, weights(among.policy)[name]), name


def test_sft_leaves_failed_demonstrations_out(tmp_path):
    """Operators who run out of time hover; a policy that imitates it hovers, too."""
    good, bad = (
        steps_of(*(episode("d" * 30, success, seed=seed) for seed in seeds))
        for success, seeds in ((True, range(4)), (False, range(4, 8)))
    )
    both = concatenate([good, bad])
    pretrained = pretrain(context(both, tmp_path / "pretrained"))
    with pytest.raises(DataError, match="No demonstration succeeded"):
        Recap().fit(context(bad, tmp_path / "bad", 0, pretrained))
    imitating = with_policy(TINY, sft_failures=True)
    fits = (("a", good, TINY), ("b", both, TINY), ("c", both, imitating))
    alone, among, imitated = (
        weights(Recap().fit(context(steps, tmp_path / name, 0, pretrained, config)).policy)
        for name, steps, config in fits
    )
    assert all(torch.equal(tensor, among[name]) for name, tensor in alone.items())
    assert not all(torch.equal(tensor, imitated[name]) for name, tensor in alone.items())


def test_fits_go_through_their_data_equally_often(demos, everything, pretrained, tmp_path):
    """With a fixed number of gradient steps, RECAP looked worse than SFT for no other reason than its larger data."""
    config = with_policy(TINY, passes=2.0, fit_batch=32)
    imitated = int(demos.success[demos.episode].sum())
    for name, steps, iteration, count in (("sft", demos, 0, imitated), ("recap", everything, 1, everything.num_steps)):
        result = Recap().fit(context(steps, tmp_path / name, iteration, pretrained, config))
        last_step, _ = result.diagnostics["policy_loss_history"][-1]
        assert last_step == round(2.0 * count / config.policy.fit_batch), name


def test_sft_does_not_train_the_negative_indicator(demos, pretrained, tmp_path):
    result = Recap().fit(context(demos, tmp_path, 0, pretrained))
    assert list(result.variants) == ["none"]
    with pytest.raises(ConfigurationError, match="not trained with condition 'negative'"):
        load_policy(result.policy, condition="negative")


def test_statistics_are_those_of_the_pretraining(fitted, pretrained):
    before, after = weights(pretrained / "policy"), weights(fitted[1].policy)
    for name in before:
        if name.startswith("statistics."):
            assert torch.equal(before[name], after[name])


def test_every_iteration_restarts_from_the_pretrained_policy(fitted, everything, pretrained, tmp_path):
    """A fit of one vanishing step returns the pre-trained weights, whatever earlier iterations did."""
    config = with_policy(TINY, passes=1e-9, fit_learning_rate=1e-12, weight_decay=0.0)
    settings = context(everything, tmp_path, 1, pretrained, config)
    result = Recap().fit(replace(settings, previous=fitted[0]))
    start = FlowPolicy.load(pretrained / "policy").network.state_dict()
    for name, tensor in FlowPolicy.load(result.policy).network.state_dict().items():
        torch.testing.assert_close(tensor, start[name], atol=1e-6, rtol=0)


def test_guidance_of_the_config_is_saved_with_the_policy(everything, pretrained, tmp_path):
    config = with_policy(TINY, guidance=2.0)
    result = Recap().fit(context(everything, tmp_path, 1, pretrained, config))
    assert load_policy(result.policy).guidance == 2.0


def test_without_drop_out_there_is_no_unconditional_variant(everything, demos, tmp_path):
    config = with_policy(TINY, indicator_dropout=0.0)
    pretrained = pretrain(context(demos, tmp_path / "pre", config=config))
    result = Recap().fit(context(everything, tmp_path / "fit", 1, pretrained, config))
    assert list(result.variants) == ["negative"]


def test_another_network_size_than_that_of_the_pretraining_is_refused(everything, pretrained, tmp_path):
    config = with_policy(TINY, width=48)
    with pytest.raises(ConfigurationError, match="width = 32, not 48"):
        Recap().fit(context(everything, tmp_path, 1, pretrained, config))


def test_a_fit_without_pretraining_is_refused(everything, tmp_path):
    with pytest.raises(ConfigurationError, match="pretrained is None"):
        Recap().fit(context(everything, tmp_path, 1))


def test_a_task_without_instruction_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="No instruction for task Other-v0"):
        pretrain(context(steps_of(episode("dd", True, task="Other-v0")), tmp_path))


def test_progress_is_reported_to_the_end(demos, tmp_path):
    seen = []
    settings = context(demos, tmp_path)
    pretrain(type(settings)(**{**vars(settings), "report": lambda *args: seen.append(args)}))
    assert seen[0] == ("value", 1, 2)
    assert seen[-1] == ("policy", 15, 15)


def test_the_policy_imitates_a_plain_motion_in_seconds(tmp_path):
    """Operators who always close the jaw by one unit per step: the chunk must count up from the joint positions."""
    steps = steps_of(*(episode("d" * 30, i % 2 == 0, seed=i) for i in range(8)))
    config = with_policy(TINY, pretrain_steps=150, passes=80, learning_rate=3e-3, fit_learning_rate=3e-3)
    pretrained = pretrain(context(steps, tmp_path / "pre", config=config))
    policy = load_policy(Recap().fit(context(steps, tmp_path / "sft", 0, pretrained, config)).policy)
    seen = {"agent_pos": np.full((4, 3), 10.0, np.float32), "environment_state": np.zeros((4, 2), np.float32)}
    chunks = policy.act(seen, [INSTRUCTION] * 4, rngs(4))
    np.testing.assert_allclose(chunks[:, :, 0], np.tile(np.arange(11.0, 17.0), (4, 1)), atol=1.0)


def test_compiling_without_a_compiler_is_refused(demos, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"needs a C\+\+ compiler"):
        pretrain(context(demos, tmp_path, config=with_policy(TINY, compile=True)))


@pytest.mark.slow
def test_a_compiled_fit_learns_the_same(demos, tmp_path):
    histories = []
    for name, wanted in (("plain", False), ("compiled", True)):
        folder = pretrain(context(demos, tmp_path / name, config=with_policy(TINY, compile=wanted)))
        histories.append(json.loads((folder / "diagnostics.json").read_text())["policy_loss"])
    assert histories[0] == pytest.approx(histories[1], rel=0.02)
