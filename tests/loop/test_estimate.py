from dataclasses import replace

import pytest

from recap_bench.config import PRESETS
from recap_bench.learning.config import LearningConfig, PolicyConfig, ValueConfig
from recap_bench.loop import estimate, plan
from recap_bench.loop.estimate import Pace, estimate_s, measure, phase_s
from recap_bench.loop.plan import Phase
from recap_bench.method import make_method
from tests.loop.toy_method import TOY_PARTS, toy_config
from tests.toy_env import SPEC

PACE = Pace(
    control_step_s=0.001,
    demonstration_steps=1000,
    limit_steps=1500,
    inference_s=0.001,
    value_step_s=0.01,
    pretrain_step_s=0.2,
    fit_step_s=0.1,
)
CONFIG = replace(
    PRESETS["quick"],
    demonstrations=10,
    rollouts_per_iteration=10,
    corrected_share=0.3,
    evaluation_episodes=20,
    check_episodes=5,
    learning=LearningConfig(
        value=ValueConfig(folds=2, steps=100), policy=PolicyConfig(pretrain_steps=30, fit_batch=100, passes=0.5)
    ),
)


@pytest.mark.parametrize(
    ("iteration", "name", "seconds"),
    [
        (0, plan.DEMONSTRATIONS, 0.0),
        (0, plan.PRETRAIN, 2 * 100 * 0.01 + 30 * 0.2),
        (0, plan.FIT, 0.5 * 10 * 1000 / 100 * 0.1),
        (1, plan.FIT, 2 * 100 * 0.01 + 0.5 * 10 * (1000 + 1500) / 100 * 0.1),
        (1, plan.AUTONOMOUS, 7 * 1500 * 0.002),
        (1, plan.CORRECTED, 3 * 1500 * 0.002),
        (1, plan.EVALUATION, 20 * 1500 * 0.002),
        (1, plan.CHECK, 4 * 5 * 1500 * 0.002),
    ],
)
def test_a_phase_takes_its_steps_at_the_measured_pace(iteration: int, name: str, seconds: float) -> None:
    assert phase_s(CONFIG, Phase("Espresso-v0", 0, "recap", iteration, name), PACE) == pytest.approx(seconds)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_phase_of_a_preset_has_an_estimate(preset: str) -> None:
    config = PRESETS[preset]
    phases = plan.make_plan(config, [make_method(name) for name in config.methods])
    seconds = estimate_s(config, phases, dict.fromkeys(config.tasks, PACE))
    assert len(seconds) == len(phases)
    linked = [phase.name == plan.DEMONSTRATIONS and phase.method == plan.FOUNDATION for phase in phases]
    assert all((value == 0) == free for value, free in zip(seconds, linked, strict=True))


def test_demonstrations_are_collected_in_the_pretraining() -> None:
    assert phase_s(CONFIG, plan.demonstrations_of("Espresso-v0"), PACE) == pytest.approx(10 * 1000 * 0.001)


@pytest.mark.parametrize(("chosen", "measured"), [(None, "turned"), ("begun", "begun")])
def test_demonstrations_are_measured_where_they_will_start(tmp_path, chosen: str | None, measured: str) -> None:
    starts = []

    def make_env(config, task, dumps):
        starts.append(config.start)
        return TOY_PARTS.make_env(config, task, dumps)

    config = toy_config(tmp_path / "toy", tasks=("LaundryStrictTshirt-v0",), start=chosen)
    measure(config, "LaundryStrictTshirt-v0", replace(TOY_PARTS, make_env=make_env))
    assert starts == [measured]


def test_the_pace_is_measured_on_the_simulations_and_leaves_no_file(tmp_path) -> None:
    made = []

    def make_env(config, task, dumps):
        made.append(TOY_PARTS.make_env(config, task, dumps))
        return made[-1]

    pace = measure(toy_config(tmp_path / "toy"), "Espresso-v0", replace(TOY_PARTS, make_env=make_env))
    assert made[0].num_envs == estimate.EPISODES
    assert pace.limit_steps == SPEC.max_episode_steps
    assert 20 < pace.demonstration_steps < SPEC.max_episode_steps
    assert 0 < pace.control_step_s < 0.1
    assert 0 < pace.inference_s < 0.1
    assert not list(tmp_path.iterdir())
