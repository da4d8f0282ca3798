import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from recap_bench.cli import main
from recap_bench.data.store import Store
from recap_bench.errors import DamagedFileError, DataError, RenderingUnavailableError
from recap_bench.reporting import inspection, inspection_film
from recap_bench.reporting.inspection import Choice, chosen_episodes, inspect_run, pictured_fits
from recap_bench.reporting.inspection_data import FitFiles, LabelledFit, find_fits, load_fit
from recap_bench.reporting.inspection_measures import Swing
from recap_bench.reporting.inspection_plots import DROP, RISE, ValueCurve, film_curve, histogram_figure, value_figure
from recap_bench.reporting.inspection_tables import diagnostics_table, diagnostics_text, episode_table, share_table
from tests.learning.tiny import episode, steps_of

FILES = FitFiles("ToyPeg-v0", 0, "recap", 1, Path("nowhere"), Path("store"), ("demonstrations", "sft-1-corrected"))


@pytest.fixture
def fit() -> LabelledFit:
    """Four episodes of five steps: a demonstration, a success and a failure of the policy, and a rescue."""
    steps = steps_of(
        episode("ddddd", True, seed=1),
        episode("ppppp", True, iteration=1, seed=2),
        episode("ppppp", False, iteration=1, seed=3),
        episode("ppccc", True, iteration=1, seed=4),
    )
    values = [-0.4, -0.3, -0.2, -0.1, 0.0] * 2 + [-0.5, -0.4, -0.8, -0.9, -0.9] + [-0.6, -0.7, -0.4, -0.3, -0.2]
    return LabelledFit(
        FILES,
        steps,
        group=np.array(["demonstrations", *["sft-1-corrected"] * 3]),
        values=np.array(values),
        advantage=np.linspace(-1, 1, 20),
        indicator=np.array([1, 1, 0, 0, 0] * 3 + [0, 0, 1, 1, 1], bool),
        forced=np.array([0] * 17 + [1] * 3, bool),
        threshold=0.0,
        held_out=np.array([True, True, True, True]),
        log_likelihood=np.array([-1.0, -2.0, -3.0, -4.0]),
        diagnostics={"constant_log_likelihood": -5.0},
    )


def test_episodes_are_described_one_by_one(fit: LabelledFit) -> None:
    table = episode_table(fit).set_index("episode")
    assert table["kind"].tolist() == ["demonstration", "autonomous", "autonomous", "assisted"]
    assert table["mean_value"].tolist() == pytest.approx([-0.2, -0.2, -0.7, -0.44])
    # The level lies midway between the medians of -0.2, -0.2, -0.44 and of -0.7.
    assert table["steps_foreseen"].tolist() == [5, 5, 3, 3]
    assert table["rank_correlation"].tolist()[:2] == pytest.approx([1.0, 1.0])
    assert table["positive_share"].tolist() == pytest.approx([0.4, 0.4, 0.4, 0.6])
    assert table["forced_share"].tolist() == pytest.approx([0, 0, 0, 0.6])


def test_diagnostics_take_held_out_episodes_only(fit: LabelledFit) -> None:
    table = diagnostics_table(fit, episode_table(fit)).set_index("kind")
    assert table["episodes"].to_dict() == {"all": 4, "demonstration": 1, "autonomous": 2, "assisted": 1}
    everything = table.loc["all"]
    assert everything["log_likelihood"] == pytest.approx(-2.5)
    assert everything["constant_log_likelihood"] == -5.0
    assert (everything["separation"], everything["failures_foreseen"], everything["failure_steps"]) == (1.0, 1.0, 3.0)
    assert everything["success_steps"] == 3.0
    fitted_on = replace(fit, held_out=np.array([False, True, True, True]))
    table = diagnostics_table(fitted_on, episode_table(fitted_on)).set_index("kind")
    assert "demonstration" not in table.index
    assert table.loc["all", "log_likelihood"] == pytest.approx(-3.0)


