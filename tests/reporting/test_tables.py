from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from recap_bench.errors import ConfigurationError, DamagedFileError, DataError
from recap_bench.method import METHODS
from recap_bench.reporting import plots, tables
from recap_bench.reporting.drawing import method_styles
from recap_bench.reporting.report import write_report
from recap_bench.reporting.statistics import Attempts, throughput_ratio_interval
from recap_bench.reporting.summary import summarise
from recap_bench.reporting.video import write_video


def row(iteration: int, episode: int, success: bool, time_s: float, **more: object) -> dict:
    return {
        "run": "test",
        "task": "Espresso-v0",
        "method": "recap" if iteration else "sft",
        "seed": 0,
        "iteration": iteration,
        "episode": episode,
        "env_seed": 100 + episode,
        "success": success,
        "failure_mode": "none" if success else "time_out",
        "time_s": time_s,
        "stage_pick_s": 1.0,
        "stage_serve_s": time_s if success else np.nan,
        **more,
    }


@pytest.fixture
def rows() -> pd.DataFrame:
    start = [row(0, episode, episode % 2 == 0, 100.0) for episode in range(20)]
    better = [row(1, episode, episode % 2 == 0, 50.0) for episode in range(20)]
    return pd.DataFrame(start + better)


def test_summary_counts_every_attempt(rows: pd.DataFrame) -> None:
    measures = summarise(rows[rows["iteration"] == 0].to_dict("records"))
    assert measures["success_rate"] == 0.5
    assert measures["throughput_per_hour"] == pytest.approx(18.0)
    assert measures["mean_success_time_s"] == 100.0
    assert measures["failure_modes"] == {"time_out": 10}
    assert measures["stages"] == {"pick": 1.0, "serve": 0.5}


def test_a_summary_takes_training_seeds_as_given() -> None:
    """Seeds whose times do not vary have a sure mean time, however much they differ from one another."""
    rows = [
        row(0, episode, success=True, time_s=10.0 + 80.0 * seed, seed=seed) for seed in (0, 1) for episode in range(20)
    ]
    assert summarise(rows)["throughput_ci95"][1] == pytest.approx(72.0)
    assert summarise([{**one, "seed": 0} for one in rows])["throughput_ci95"][1] > 80.0


def test_summary_without_success_has_no_mean_time() -> None:
    measures = summarise([row(0, 0, False, 10.0)])
    assert measures["mean_success_time_s"] is None
    assert measures["throughput_ci95"][1] > 0


def test_summary_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one episode"):
        summarise([])


def test_summary_table_compares_the_same_episodes_with_iteration_zero(rows: pd.DataFrame) -> None:
    summary = tables.summary_table(rows).set_index("iteration")
    assert summary.loc[1, "throughput_ratio"] == pytest.approx(2.0)
    assert 1.5 < summary.loc[1, "throughput_ratio_low"] < 2.0 < summary.loc[1, "throughput_ratio_high"] < 2.6
    assert np.isnan(summary.loc[0, "throughput_ratio"])


def test_the_ratio_to_iteration_zero_is_of_the_episodes_of_all_seeds(rows: pd.DataFrame) -> None:
    """Both seeds have the same environment seeds: only with its own training seed is an episode a pair."""
    slower = rows.assign(seed=1, time_s=100.0)
    line = tables.summary_table(pd.concat([rows, slower])).set_index("iteration").loc[1]
    assert line["seeds"] == 2
    assert line["throughput_ratio"] == pytest.approx(4 / 3)  # 4000 s instead of 3000 s for as many successes
    success, now_s = np.arange(40) % 2 == 0, np.repeat([50.0, 100.0], 20)
    now, then = (Attempts(success, time_s, np.repeat([0, 1], 20)) for time_s in (now_s, np.full(40, 100.0)))
    expected = throughput_ratio_interval(now, then)
    assert (line["throughput_ratio_low"], line["throughput_ratio_high"]) == pytest.approx(expected)


def test_a_stage_that_nobody_reached_is_still_listed(rows: pd.DataFrame) -> None:
    rows = rows.rename(columns={"stage_pick_s": "stage_grind_s"})
    rows["stage_serve_s"] = np.nan
    stages = tables.stage_table(rows)
    assert set(stages["stage"]) == {"grind", "serve"}
    assert (stages[stages["stage"] == "serve"]["rate"] == 0).all()
    assert "| serve |" in tables.markdown(rows)


