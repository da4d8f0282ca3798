"""Two runs, or two methods of one, on the same start states."""

from pathlib import Path

import pandas as pd
import pytest

from recap_bench.cli import main
from recap_bench.errors import DamagedFileError, DataError
from recap_bench.reporting.comparison import BETTER, MIN_EPISODES, TOO_FEW, UNDECIDED, WORSE, Side, compare, verdict

EPISODES = 60


def episodes(method: str, iteration: int, won: int, time_s: float = 10.0, seeds: tuple[int, ...] = (0,)) -> list[dict]:
    """Rows of which the first `won` of each seed succeed."""
    return [
        {
            "task": "Espresso-v0",
            "method": method,
            "seed": seed,
            "iteration": iteration,
            "episode": episode,
            "env_seed": 1000 * seed + episode,
            "success": episode < won,
            "failure_mode": "none" if episode < won else "time_out",
            "time_s": time_s,
        }
        for seed in seeds
        for episode in range(EPISODES)
    ]


def write(folder: Path, *groups: list[dict]) -> Path:
    folder.mkdir()
    pd.DataFrame([row for group in groups for row in group]).to_csv(folder / "rows.csv", index=False)
    return folder


def test_a_run_that_succeeds_less_often_is_worse_and_ends_with_an_error_code(tmp_path, capsys):
    before = write(tmp_path / "before", episodes("recap", 1, 40), episodes("recap", 2, 40))
    now = write(tmp_path / "now", episodes("recap", 1, 40), episodes("recap", 2, 20))
    table = compare(Side(now), Side(before)).set_index("iteration")
    assert table["verdict"].to_dict() == {1: UNDECIDED, 2: WORSE}
    assert table.loc[2, "success_difference"] == pytest.approx(-1 / 3)
    assert table.loc[2, "success_difference_low"] < -1 / 3 < table.loc[2, "success_difference_high"] < 0
    assert main(["compare", str(now), str(before), "--csv", str(tmp_path / "out.csv")]) == 1
    assert "worse" in capsys.readouterr().out
    assert pd.read_csv(tmp_path / "out.csv")["episodes"].tolist() == [EPISODES, EPISODES]
    assert main(["compare", str(before), str(before)]) == 0
    assert main(["compare", str(before), str(now)]) == 0


def test_a_slower_run_is_worse_though_it_succeeds_as_often(tmp_path):
    before = write(tmp_path / "before", episodes("recap", 1, 40))
    now = write(tmp_path / "now", episodes("recap", 1, 40, time_s=15.0))
    line = compare(Side(now), Side(before)).iloc[0]
    assert line["throughput_ratio"] == pytest.approx(2 / 3)
    assert line["verdict"] == WORSE


def test_two_methods_of_one_run_are_compared_and_sft_with_every_iteration(tmp_path):
    run = write(
        tmp_path / "run",
        episodes("sft", 0, 20, seeds=(0, 1)),
        *(episodes("recap", iteration, 40, seeds=(0, 1)) for iteration in (1, 2)),
        *(episodes("filtered_bc", iteration, 40, seeds=(0, 1)) for iteration in (1, 2)),
    )
    table = compare(Side(run, "recap"), Side(run, "filtered_bc"))
    assert table[["iteration", "method", "baseline_method", "seeds", "verdict"]].to_numpy().tolist() == [
        [1, "recap", "filtered_bc", 2, UNDECIDED],
        [2, "recap", "filtered_bc", 2, UNDECIDED],
    ]
    table = compare(Side(run, "recap"), Side(run, "sft"))
    assert table["iteration"].tolist() == [1, 2]
    assert table["episodes"].tolist() == [2 * EPISODES] * 2
    assert table["verdict"].tolist() == [BETTER, BETTER]
    assert set(compare(Side(run), Side(run, "sft"))["method"]) == {"recap", "filtered_bc"}


def test_only_episodes_in_common_count(tmp_path):
    before = write(tmp_path / "before", episodes("recap", 1, 40)[:30])
    now = write(tmp_path / "now", episodes("recap", 1, 40))
    assert compare(Side(now), Side(before)).iloc[0]["episodes"] == 30


