import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recap_bench.errors import DamagedFileError
from recap_bench.reporting.loop_tables import check_table, cost_table, write_loop_tables

CORRECTED = {
    "episodes": 10,
    "steps": 5000,
    "successes": 4,
    "assisted": 6,
    "rescued": 3,
    "interventions": 8,
    "correction_s": 20.0,
}


def condition(episodes: int, successes: int, stages: list[float]) -> dict:
    return {"episodes": episodes, "successes": successes, "stages": {str(i): rate for i, rate in enumerate(stages)}}


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    for seed, successes in ((0, 4), (1, 6)):
        folder = tmp_path / f"run{seed}" / f"Espresso-v0/seed{seed}/methods"
        for name in ("sft/iteration1", "recap/iteration1"):
            (folder / name).mkdir(parents=True)
        (folder / "sft/iteration1/corrected.json").write_text(json.dumps({**CORRECTED, "successes": successes}))
        check = {"positive": condition(10, 5, [1.0, 0.5]), "negative": condition(10, seed, [0.5, 0.1])}
        (folder / "recap/iteration1/check.json").write_text(json.dumps(check))
    return [tmp_path / "run0", tmp_path / "run1"]


def test_corrections_are_summed_over_seeds_and_no_rescue_counts_as_a_success_alone(runs: list[Path]) -> None:
    (line,) = cost_table(runs).to_dict("records")
    assert (line["task"], line["method"], line["iteration"], line["seeds"]) == ("Espresso-v0", "sft", 1, 2)
    assert (line["episodes"], line["assisted"], line["rescued"]) == (20, 12, 6)
    assert line["autonomous_successes"] == 4 + 6 - 6
    assert line["interventions_per_episode"] == pytest.approx(16 / 20)
    assert line["share_of_steps"] == pytest.approx(40.0 * 50 / 10000)
    assert line["oracle_s_per_success"] == pytest.approx(40.0 / 10)


def test_what_an_older_run_did_not_record_is_left_empty(runs: list[Path]) -> None:
    file = runs[0] / "Espresso-v0/seed0/methods/sft/iteration1/corrected.json"
    file.write_text(
        json.dumps({name: CORRECTED[name] for name in CORRECTED if name not in ("rescued", "interventions")})
    )
    (line,) = cost_table(runs).to_dict("records")
    assert np.isnan([line["rescued"], line["autonomous_successes"], line["interventions_per_episode"]]).all()
    assert line["oracle_s_per_success"] == pytest.approx(40.0 / 10)


def test_corrections_without_any_success_have_no_price(runs: list[Path]) -> None:
    for file in runs[0].parent.rglob("corrected.json"):
        file.write_text(json.dumps({**CORRECTED, "successes": 0, "rescued": 0}))
    assert np.isnan(cost_table(runs)["oracle_s_per_success"]).all()


def test_conditions_are_compared_over_all_seeds(runs: list[Path]) -> None:
    table = check_table(runs).set_index("condition")
    assert table["episodes"].to_dict() == {"positive": 20, "negative": 20}
    assert table["success_rate"].to_dict() == {"positive": 0.5, "negative": 0.05}
    assert table.loc["positive", "success_low"] == pytest.approx(0.299, abs=1e-3)
    assert table["stages_done"].to_dict() == {"positive": pytest.approx(1.5), "negative": pytest.approx(0.6)}


def test_both_tables_are_written_for_programs_and_people(runs: list[Path], tmp_path: Path) -> None:
    written, text = write_loop_tables(runs, tmp_path / "report")
    assert [path.name for path in written] == ["corrections.csv", "conditions.csv"]
    assert pd.read_csv(written[0])["rescued"].tolist() == [6]
    assert "| sft | 1 | 2 | 20 | 12 | 6 | 4 | 0.80 | 20.0% | 4.0 |" in text
    assert "| recap | 1 | negative | 2 | 20 | 5.0% [0.9%, 23.6%] | 0.60 |" in text
    assert write_loop_tables([], tmp_path / "report") == ([], "")


def test_a_damaged_phase_is_named(runs: list[Path]) -> None:
    (runs[0] / "Espresso-v0/seed0/methods/recap/iteration1/check.json").write_text("{")
    with pytest.raises(DamagedFileError, match=r"check\.json is damaged.*Delete it"):
        check_table(runs)