def test_tasks_keep_the_stages_that_are_theirs_though_only_another_reached_them() -> None:
    """Two laundry tasks share names of stages; T-shirts and shorts are stacked, the strict T-shirt is not."""
    reached = {"stage_first_fold_s": 1.0, "stage_folded_s": 2.0, "stage_finished_s": 4.0}
    rows = pd.DataFrame(
        [{"task": "LaundryTshirtsShorts-v0", **reached, "stage_stacked_s": 3.0}, {"task": "LaundryStrictTshirt-v0"}]
    )
    for row in ({"stage_first_fold_s": 1.0}, {}):
        rows.loc[1, list(reached)] = [row.get(name, np.nan) for name in reached]
        assert list(tables.of_task(rows, "LaundryStrictTshirt-v0")) == ["task", *reached]
        assert set(tables.of_task(rows, "LaundryTshirtsShorts-v0")) == {"task", *reached, "stage_stacked_s"}


def test_every_table_has_methods_and_iterations_in_one_order(rows: pd.DataFrame) -> None:
    """A method of which only the second iteration is there, as after a control, comes before one with both."""
    later = rows[rows["iteration"] > 0]
    control = later.assign(method="awr", iteration=2)
    for method in ("ppo", "recap"):
        table = pd.concat([rows, control, later.assign(method=method, iteration=2)])
        lines = [line.split(" | ")[:2] for line in tables.markdown(table).splitlines() if line.startswith("| ")]
        ours = [(name, number) for name, number in lines if number.isdigit()]
        assert len(ours) % 3 == 0
        assert ours[: len(ours) // 3] * 3 == ours


def test_written_tables_read_back(rows: pd.DataFrame, tmp_path: Path) -> None:
    written = tables.write_tables(rows, tmp_path)
    names = ["rows.parquet", "summary.csv", "stages.csv", "failure_modes.csv", "summary.md"]
    assert [path.name for path in written] == names
    assert pd.read_csv(written[1])["successes"].tolist() == [10, 10]
    assert "50.0% [29.9%, 70.1%]" in written[4].read_text()


def test_a_report_can_be_made_again_from_the_rows_that_it_keeps(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "rows.csv", index=False)
    kept = next(path for path in write_report([tmp_path], tmp_path / "kept") if path.name == "rows.parquet")
    both = (tables.read_rows(kept), tables.read_rows(tmp_path / "rows.csv"))
    pd.testing.assert_frame_equal(*both, check_dtype=False)
    assert {path.name for path in write_report([kept])} == {path.name for path in kept.parent.iterdir()} - {"report"}
    assert (kept.parent / "report/summary.md").read_text() == (kept.parent / "summary.md").read_text()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_success_written_as_text_is_read_as_what_it_says(rows: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    file, text = tmp_path / f"rows{suffix}", rows.assign(success=rows["success"].astype(str))
    text.to_csv(file) if suffix == ".csv" else text.to_parquet(file)
    assert tables.summary_table(tables.read_rows(file))["successes"].tolist() == [10, 10]


def test_missing_and_empty_rows_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No evaluation rows"):
        tables.read_rows(tmp_path / "evaluation.csv")


def test_damaged_rows_are_named(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.drop(columns="time_s").to_csv(tmp_path / "rows.csv")
    with pytest.raises(
        DamagedFileError, match=r"rows\.csv is damaged: it has no column time_s.*command of the run again"
    ):
        tables.read_rows(tmp_path / "rows.csv")
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DamagedFileError, match=r"rows\.parquet is damaged"):
        tables.read_rows(tmp_path / "rows.parquet")


def test_a_method_begins_in_figures_at_the_sft_of_its_own_seeds(rows: pd.DataFrame) -> None:
    """A run that was stopped has seeds of which only SFT was evaluated; they say nothing of a method's change."""
    other = pd.DataFrame([row(0, episode, success=False, time_s=100.0, seed=1) for episode in range(20)])
    for figure in (plots.iteration_figure, plots.stage_figure):
        alone, beside = (
            [line.get_ydata() for axes in figure(table, "Espresso-v0").axes for line in axes.get_lines()]
            for table in (rows, pd.concat([rows, other]))
        )
        assert len(alone) == len(beside) > 0
        for expected, drawn in zip(alone, beside, strict=True):
            np.testing.assert_array_equal(drawn, expected)


def test_a_figure_says_of_how_many_seeds_and_episodes_its_points_are(rows: pd.DataFrame) -> None:
    later = rows[rows["iteration"] > 0].assign(seed=1)
    more = pd.concat([rows, later, rows[rows["iteration"] == 0].assign(seed=1), later.assign(iteration=2)])
    title = plots.iteration_figure(more, "Espresso-v0").get_suptitle()
    assert title == "Espresso-v0: 1 to 2 seed(s), 20 to 40 episodes a point, 95 % intervals"


def test_figures_say_where_episodes_start_if_the_rows_do(rows: pd.DataFrame) -> None:
    for draw in (plots.iteration_figure, plots.stage_figure, plots.failure_figure):
        assert draw(rows.assign(start="locked"), "Espresso-v0").get_suptitle().startswith("Espresso-v0, start locked")
        assert "start" not in draw(rows, "Espresso-v0").get_suptitle()


def test_ticks_say_which_points_are_of_other_seeds_or_episodes(rows: pd.DataFrame) -> None:
    """A line joins its points, also where one is of fewer seeds: a run that was stopped."""
    more = pd.concat([rows, rows.assign(seed=1), rows[rows["iteration"] > 0].assign(iteration=2)])
    for table, expected in (
        (rows, ["SFT", "iteration 1"]),
        (more, ["SFT 2 seed(s) 40 episodes", "iteration 1 2 seed(s) 40 episodes", "iteration 2 1 seed(s) 20 episodes"]),
    ):
        for axes in plots.iteration_figure(table, "Espresso-v0").axes:
            assert [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()] == expected


def looks(axes: Axes) -> dict[str, tuple[str, str]]:
    return {str(bars.get_label()): (bars[0].get_color(), bars[0].get_marker()) for bars in axes.containers}


def test_a_method_looks_the_same_in_every_figure_whatever_else_is_there(rows: pd.DataFrame) -> None:
    later = rows[rows["iteration"] > 0]
    several = pd.concat([rows, *(later.assign(method=name) for name in ("awr", "mine", "yours"))])
    alone = looks(plots.iteration_figure(pd.concat([rows[rows["iteration"] == 0], later]), "Espresso-v0").axes[0])
    drawn = looks(plots.iteration_figure(several, "Espresso-v0").axes[0])
    assert drawn["recap"] == alone["recap"]
    assert len({colour for colour, _ in drawn.values()}) == 4
    overview = looks(plots.overview_figure(several).axes[0])
    assert {name: overview[name] for name in ("recap", "awr")} == {name: drawn[name] for name in ("recap", "awr")}


def test_lines_of_any_number_of_methods_differ() -> None:
    names = [*METHODS, *(f"other {number}" for number in range(9))]
    styles = method_styles(names)
    assert list(styles) == names
    assert len({(line["color"], line["marker"]) for line in styles.values()}) == len(names)
    assert len({line["color"] for line in styles.values()}) == 7
    assert method_styles(["ppo"])["ppo"] == styles["ppo"]


@pytest.mark.parametrize("draw", [plots.failure_figure, plots.stage_figure])
def test_panels_of_many_methods_stand_in_rows_of_three(rows: pd.DataFrame, draw: Callable[..., Figure]) -> None:
    later = rows[rows["iteration"] > 0]
    several = pd.concat([rows, *(later.assign(method=name) for name in ("awr", "ppo", "filtered_bc"))])
    figure = draw(several, "Espresso-v0")
    assert len(figure.axes) == 4
    places = [panel.get_subplotspec() for panel in figure.axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [bool(panel.get_ylabel()) for panel in figure.axes] == [True, False, False, True]


def test_an_iteration_looks_the_same_in_all_panels_of_stages(rows: pd.DataFrame) -> None:
    """A control has the second iteration alone; it is not to be taken for another method's first."""
    later = rows[rows["iteration"] > 0]
    figure = plots.stage_figure(pd.concat([rows, later.assign(method="awr", iteration=2)]), "Espresso-v0")
    control, recap = (panel.get_lines() for panel in figure.axes)
    assert control[0].get_color() == recap[0].get_color()
    assert control[1].get_color() not in [line.get_color() for line in recap]
    texts = [text.get_text() for text in figure.axes[-1].get_legend().get_texts()]
    assert texts == ["SFT", "iteration 1", "iteration 2"]


def test_bars_of_failures_are_the_shares_of_the_episodes(rows: pd.DataFrame) -> None:
    rows.loc[rows.index[1], "failure_mode"] = "dropped_cup"
    panel = plots.failure_figure(rows, "Espresso-v0").axes[0]
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in panel.containers}
    assert heights == {"time out": pytest.approx([0.45, 0.5]), "dropped cup": pytest.approx([0.05, 0.0])}
    assert [text.get_text() for text in panel.texts] == ["10 of 20", "10 of 20"]


@pytest.mark.parametrize(("failures", "top"), [(0, 0.108), (1, 0.108), (10, 0.54), (20, 1.08)])
def test_the_axis_of_failures_ends_above_the_tallest_bar(failures: int, top: float) -> None:
    rows = pd.DataFrame([row(0, episode, episode >= failures, 50.0) for episode in range(20)])
    assert plots.failure_figure(rows, "Espresso-v0").axes[0].get_ylim() == pytest.approx((0.0, top))


def test_the_overview_has_sft_and_the_last_iteration_of_every_task(rows: pd.DataFrame, tmp_path: Path) -> None:
    box = rows.assign(task="BoxAssembly-v0", success=True, failure_mode="none")
    longer = pd.DataFrame([row(2, episode, episode > 0, 50.0) for episode in range(20)])
    stopped = box[box["method"] == "sft"].assign(seed=7, success=False)
    box = pd.concat([box, stopped]).assign(start="stack", randomization="standard")
    both = pd.concat([rows, longer, box], ignore_index=True)
    assert tmp_path / "overview.png" in plots.write_figures(both, tmp_path)
    success, ratio = plots.overview_figure(both).axes
    assert [label.get_text().splitlines() for label in success.get_yticklabels()] == [
        ["Espresso-v0", "1 seed(s), 20 episodes, iteration 2"],
        ["BoxAssembly-v0, start stack", "1 seed(s), 20 episodes, iteration 1"],
    ]
    marks = {bars.get_label(): bars[0].get_xdata().tolist() for bars in success.containers}
    assert marks == {"sft": [0.5, 1.0], "recap": [0.95, 1.0]}
    assert ratio.containers[1][0].get_xdata().tolist() == pytest.approx([0.95 / 0.5 * 2, 2.0])


@pytest.mark.parametrize("success", [True, False])
def test_figures_are_drawn_for_all_and_for_no_success(rows: pd.DataFrame, tmp_path: Path, success: bool) -> None:
    rows["success"] = success
    for path in plots.write_figures(rows, tmp_path):
        height, width, _ = imread(path).shape
        assert width > height > 300


def test_a_film_has_the_frames_that_it_was_given(tmp_path: Path) -> None:
    import imageio.v2 as imageio

    frames = (np.full((65, 81, 3), 4 * index, np.uint8) for index in range(50))
    path = write_video(tmp_path / "film.mp4", frames, frames_per_second=50)
    with imageio.get_reader(path) as reader:
        assert reader.count_frames() == 50
        assert reader.get_data(0).shape == (64, 80, 3)


def test_a_film_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one frame"):
        write_video(tmp_path / "film.mp4", [])
    assert not (tmp_path / "film.mp4").exists()


def test_runs_of_other_seeds_join_into_one_table(rows: pd.DataFrame) -> None:
    joined = tables.join_rows([(Path("a"), rows), (Path("b"), rows.assign(seed=1))])
    assert tables.summary_table(joined)["seeds"].tolist() == [2, 2]


def test_runs_that_overlap_are_refused(rows: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="overlap"):
        tables.join_rows([(Path("a"), rows), (Path("b"), rows.iloc[:3])])


def test_runs_that_start_in_other_places_are_no_one_experiment(rows: pd.DataFrame) -> None:
    stack = rows.assign(start="stack", randomization="standard")
    other = stack.assign(seed=1, randomization="none")
    message = r"Espresso-v0 start in several places.*: a: start stack, randomization standard; b: start stack.* none"
    with pytest.raises(DataError, match=message):
        tables.join_rows([(Path("a"), stack), (Path("b"), other)])
    other_task = other.assign(task="BoxAssembly-v0", start="jig")
    older = rows.assign(seed=2)
    assert len(tables.join_rows([(Path("a"), stack), (Path("b"), other_task), (Path("c"), older)])) == 3 * len(rows)


@pytest.mark.filterwarnings("error")
def test_rows_of_earlier_versions_are_read_and_start_where_the_others_do(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "rows.csv", index=False)
    old = tables.read_rows(tmp_path / "rows.csv")
    assert set(old["start"]) == set(old["randomization"]) == {""}
    old.to_csv(tmp_path / "rows.csv", index=False)
    assert (tables.read_rows(tmp_path / "rows.csv")[tables.START] == "").all(axis=None)
    new = rows[rows["iteration"] > 0].assign(start="stack", randomization="none")
    joined = pd.concat([old[old["iteration"] == 0], new])
    assert tables.summary_table(joined).set_index("iteration").loc[1, "throughput_ratio"] == pytest.approx(2.0)


@pytest.mark.parametrize("name", ["start", "randomization"])
def test_the_ratio_to_iteration_zero_is_of_episodes_that_start_in_the_same_place(rows: pd.DataFrame, name: str) -> None:
    rows = rows.assign(start="stack", randomization="standard")
    rows.loc[rows["iteration"] == 1, name] = "another"
    assert np.isnan(tables.summary_table(rows).set_index("iteration").loc[1, "throughput_ratio"])
