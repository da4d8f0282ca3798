"""What the options of labels and fits do to what the policy is fitted on, and from where."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from recap_bench.data.steps import StepData
from recap_bench.learning import load_policy, stages
from recap_bench.learning.chunk_policy import FlowPolicy, PolicySpec
from recap_bench.learning.config import PolicyConfig
from recap_bench.learning.flow import NEGATIVE, NONE, POSITIVE
from recap_bench.learning.frames import frames_of
from recap_bench.learning.labels import Labels, before_rescue, stalled
from recap_bench.learning.normalisation import measure
from recap_bench.learning.policy_fit import PolicyExamples, PolicySetup, fit_policy, imitation
from recap_bench.learning.recap import Recap
from recap_bench.learning.stages import Fitting, Relabelling, pretrain
from recap_bench.learning.tasks import Repertoire, TaskFacts
from recap_bench.learning.value import ValueFunction
from recap_bench.method import ITERATING, FitContext, make_method
from tests.learning.tiny import PHRASINGS, TASK, TINY, context, episode, standing, steps_of, with_labels, with_policy

DEMONSTRATIONS = [episode("d" * 40, i % 2 == 0, seed=i) for i in range(10)]
ROLLOUTS = [episode("p" * 30 + "c" * (10 if i > 6 else 0), i % 3 == 0, 1, seed=100 + i) for i in range(10)]
STEPS = steps_of(*DEMONSTRATIONS, *ROLLOUTS)


@dataclass(frozen=True)
class Fit:
    """What a fit of the policy was given."""

    examples: PolicyExamples
    setup: PolicySetup
    start: FlowPolicy


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    return pretrain(context(steps_of(*DEMONSTRATIONS), tmp_path_factory.mktemp("pretrained")))


@pytest.fixture(scope="module")
def earlier(pretrained, tmp_path_factory):
    """The folder of a fit of RECAP's first iteration."""
    folder = tmp_path_factory.mktemp("earlier")
    Recap().fit(context(STEPS, folder, 1, pretrained))
    return folder


@pytest.fixture
def fits(monkeypatch):
    """Every fit of a policy, in order; they are done as usual."""
    seen: list[Fit] = []
    fit = stages.fit_policy

    def remember(examples, setup, start, *rest):
        seen.append(Fit(examples, setup, start))
        return fit(examples, setup, start, *rest)

    monkeypatch.setattr(stages, "fit_policy", remember)
    return seen


def every_other(steps: StepData) -> Relabelling:
    """Return labels that are positive on every other step."""
    nothing, numbers = np.zeros(steps.num_steps, bool), np.zeros(steps.num_steps)
    labels = Labels(numbers, numbers, numbers, {}, np.arange(steps.num_steps) % 2 == 0, nothing)
    return Relabelling(labels, {}, (), numbers)