def test_what_the_policy_makes_of_its_indicator_is_told_where_it_is_known(fit: LabelledFit) -> None:
    known = {**fit.diagnostics, "indicator_gain": 0.0531, "indicator_shift": 0.05}
    cells = [
        diagnostics_text(diagnostics_table(each, episode_table(each)))["error saved by the indicator (shift)"].tolist()
        for each in (replace(fit, diagnostics=known), fit)
    ]
    assert cells == [["5.3% (0.05)", "", "", ""], ["", "", "", ""]]


def test_episodes_of_one_outcome_foresee_nothing(fit: LabelledFit) -> None:
    won = replace(fit, steps=replace(fit.steps, success=np.ones(4, bool)))
    table = episode_table(won)
    assert table["steps_foreseen"].isna().all()
    diagnostics = diagnostics_table(won, table).set_index("kind")
    names = [
        "separation",
        "separation_low",
        "failures_foreseen",
        "failure_steps",
        "successes_foreseen",
        "success_steps",
    ]
    assert diagnostics.loc["all", names].isna().all()


def test_the_positive_share_is_told_by_source_outcome_and_actor(fit: LabelledFit) -> None:
    table = share_table(fit).set_index(["source", "outcome", "actor"])
    assert table["positive_share"].to_dict() == {
        ("demonstration", "success", "demonstrator"): pytest.approx(0.4),
        ("rollout", "failure", "policy"): pytest.approx(0.4),
        ("rollout", "success", "correction"): 1.0,
        ("rollout", "success", "policy"): pytest.approx(2 / 7),
    }
    assert table["forced_share"].tolist() == [0, 0, 1, 0]
    assert table["steps"].sum() == 20


def test_a_success_a_failure_and_a_rescue_are_shown_and_a_demonstration_stands_in(fit: LabelledFit) -> None:
    table = episode_table(fit)
    assert chosen_episodes(table) == (1, 2, 3)
    assert chosen_episodes(table[table["episode"] != 1]) == (0, 2, 3)
    assert chosen_episodes(table[table["episode"] == 2]) == (2,)


def test_the_episode_with_the_largest_drop_of_the_last_round_is_shown(fit: LabelledFit) -> None:
    table = pd.concat([episode_table(fit)] * 3, ignore_index=True)
    table["episode"] = table.index
    table["collected"] = [1] * 4 + [2] * 8
    table.loc[1, "largest_drop"], table.loc[9, "largest_drop"] = -0.9, -0.2
    assert chosen_episodes(table)[0] == 9


def test_the_last_iteration_of_the_first_method_is_pictured() -> None:
    fits = [
        replace(FILES, seed=seed, method=method, iteration=iteration)
        for seed in (0, 1)
        for method, iteration in (("pretraining", 0), ("control", 1), ("recap", 1), ("recap", 2), ("control", 2))
    ]
    assert pictured_fits(fits, ("recap", "control")) == [replace(FILES, iteration=2)]


def test_the_film_cursor_moves_from_the_first_to_the_last_step(fit: LabelledFit) -> None:
    curve = ValueCurve("", np.linspace(-0.8, 0, 100), np.zeros(100, bool), (Swing(10, 30, 0.2), Swing(50, 60, -0.1)))
    graph, columns = film_curve(curve)
    assert graph.shape == (240, 640, 3)
    assert columns[0] == 64
    assert (np.diff(columns) > 0).all()
    assert columns[-1] == pytest.approx(0.97 * 640, abs=1)
    assert [curve.colour(step) for step in (20, 55)] == [RISE, DROP]