@pytest.mark.parametrize(("common", "expected"), [(1, TOO_FEW), (MIN_EPISODES - 1, TOO_FEW), (MIN_EPISODES, WORSE)])
def test_a_few_episodes_in_common_decide_nothing(tmp_path, common, expected):
    before = write(tmp_path / "before", episodes("recap", 1, EPISODES)[:common])
    now = write(tmp_path / "now", episodes("recap", 1, 0))
    assert compare(Side(now), Side(before)).iloc[0]["verdict"] == expected
    assert main(["compare", str(now), str(before)]) == (1 if expected == WORSE else 0)


def test_episodes_that_start_in_other_places_are_no_pairs(tmp_path):
    stack, jig, wide = (
        write(tmp_path / name, [{**row, "start": start, "randomization": how} for row in episodes("recap", 1, 40)])
        for name, start, how in (("a", "stack", "standard"), ("b", "jig", "standard"), ("c", "stack", "wide"))
    )
    assert compare(Side(stack), Side(stack)).iloc[0]["episodes"] == EPISODES
    for other, named in ((jig, "start jig, randomization standard"), (wide, "start stack, randomization wide")):
        with pytest.raises(DataError, match=rf"start stack, randomization standard.*{named}.*no evaluation episodes"):
            compare(Side(stack), Side(other))
    earlier = write(tmp_path / "earlier", episodes("recap", 1, 40))
    assert compare(Side(stack), Side(earlier)).iloc[0]["episodes"] == EPISODES


def test_nothing_in_common_and_an_unknown_method_are_refused(tmp_path, capsys):
    a = write(tmp_path / "a", episodes("recap", 1, 40))
    b = write(tmp_path / "b", episodes("recap", 1, 40, seeds=(7,)))
    with pytest.raises(DataError, match="no evaluation episodes in common"):
        compare(Side(a), Side(b))
    assert main(["compare", str(a), str(a), "--method", "sft"]) == 2
    assert "no evaluation of sft. It has: recap" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("difference", "ratio", "expected"),
    [
        ((-0.2, -0.1), (0.9, 1.2), WORSE),
        ((-0.1, 0.1), (0.7, 0.9), WORSE),
        ((0.1, 0.2), (0.7, 0.9), UNDECIDED),  # succeeds more often, but so slowly that it makes less
        ((-0.1, 0.1), (0.9, 1.1), UNDECIDED),
        ((-0.1, 0.1), (1.1, float("inf")), BETTER),
        ((0.0, 0.0), (float("nan"), float("nan")), UNDECIDED),
    ],
)
def test_the_verdict_follows_from_both_intervals(difference, ratio, expected):
    assert verdict(difference, ratio) == expected


def test_a_run_that_lacks_evaluations_of_its_baseline_does_not_pass(tmp_path, capsys):
    sft = episodes("sft", 0, 40)
    before = write(tmp_path / "before", sft, episodes("recap", 1, 40))
    stopped = write(tmp_path / "stopped", sft)
    part = write(tmp_path / "part", sft, episodes("recap", 1, 40)[:30])
    for run, count in ((stopped, 60), (part, 30)):
        assert main(["compare", str(run), str(before)]) == 2
        assert f"recap iteration 1, {count} of 60 episodes" in capsys.readouterr().err
        assert main(["compare", str(run), str(before), "--allow-missing"]) == 0
        assert main(["compare", str(run), str(before), "--method", "sft"]) == 0
    assert main(["compare", str(before), str(stopped)]) == 0
    assert main(["compare", str(before), str(before), "--method", "recap", "--against", "sft"]) == 0


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [("success", "maybe", "neither True nor False"), ("time_s", None, "no positive number"), ("env_seed", 3, "twice")],
)
def test_rows_that_no_evaluation_writes_are_refused_by_their_number(tmp_path, column, value, said):
    rows = episodes("recap", 1, 40)
    rows[4][column] = value
    broken = write(tmp_path / "broken", rows)
    with pytest.raises(DamagedFileError, match=f"{said} in row 5"):
        _ = Side(broken).rows