def conditioned(settings: FitContext):
    """Fit the policy on labels of every other step."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    return Fitting(settings).conditioned(every_other(settings.steps))


@pytest.mark.parametrize(
    ("negatives", "told", "weight", "conditions", "variants"),
    [
        ("conditioned", NEGATIVE, 1.0, ("positive", "none", "negative"), ["none", "negative", "guided"]),
        ("unconditional", NONE, 1.0, ("positive", "none"), ["none", "guided"]),
        ("dropped", NEGATIVE, 0.0, ("positive", "none"), ["none"]),
    ],
)
def test_negative_steps_are_learned_as_configured(
    pretrained, tmp_path, fits, negatives, told, weight, conditions, variants
):
    result = conditioned(context(STEPS, tmp_path, 1, pretrained, with_labels(TINY, negatives=negatives)))
    examples, positive = fits[-1].examples, np.arange(STEPS.num_steps) % 2 == 0
    assert (examples.indicator[positive] == POSITIVE).all()
    assert (examples.weight[positive] == 1.0).all()
    drawn = examples.indicator[~positive][examples.weight[~positive] > 0]
    assert (drawn == told).all()
    assert (examples.weight[~positive] == weight).all()
    assert fits[-1].setup.spec.conditions == conditions
    assert list(result.variants) == variants


@pytest.mark.parametrize("negatives", ["conditioned", "unconditional", "dropped"])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_every_variant_of_a_policy_can_be_opened(tmp_path, negatives, dropout):
    """'guided' is none of them without drop-out, which is what trains the branch that guidance starts from."""
    config = with_labels(with_policy(TINY, indicator_dropout=dropout, pretrain_steps=1), negatives=negatives)
    pretrained = pretrain(context(steps_of(*DEMONSTRATIONS), tmp_path / "pre", config=config))
    result = conditioned(context(STEPS, tmp_path / "fit", 1, pretrained, config))
    for overrides in result.variants.values():
        load_policy(result.policy, **overrides)
    assert ("guided" in result.variants) == (dropout > 0 and negatives != "dropped")


@pytest.mark.parametrize("name", ["recap", "awr"])
def test_what_precedes_a_rescue_weighs_less_where_configured(name, pretrained, tmp_path, fits):
    for before in ("as_is", "down_weighted"):
        settings = context(STEPS, tmp_path / before, 1, pretrained, with_labels(TINY, before_rescue=before))
        make_method(name).fit(settings)
    usual, lighter = (fit.examples.weight for fit in fits)
    rescued = before_rescue(STEPS)
    assert rescued.sum() == 3 * 30
    np.testing.assert_allclose(lighter[rescued], TINY.labels.rescue_weight * usual[rescued])
    assert (lighter[~rescued] == usual[~rescued]).all()


@pytest.fixture
def value_starts(monkeypatch):
    """The value function that every fit of one started from; they are done as usual."""
    seen: list[ValueFunction] = []
    fit = stages.fit_value

    def remember(examples, setup, start, report):
        seen.append(start)
        return fit(examples, setup, start, report)

    monkeypatch.setattr(stages, "fit_value", remember)
    return seen


@pytest.mark.parametrize("start", ["pretrained", "previous"])
def test_a_later_iteration_starts_where_configured(start, pretrained, earlier, tmp_path, fits, value_starts):
    """From the pre-trained networks (paper), whatever earlier iterations did, or from those of the iteration before."""
    wanted = {"pretrained": pretrained, "previous": earlier}[start]
    config = replace(TINY, start=start)
    Recap().fit(replace(context(STEPS, tmp_path, 2, pretrained, config), previous=earlier, steps=later_steps()))
    assert same(fits[-1].start.network, FlowPolicy.load(wanted / "policy").network)
    found = ValueFunction.load(wanted / "value").members
    assert all(same(member, other) for member, other in zip(value_starts[-1].members, found, strict=True))
    others = FlowPolicy.load(pretrained / "policy").network, FlowPolicy.load(earlier / "policy").network
    assert not same(*others)


def later_steps() -> StepData:
    return steps_of(*DEMONSTRATIONS, *ROLLOUTS, *(episode("p" * 30, i % 2 == 0, 2, seed=200 + i) for i in range(6)))


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    found = other.state_dict()
    return all(torch.equal(tensor, found[name]) for name, tensor in one.state_dict().items())


def small_fit(config: PolicyConfig, steps: StepData, objective=imitation, conditions=("positive", "none")):
    repertoire = Repertoire.of({TASK: TaskFacts(100, PHRASINGS, steps.state_names)})
    frames = frames_of(steps, repertoire, "cpu")
    spec = PolicySpec(config, repertoire, conditions)
    setup = PolicySetup(spec, measure(frames, config.chunk), 40, 64, 2e-3, 0, "test")
    examples = PolicyExamples(frames, np.full(steps.num_steps, POSITIVE), np.ones(steps.num_steps))
    return fit_policy(examples, setup, None, lambda *progress: None, objective), frames


@pytest.mark.parametrize("idle_weight", [0.25, 1.0])
def test_steps_of_standing_still_are_drawn_by_their_weight(idle_weight):
    waiting = episode("d" * 60, True, seed=1)
    waiting.agent_pos[:] = waiting.agent_pos[0]
    drawn: list[torch.Tensor] = []

    def remember(network, batch, draw):
        drawn.append(batch.rows)
        return imitation(network, batch, draw)

    config = replace(TINY.policy, idle_weight=idle_weight)
    _, frames = small_fit(config, steps_of(episode("d" * 60, True), waiting), remember)
    idle = frames.idle(config.execute)
    still, moving = float(idle.sum()), float((~idle).sum())
    assert still >= 60
    share = idle_weight * still / (idle_weight * still + moving)
    assert float(idle[torch.cat(drawn)].float().mean()) == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize("name", sorted(ITERATING))
def test_steps_that_get_nowhere_weigh_less_for_all_that_imitate(name, pretrained, earlier, tmp_path, fits):
    rollouts = [standing(episode("p" * 30, i % 2 == 0, 1, seed=100 + i), 10, 20) for i in range(10)]
    steps = steps_of(*DEMONSTRATIONS, *rollouts)
    for weight in (1.0, 0.5, 0.0):
        config = with_policy(TINY, stall_weight=weight)
        given = context(steps, tmp_path / str(weight), 1, pretrained, config)
        result = make_method(name).fit(replace(given, previous=earlier))
    assert result.diagnostics["stalled_share_by"]["rollout/failure"] == pytest.approx(8 / 30)
    full, half, none = (fit.examples.weight for fit in fits)
    nowhere = stalled(steps, TINY.policy.execute)
    assert nowhere.sum() == 10 * 8
    assert (half[~nowhere] == full[~nowhere]).all()
    assert full[nowhere].any()
    factors = (1.0, 1.0) if name == "ppo" else (0.5, 0.0)
    np.testing.assert_array_equal([half[nowhere], none[nowhere]], np.outer(factors, full[nowhere]))


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_policy_has_the_averaged_weights_and_without_decay_the_last_ones(ema):
    networks = []

    def remember(network, batch, draw):
        networks.append(network)
        return imitation(network, batch, draw)

    fit, _ = small_fit(replace(TINY.policy, ema=ema), steps_of(*DEMONSTRATIONS), remember)
    assert same(fit.policy.network, networks[-1]) == (ema == 0.0)


@pytest.mark.parametrize(("conditions", "share"), [(("positive", "none"), 0.3), (("positive", "negative"), 0.0)])
def test_indicators_are_dropped_only_where_policies_run_without(conditions, share):
    fit, _ = small_fit(TINY.policy, steps_of(*DEMONSTRATIONS), conditions=conditions)
    assert fit.dropped_share == pytest.approx(share, abs=0.03)
