from dataclasses import replace

import numpy as np
import pytest
import torch

from recap_bench.baselines.ppo import TRUST_REGION, ProximalObjective, chunk_errors, proximal_loss
from recap_bench.data.episode import ACTOR_POLICY
from recap_bench.errors import ConfigurationError
from recap_bench.learning import load_policy, stages
from recap_bench.learning.flow import POSITIVE, draw_blend
from recap_bench.learning.policy_fit import Batch, PolicyExamples
from recap_bench.learning.training import Schedule, generator, train
from recap_bench.method import make_method
from tests.baselines.conftest import DEMONSTRATIONS
from tests.learning.test_flow import network_of, words
from tests.learning.tiny import context, episode, steps_of

ROLLOUTS = [episode("p" * 40, i % 3 == 0, 1, seed=100 + i) for i in range(10)]
LATER = [episode("p" * 40, i % 3 == 0, 2, seed=200 + i) for i in range(10)]


def batch_of(targets):
    """All of `targets` (n, 1, 1), told that they are positive, without an observation to speak of."""
    n = len(targets)
    condition = (torch.full((n,), POSITIVE), words(n))
    return Batch(torch.arange(n), torch.zeros(n, 2), (targets, torch.ones(n, 1, dtype=torch.bool)), condition)


def test_the_loss_is_least_a_trust_region_away_from_one():
    for advantage in (2.0, -0.5):
        ratios = torch.linspace(0.9, 1.1, 2001, dtype=torch.float64)
        losses = torch.stack([proximal_loss(r[None], torch.tensor([advantage]).double()) for r in ratios])
        assert float(ratios[losses.argmin()]) == pytest.approx(1.0 + np.sign(advantage) * TRUST_REGION, abs=1e-4)


def test_the_loss_of_the_old_policy_is_minus_the_advantage_and_its_slope_the_policy_gradient():
    ratio = torch.ones(3, requires_grad=True)
    advantage = torch.tensor([1.0, -2.0, 0.0])
    loss = proximal_loss(ratio, advantage)
    assert loss.item() == pytest.approx(1 / 3)
    loss.backward()
    torch.testing.assert_close(ratio.grad, -advantage / 3)


def test_likelihoods_move_with_the_advantage_and_stay_in_the_trust_region():
    targets = torch.tensor([1.0, -1.0]).repeat(64).view(-1, 1, 1)
    advantage = targets.flatten().numpy()
    old, network, batch = network_of(), network_of(), batch_of(targets)
    objective, draw = ProximalObjective(old, advantage), generator("cpu", 0, "test")
    schedule = Schedule(200, 1e-3, 0.0, 0.0)
    new, _ = train(network, lambda: objective(network, batch, draw), draw, schedule, lambda step: None)
    blend = draw_blend(targets, draw)
    with torch.no_grad():
        ratio = (chunk_errors(old, batch, blend) - chunk_errors(new, batch, blend)).exp().numpy()
    assert ratio[advantage > 0].mean() > 1.0 + 0.3 * TRUST_REGION
    assert ratio[advantage < 0].mean() < 1.0 - 0.3 * TRUST_REGION
    assert np.abs(ratio - 1.0).mean() < 3 * TRUST_REGION


@pytest.fixture
def fits(monkeypatch):
    """(examples, first weights) of every fit of a policy."""
    seen: list[tuple[PolicyExamples, torch.Tensor]] = []
    fit = stages.fit_policy

    def remember(given, setup, start, *rest):
        seen.append((given, first_weights(start)))
        return fit(given, setup, start, *rest)

    monkeypatch.setattr(stages, "fit_policy", remember)
    return seen


def first_weights(policy):
    return policy.network.state_dict()["trunk.inputs.weight"].clone()


def test_ppo_learns_from_its_last_rollouts_and_goes_on_from_the_policy_that_made_them(pretrained, tmp_path, fits):
    episodes, previous = list(DEMONSTRATIONS), None
    for iteration, more in enumerate(([], ROLLOUTS, LATER)):
        episodes += more
        steps = steps_of(*episodes)
        folder = tmp_path / str(iteration)
        given = replace(context(steps, folder, iteration, pretrained), previous=previous)
        result = make_method("ppo").fit(given)
        examples, start = fits[-1]
        assert torch.equal(start, first_weights(load_policy((previous or pretrained) / "policy")))
        assert load_policy(result.policy).condition == "positive"
        if iteration:
            acted = (steps.actor == ACTOR_POLICY) & (steps.iteration == iteration)[steps.episode]
            assert ((examples.weight > 0) == acted).all()
            assert result.variants == {}
            assert result.diagnostics["dropped_share"] == 0.0  # it never runs without its indicator
            with pytest.raises(ConfigurationError, match="no unconditional branch"):
                load_policy(result.policy, guidance=2.0)
        previous = folder