def test_figures_are_drawn_with_and_without_pictures(fit: LabelledFit, tmp_path: Path) -> None:
    curve = ValueCurve("title", np.linspace(-0.8, 0, 300), np.arange(300) > 200, (Swing(10, 60, 0.2),))
    pictures = [np.zeros((48, 64, 3), np.uint8)] * len(curve.moments)
    for name, figure in (
        ("with", value_figure(curve, pictures)),
        ("without", value_figure(curve, [])),
        ("histogram", histogram_figure(fit)),
    ):
        figure.savefig(tmp_path / f"{name}.png")
        assert imread(tmp_path / f"{name}.png").shape[0] > 300
    assert histogram_figure(fit).axes[0].get_ylabel() == "density of steps (logarithmic)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with two real demonstrations and labels that were made up."""
    out = tmp_path_factory.mktemp("runs") / "run"
    folder = out / "Espresso-v0/seed0/methods/recap/iteration1"
    folder.mkdir(parents=True)
    store = out / "Espresso-v0/seed0/store"
    size = ["--episodes", "2", "--num-envs", "2", "--threads", "1", "--profile", "skilled"]
    assert main(["collect", "--task", "Espresso-v0", *size, "--out", str(store)]) == 0
    (out / "config.json").write_text(json.dumps({"config": {"randomization": "standard", "methods": ["recap"]}}))
    (folder / "fit.json").write_text(json.dumps({"groups": ["demonstrations"]}))
    (folder / "diagnostics.json").write_text("{}")
    count = Store.open(store).load().num_steps
    rising = np.linspace(-0.8, 0, count)
    flags = np.arange(count) % 2 == 0
    tasks, threshold = np.array(["Espresso-v0"]), np.array([0.0])
    arrays = {"values": rising, "advantage": np.sin(np.arange(count)), "indicator": flags, "forced": ~flags}
    likelihood = np.full(count, -1.5)
    np.savez(folder / "labels.npz", **arrays, tasks=tasks, threshold=threshold, log_likelihood=likelihood)
    return out


def test_without_opengl_the_curves_are_still_written(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_: object) -> None:
        raise RenderingUnavailableError("No off-screen OpenGL by egl. Install libegl1.")

    monkeypatch.setattr(inspection_film.Playback, "_play", unavailable)
    said: list[str] = []
    text = inspect_run(run, Choice(), tmp_path, said.append)
    assert sum("WARNING" in line and "Install libegl1" in line for line in said) == 1
    assert {file.suffix for file in tmp_path.rglob("*value_E*")} == {".png"}
    assert "2 (2 won)" in text
    tables = {"value_diagnostics": 2, "episodes": 2, "positive_share": 1}
    assert {name: len(pd.read_csv(tmp_path / f"{name}.csv")) for name in tables} == tables


@pytest.mark.rendering
def test_chosen_episodes_are_pictured_and_filmed(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(run), "--episode", "1", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    if "No off-screen OpenGL" in said:
        pytest.skip(said)
    assert "WARNING" not in said
    path = tmp_path / "value_Espresso-v0_seed0_recap_iteration1_episode1.png"
    assert path.with_suffix(".mp4").stat().st_size > 10_000
    # Pictures take the upper part; without them it would be white around one curve.
    assert imread(path)[60:180].std() > 0.2


def test_what_is_not_there_is_explained(run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such fit.*Known: Espresso-v0_seed0_recap_iteration1"):
        inspect_run(run, Choice(iteration=7), tmp_path, print)
    with pytest.raises(DataError, match="episodes 0 to 1, received 2"):
        inspect_run(run, Choice(episodes=(2,)), tmp_path, print)
    with pytest.raises(DataError, match=r"config\.json is missing"):
        inspection.inspect_run(tmp_path, Choice(), tmp_path, print)


def test_labels_that_do_not_fit_or_are_damaged_are_named(run: Path) -> None:
    (files,) = find_fits(run)
    assert load_fit(files).kind.tolist() == ["demonstration"] * 2
    with pytest.raises(DataError, match=r"labels .* are of"):
        load_fit(replace(files, groups=("demonstrations", "demonstrations")))
    file = files.folder / "labels.npz"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    try:
        with pytest.raises(DamagedFileError, match=r"labels\.npz is damaged"):
            load_fit(files)
    finally:
        file.write_bytes(content)
