import numpy as np
import pytest

from recap_bench.errors import ConfigurationError
from recap_bench.loop.intervention import FALSE_ALARM, HAZARD, NO_PROGRESS, GateConfig, InterventionGate, Scene

HZ = 50
PATIENCE_S = 3.0
ATTENTIVE = {"miss_probability": 0.0, "false_alarm_rate_hz": 0.0, "reaction_delay_s": 0.0}


class Operator:
    """One gate over n simulations whose scene is set by attributes."""

    def __init__(self, n: int = 1, total_budget_s: float | None = None, **options) -> None:
        self.gate = InterventionGate(GateConfig(**{**ATTENTIVE, **options}), n, HZ, PATIENCE_S, total_budget_s)
        self.ids = np.arange(n)
        self.progress, self.hazard, self.stages = np.zeros(n), np.zeros(n, bool), np.zeros(n, int)
        self.history: list[np.ndarray] = []
        for slot in self.ids:
            self.gate.begin(slot, np.random.default_rng(slot))

    def watch(self, steps: int) -> "Operator":
        for _ in range(steps):
            hazards = {"spill": self.hazard.copy(), "calm": np.zeros(len(self.ids), bool)}
            self.gate.update(self.ids, Scene(self.progress[:, None].copy(), hazards, self.stages.copy()))
            self.history.append(self.gate.correcting.copy())
        return self

    @property
    def corrected(self) -> list[bool]:
        return [bool(step[0]) for step in self.history]


def test_no_progress_is_noticed_after_its_time():
    operator = Operator(no_progress_s=0.5).watch(40)
    assert operator.corrected.index(True) == 25
    assert operator.gate.reason[0] == NO_PROGRESS


def test_a_gate_that_says_nothing_of_it_has_the_patience_of_the_task():
    operator = Operator().watch(200)
    assert operator.corrected.index(True) == round(PATIENCE_S * HZ)
    assert operator.gate.reason[0] == NO_PROGRESS


def test_creeping_below_delta_is_no_progress_but_rising_by_delta_is():
    creeping, rising = Operator(no_progress_s=0.5, progress_delta=0.1), Operator(no_progress_s=0.5, progress_delta=0.1)
    for _ in range(60):
        creeping.progress += 0.001
        rising.progress += 0.005
        creeping.watch(1)
        rising.watch(1)
    assert any(creeping.corrected)
    assert not any(rising.corrected)


def test_reaction_is_delayed():
    operator = Operator(reaction_delay_s=0.2).watch(5)
    operator.hazard[:] = True
    operator.watch(15)
    assert operator.corrected.index(True) == 5 + 10
    assert operator.gate.reason[0] == HAZARD


def test_an_alarm_shorter_than_the_reaction_is_forgotten():
    operator = Operator(reaction_delay_s=0.2)
    operator.hazard[:] = True
    operator.watch(9)
    operator.hazard[:] = False
    operator.watch(30)
    assert not any(operator.corrected)


def test_misses_have_their_probability():
    operator = Operator(n=2000, miss_probability=0.3)
    operator.hazard[:] = True
    operator.watch(20)
    assert 0.66 < np.mean(operator.history[-1]) < 0.74


def test_a_missed_stall_gets_another_look():
    operator = Operator(n=500, miss_probability=0.5, no_progress_s=0.5, max_correction_s=100.0).watch(200)
    first, later = operator.history[30].mean(), operator.history[-1].mean()
    assert 0.4 < first < 0.6
    assert later > 0.95


def test_control_returns_after_the_next_stage():
    operator = Operator()
    operator.hazard[:] = True
    operator.watch(10)
    operator.hazard[:] = False
    operator.watch(5)
    assert operator.corrected[-1]
    operator.stages[:] = 1
    operator.watch(1)
    assert not operator.corrected[-1]
    assert operator.gate.reason[0] == 0


def test_control_does_not_return_into_a_hazard():
    operator = Operator()
    operator.hazard[:] = True
    operator.watch(5)
    operator.stages[:] = 1
    operator.watch(5)
    assert operator.corrected[-1]


def test_control_returns_after_the_longest_correction():
    operator = Operator(no_progress_s=0.5, max_correction_s=0.4).watch(60)
    assert operator.corrected == [False] * 25 + [True] * 20 + [False] * 15


def test_the_episode_budget_is_kept_exactly_and_renewed_by_a_new_episode():
    operator = Operator(episode_budget_s=0.3)
    operator.hazard[:] = True
    operator.watch(100)
    assert sum(operator.corrected) == 15
    operator.gate.begin(0, np.random.default_rng(0))
    operator.watch(100)
    assert sum(operator.corrected) == 30


def test_the_total_budget_is_shared_by_all_episodes():
    operator = Operator(n=4, total_budget_s=1.0)
    operator.hazard[:] = True
    operator.watch(200)
    assert operator.gate.spent_steps == np.sum(operator.history)
    assert 50 <= operator.gate.spent_steps < 50 + 4


def test_no_budget_means_no_correction():
    operator = Operator(episode_budget_s=0.0)
    operator.hazard[:] = True
    assert not any(operator.watch(50).corrected)


def test_false_alarms_have_their_rate():
    operator = Operator(n=200, false_alarm_rate_hz=0.1, no_progress_s=1e6, max_correction_s=0.02, episode_budget_s=1e6)
    operator.watch(1000)
    taken_over = np.diff(np.array(operator.history).astype(int), axis=0, prepend=0) == 1
    assert taken_over.sum() == pytest.approx(0.1 * 200 * 20, rel=0.15)


def test_a_false_alarm_says_so():
    operator = Operator(false_alarm_rate_hz=50.0, no_progress_s=1e6).watch(20)
    assert operator.gate.reason[0] == FALSE_ALARM


def test_only_the_named_hazards_alarm():
    operator = Operator(hazards=("calm",))
    operator.hazard[:] = True
    assert not any(operator.watch(20).corrected)
    with pytest.raises(ConfigurationError, match=r"Unknown hazards \['storm'\]. Known: spill, calm"):
        Operator(hazards=("storm",)).watch(1)


def test_gates_do_not_depend_on_each_other():
    together = Operator(n=3, miss_probability=0.5, false_alarm_rate_hz=1.0, no_progress_s=0.3).watch(300)
    for slot in range(3):
        alone = InterventionGate(together.gate.config, 1, HZ, PATIENCE_S)
        alone.begin(0, np.random.default_rng(slot))
        for step in range(300):
            alone.update(np.array([0]), Scene(np.zeros((1, 1)), {"spill": np.zeros(1, bool)}, np.zeros(1, int)))
            assert alone.correcting[0] == together.history[step][slot]


def test_bad_options_are_named():
    with pytest.raises(ConfigurationError, match=r"miss_probability=1\.5"):
        GateConfig(miss_probability=1.5)
    with pytest.raises(ConfigurationError, match=r"no_progress_s=0 \(must be > 0\)"):
        GateConfig(no_progress_s=0)
