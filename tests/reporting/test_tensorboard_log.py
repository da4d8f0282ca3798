import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from recap_bench.errors import ConfigurationError
from recap_bench.loop.events import PhaseAdvanced, PhaseFinished, all_of
from recap_bench.loop.iterate import run
from recap_bench.loop.plan import Phase
from recap_bench.reporting.tensorboard_log import TensorBoardLog, points_of
from tests.disk_limits import largest_file
from tests.loop.toy_method import TOY_PARTS, toy_config


def scalars(folder: Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Return run -> tag -> points (step, value), as TensorBoard reads them."""
    found = {}
    for part in sorted({file.parent for file in folder.rglob("events.out.*")}):
        events = EventAccumulator(str(part)).Reload()
        found[str(part.relative_to(folder))] = {
            tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
        }
    return found


def without_times(found: dict) -> dict:
    """Return the points with wall times replaced by 0."""
    return {
        name: {tag: [(step, 0.0 if "seconds" in tag else value) for step, value in p] for tag, p in tags.items()}
        for name, tags in found.items()
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, list]:
    out = tmp_path_factory.mktemp("runs") / "toy"
    summary = run(toy_config(out), TensorBoardLog(out, print), TOY_PARTS)
    return scalars(out / "tensorboard"), summary


def test_success_cost_and_time_of_every_iteration_are_there(unbroken: tuple[dict, list]) -> None:
    found, summary = unbroken
    recap = found["Espresso-v0/seed0/recap"]
    rates = {entry["iteration"]: entry["success_rate"] for entry in summary if entry["method"] == "recap"}
    assert dict(recap["evaluation/success_rate"]) == pytest.approx(rates)
    assert [step for step, _ in recap["collection/corrected/correction_s"]] == [2]
    assert [step for step, _ in found["Espresso-v0/seed0/sft"]["collection/corrected/rescued"]] == [1]
    assert [step for step, _ in recap["check/negative/success_rate"]] == [1, 2]
    assert [step for step, _ in recap["seconds/fit"]] == [1, 2]
    assert [step for step, _ in recap["fit/episodes"]] == [1, 2]


@pytest.mark.parametrize("after", [3, 20, 45])
def test_a_resumed_run_has_every_point_once(unbroken: tuple[dict, list], tmp_path: Path, after: int) -> None:
    countdown = iter(range(after))

    def kill(event: object) -> None:
        if isinstance(event, PhaseAdvanced) and next(countdown, None) is None:
            raise KeyboardInterrupt

    config = toy_config(tmp_path / "toy")
    with pytest.raises(KeyboardInterrupt):
        run(config, all_of(TensorBoardLog(config.out, print), kill), TOY_PARTS)
    for _ in range(2):
        run(config, TensorBoardLog(config.out, print), TOY_PARTS)
    assert without_times(scalars(config.out / "tensorboard")) == without_times(unbroken[0])


def test_a_history_of_the_diagnostics_becomes_a_curve_over_gradient_steps() -> None:
    diagnostics = {"policy_loss": 0.5, "policy_loss_history": [[50, 0.9], [100, 0.5]], "beats_constant": True}
    nested = {"positive_share_by": {"rollout/success": 0.4}, "fit_steps": [25, 50], "separation": None}
    points = list(points_of(Phase("T", 0, "recap", 2, "fit"), {"diagnostics": {**diagnostics, **nested}}))
    assert points == [
        ("fit/policy_loss/iteration2", 50, 0.9),
        ("fit/policy_loss/iteration2", 100, 0.5),
        ("fit/policy_loss", 2, 0.5),
        ("fit/beats_constant", 2, 1.0),
        ("fit/positive_share_by/rollout/success", 2, 0.4),
    ]


def test_pretraining_is_told_from_its_diagnostics(tmp_path: Path) -> None:
    log, phase = TensorBoardLog(tmp_path, print), Phase("T", 0, "sft", 0, "pretrain")
    result = {"pretrained": "networks", "diagnostics": {"rank_correlation": 0.75}}
    log(PhaseFinished(phase, result, seconds=1.0, resumed=False))
    assert scalars(tmp_path / "tensorboard")["T/seed0/sft"]["pretrain/rank_correlation"] == [(0, 0.75)]


def test_a_full_disk_is_told_with_the_folder(tmp_path: Path) -> None:
    log, phase = TensorBoardLog(tmp_path, print), Phase("T", 0, "recap", 1, "fit")
    result = {"diagnostics": {f"measure{number}": 0.5 for number in range(500)}}
    with pytest.raises(OSError, match=r"tensorboard/T/seed0/recap"), largest_file(1000):
        log(PhaseFinished(phase, result, seconds=1.0, resumed=False))


def test_without_the_package_it_is_said_once_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    said: list[str] = []
    assert run(toy_config(tmp_path / "toy", iterations=0), TensorBoardLog(tmp_path / "toy", said.append), TOY_PARTS)
    assert len(said) == 1
    assert "no TensorBoard scalars" in said[0]
    assert not (tmp_path / "toy/tensorboard").exists()


def test_a_refused_run_keeps_its_scalars(tmp_path: Path) -> None:
    config = toy_config(tmp_path / "toy", iterations=0)
    run(config, TensorBoardLog(config.out, print), TOY_PARTS)
    before = scalars(config.out / "tensorboard")
    with pytest.raises(ConfigurationError):
        run(toy_config(config.out, iterations=0, demonstrations=7), TensorBoardLog(config.out, print), TOY_PARTS)
    assert scalars(config.out / "tensorboard") == before
