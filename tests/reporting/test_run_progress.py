import io
from dataclasses import replace

import pytest

from recap_bench.config import PRESETS
from recap_bench.loop import plan
from recap_bench.loop.events import PhaseAdvanced, PhaseFinished, PhaseStarted, RunPlanned, Warned
from recap_bench.loop.plan import Phase
from recap_bench.reporting.progress import LineDisplay
from recap_bench.reporting.run_progress import RemainingTime, RunProgress, prior_s
from recap_bench.reporting.summary import summarise

FIT = Phase("Espresso-v0", 0, "sft", 0, plan.FIT)
EVALUATION = replace(FIT, name=plan.EVALUATION)
COLLECTION = replace(FIT, iteration=1, name=plan.AUTONOMOUS)


def test_a_timed_phase_corrects_the_prior_of_its_kind_only() -> None:
    remaining = RemainingTime({COLLECTION: 10.0, EVALUATION: 20.0, FIT: 100.0})
    assert remaining.estimate_s(COLLECTION, elapsed_s=4.0, pace_s=0.0) == pytest.approx(126.0)
    remaining.finished(COLLECTION, 30.0)
    assert remaining.estimate_s(FIT, elapsed_s=0.0, pace_s=0.0) == pytest.approx(160.0)


def test_a_phase_slower_than_expected_is_judged_by_its_pace() -> None:
    remaining = RemainingTime({FIT: 10.0, EVALUATION: 20.0})
    assert remaining.estimate_s(FIT, elapsed_s=50.0, pace_s=70.0) == pytest.approx(90.0)


def test_phases_done_before_are_neither_waited_for_nor_timed() -> None:
    remaining = RemainingTime({COLLECTION: 10.0, EVALUATION: 20.0})
    remaining.finished(COLLECTION, None)
    assert remaining.estimate_s(EVALUATION, elapsed_s=0.0, pace_s=0.0) == pytest.approx(20.0)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_phase_of_a_preset_has_a_prior(preset: str) -> None:
    from recap_bench.method import make_method

    config = PRESETS[preset]
    phases = plan.make_plan(config, [make_method(name) for name in config.methods])
    assert all(prior_s(config, phase) > 0 for phase in phases)


def test_rescued_episodes_are_told_apart_from_successes() -> None:
    stream = io.StringIO()
    observe = RunProgress(PRESETS["quick"], LineDisplay(stream), clock=lambda: 0.0)
    result = {"episodes": 10, "successes": 4, "assisted": 6, "rescued": 3, "correction_s": 20.0}
    observe(RunPlanned((COLLECTION,)))
    observe(PhaseFinished(COLLECTION, result, seconds=3.0, resumed=False))
    assert "4 of 10 episodes succeeded, 3 of them rescued; 6 corrected for 20 s" in stream.getvalue()


@pytest.mark.parametrize("name", [plan.FIT, plan.PRETRAIN])
def test_fits_tell_the_shares_that_their_labels_realise(name: str) -> None:
    stream = io.StringIO()
    observe = RunProgress(PRESETS["quick"], LineDisplay(stream), clock=lambda: 0.0)
    phase = replace(FIT, name=name)
    diagnostics = {
        "positive_share": 0.35,
        "positive_share_reference": 0.4,
        "positive_share_by": {"demonstration/success": 0.3, "rollout/failure": 0.25},
        "bins_per_second": {"Espresso-v0": 2.5},
        "stalled_share_by": {"demonstration/success": 0.0, "rollout/failure": 0.7},
    }
    observe(RunPlanned((phase,)))
    observe(PhaseFinished(phase, {"diagnostics": diagnostics}, seconds=3.0, resumed=False))
    (line,) = stream.getvalue().splitlines()
    assert "positive 40.0% of the steps that set the threshold, 35.0% of all" in line
    assert "(demonstration/success 30.0%, rollout/failure 25.0%)" in line
    assert line.endswith("value bins per second 2.5 on Espresso-v0; policies got nowhere in rollout/failure 70.0%")


def test_a_fit_on_demonstrations_alone_tells_nothing_of_policies() -> None:
    stream = io.StringIO()
    observe = RunProgress(PRESETS["quick"], LineDisplay(stream), clock=lambda: 0.0)
    observe(RunPlanned((FIT,)))
    diagnostics = {"stalled_share_by": {"demonstration/success": 0.0}}
    observe(PhaseFinished(FIT, {"diagnostics": diagnostics}, seconds=3.0, resumed=False))
    assert stream.getvalue().endswith("(3 s)\n")


def test_a_run_tells_results_and_warnings_as_they_come() -> None:
    stream = io.StringIO()
    observe = RunProgress(PRESETS["quick"], LineDisplay(stream), clock=lambda: 0.0)
    rows = [
        {
            "task": "Espresso-v0",
            "success": True,
            "failure_mode": "none",
            "time_s": 36.0,
            "seed": 0,
            "stage_serve_s": 36.0,
        }
    ]
    observe(RunPlanned((FIT, EVALUATION)))
    observe(PhaseStarted(FIT))
    observe(Warned(FIT, "value function no better than a constant"))
    observe(PhaseFinished(FIT, {"policy": "x"}, seconds=12.0, resumed=False))
    observe(PhaseStarted(EVALUATION))
    observe(PhaseAdvanced(EVALUATION, "episodes", 1, 2, {"success_rate": 0.5}))
    observe(PhaseFinished(EVALUATION, summarise(rows), seconds=3.0, resumed=False))
    text = stream.getvalue()
    assert "WARNING [1/2]" in text
    assert "no better than a constant" in text
    assert "[2/2] Espresso-v0 seed 0: sft iteration 0 evaluation (3 s): success 100.0% [20.7%, 100.0%]" in text
    assert "throughput 100.0 [20.7, 100.0] per hour (1 of 1)" in text
    assert "success_rate 0.50" in text
