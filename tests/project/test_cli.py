import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from recap_bench.cli import COMMANDS, INTERNAL_ERROR, build_parser, main
from recap_bench.commands import run as run_command
from recap_bench.errors import RenderingUnavailableError

EVALUATION_KEYS = [
    "task",
    "policy",
    "episodes",
    "successes",
    "success_rate",
    "success_ci95",
    "throughput_per_hour",
    "throughput_ci95",
    "mean_success_time_s",
    "failure_modes",
    "stages",
]
SPEED_KEYS = [
    "task",
    "num_envs",
    "threads",
    "mode",
    "control_steps_per_s",
    "bare_physics_steps_per_s",
    "ratio",
    "realtime_factor",
]


@pytest.fixture(autouse=True)
def empty_working_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Default folders, such as runs/quick, are those of nobody: `make run` before the tests leaves one."""
    monkeypatch.chdir(tmp_path_factory.mktemp("working_folder"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert "default: None" not in capsys.readouterr().out


def test_list_says_what_each_name_stands_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    lines = {tuple(line.split()[:2]): " ".join(line.split()[2:]) for line in capsys.readouterr().out.splitlines()}
    assert lines["task", "recap_bench/Espresso-v0"] == "starts: table, locked"
    diverse = lines["task", "recap_bench/LaundryDiverse-v0"]
    assert diverse.startswith(
        "starts: flat, light, crumpled, begun; or e.g. button_up_shirt_flat, of button_up_shirt, "
    )
    assert ("method", "recap") in lines
    assert lines["profile", "novice"].startswith("0.75 of the skilled speed, pauses before 25% of the motions")
    assert "40 demonstrations, iterations: 1 of 40 rollouts" in lines["preset", "quick"]
    assert "1000 demonstrations, iterations: 2 of as many rollouts as the paper" in lines["preset", "paper"]


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert re.fullmatch(r"recap-bench (\d+\.\d+\.\d+\S*|of a source tree .*)\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--task", "Expresso", "--policy", "idle"], "Unknown task 'Expresso'. Known: Espresso-v0"),
        (["run", "--dry-run", "--methods", "recup"], "Unknown method 'recup'"),
        (["run", "--dry-run", "--preset", "fast"], "Unknown preset 'fast'"),
        (["report", "nowhere"], "No evaluation rows"),
        (["replay", "nowhere"], "No episode store"),
        (["inspect", "nowhere"], "No run at nowhere"),
        (["control", "nowhere", "--methods", "awr", "--out", "elsewhere"], "No run at nowhere"),
        (["compare", "nowhere", "nowhere"], "No evaluation rows at nowhere"),
        (["evaluate", "--task", "Espresso-v0", "--policy", "nowhere"], "nowhere"),
        (["collect", "--task", "Espresso-v0", "--corrections", "--out", "x"], "needs a policy to correct"),
        (
            ["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--start", "jig"],
            "Unknown start of Espresso-v0 'jig'",
        ),
        (
            ["run", "--dry-run", "--tasks", "all", "--start", "jig"],
            "Unknown start of Espresso-v0 'jig'. Known: table, locked",
        ),
        (["speed", "--modes", "smell"], "Unknown speed mode 'smell'"),
        (["speed", "--learning", "--preset", "fast"], "Unknown preset 'fast'"),
        (["speed", "--learning", "--device", "gpu"], "device = 'gpu' cannot be used here"),
        (["run", "--device", "gpu", "--out", "nowhere"], "device = 'gpu' cannot be used here"),
        (["run", "--dry-run", "--device", "gpu"], "device = 'gpu' cannot be used here"),
        (["run", "--dry-run", "--workers", "0"], "workers=0 (must be >= 1)"),
        (
            ["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--guidance", "2", "--device", "cuda"],
            "--guidance, --device has no effect on 'idle'",
        ),
        (["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--workers", "0"], "--workers must be at least 1"),
        (["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--profile", "novice"], "--profile has no effect"),
        (
            ["collect", "--task", "Espresso-v0", "--policy", "nowhere", "--profile", "novice", "--out", "x"],
            "--profile has no effect on a policy without --corrections",
        ),
        (["speed", "--learning", "--modes", "pixels"], "--modes has no effect with --learning"),
        (["speed", "--device", "cuda", "--preset", "quick"], "--preset, --device has no effect without --learning"),
        (["run", "--dry-run", "--pretrained", "nowhere"], "nowhere holds no finished pre-training"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"recap-bench {arguments[0]}: ")
    assert said in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--json", "FOLDER"], "FOLDER is a folder"),
        (["compare", "a", "b", "--csv", "FILE/rows.csv"], "FILE is a file"),
        (["run", "--out", "FILE"], "FILE is a file"),
        (["collect", "--task", "Espresso-v0", "--out", "FILE/sub"], "FILE is a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    places = {"FOLDER": str(tmp_path), "FILE": str(tmp_path / "file")}
    for name, place in places.items():
        arguments, said = [part.replace(name, place) for part in arguments], said.replace(name, place)
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "kept"


def test_a_list_given_in_several_parts_is_one_list() -> None:
    parse = build_parser().parse_args
    assert parse(["run", "--set", "a=1", "--set", "b=2", "c=3"]).set == ["a=1", "b=2", "c=3"]
    assert parse(["run", "--seeds", "3", "--seeds", "4"]).seeds == [3, 4]
    assert parse(["run"]).seeds == [0]
    assert parse(["run", "--tasks", "BoxAssembly-v0"]).tasks == ["BoxAssembly-v0"]


def test_an_unforeseen_error_is_no_regression(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: object) -> int:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(COMMANDS["doctor"], "execute", fail)
    assert main(["doctor"]) == INTERNAL_ERROR
    assert "nobody thought of this" in capsys.readouterr().err


def test_the_plan_of_a_run_is_printed_without_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, own = tmp_path / "run", ["--task-demonstrations", "Espresso-v0=5"]
    assert main(["run", "--dry-run", "--out", str(out), "--seeds", "3", "4", "--demonstrations", "7", *own]) == 0
    text = capsys.readouterr().out
    assert "demonstrations: 7" in text
    assert "task_demonstrations: {'Espresso-v0': 5}" in text
    assert "control steps/s" in text
    hours = [float(line.split()[1]) for line in text.splitlines() if line.split()[2:3] == ["h"]]
    assert len(hours) == 16
    assert sorted(hours)[1] == 0 < sorted(hours)[2]  # both seeds take over the demonstrations of the pre-training
    total = float(text.partition("at most ")[2].split()[0])
    assert total == pytest.approx(sum(hours), abs=0.01 * len(hours))  # each is rounded
    assert "seed 4: recap iteration 1 evaluation" in text
    assert not out.exists()


def test_what_is_done_already_is_no_part_of_the_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made"
    for phase in (
        "Espresso-v0/seed0/methods/pretraining/iteration0/demonstrations",
        "all/seed0/methods/pretraining/iteration0/pretrain",
    ):
        file = made / f"{phase}.json"
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    run = ["run", "--dry-run", "--demonstrations", "7", "--iterations", "0", "--out", str(tmp_path / "run")]
    assert main([*run, "--pretrained", str(made)]) == 0
    text = capsys.readouterr().out
    assert [line.split()[1] for line in text.splitlines() if "pretraining iteration 0" in line] == ["done", "done"]
    hours = [float(line.split()[1]) for line in text.splitlines() if line.split()[2:3] == ["h"]]
    assert float(text.partition("at most ")[2].split()[0]) == pytest.approx(sum(hours), abs=0.01 * len(hours))


def test_evaluation_writes_measures_and_one_row_per_episode(tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "out" / "idle.json"), "--csv", str(tmp_path / "idle.csv")]
    size = ["--episodes", "2", "--num-envs", "2", "--threads", "1", "--seed", "5"]
    assert main(["evaluate", "--task", "recap_bench/Espresso-v0", "--policy", "idle", *size, *files]) == 0
    result = json.loads((tmp_path / "out" / "idle.json").read_text())
    assert [key for key in result if key != "rows"] == EVALUATION_KEYS
    assert [row["env_seed"] for row in result["rows"]] == [5, 6]
    rows = list(csv.DictReader((tmp_path / "idle.csv").open()))
    assert [row["success"] for row in rows] == ["False", "False"]


def test_another_policy_can_start_where_an_evaluation_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (str(tmp_path / name) for name in ("idle.csv", "still.csv"))
    task = ["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--num-envs", "2", "--threads", "1"]
    assert main([*task, "--episodes", "2", "--seed", "5", "--csv", first]) == 0
    assert main([*task, "--starts-of", first, "--name", "still", "--csv", second]) == 0
    with Path(second).open() as rows:
        assert [row["env_seed"] for row in csv.DictReader(rows)] == ["5", "6"]
    assert main(["compare", second, first, "--method", "still", "--against", "idle"]) == 0
    capsys.readouterr()
    assert main([*task, "--starts-of", first, "--episodes", "3"]) == 2
    assert "--seed and --episodes have no effect with --starts-of" in capsys.readouterr().err
    box = ["evaluate", "--task", "BoxAssembly-v0", "--policy", "idle", "--starts-of", first]
    assert main(box) == 2
    assert "must hold one evaluation of BoxAssembly-v0" in capsys.readouterr().err


def test_an_evaluation_on_the_starts_of_another_begins_in_the_same_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, old = (tmp_path / name for name in ("first.csv", "second.csv", "old.csv"))
    task = ["evaluate", "--task", "Espresso-v0", "--policy", "idle", "--num-envs", "1", "--threads", "1"]
    size = ["--episodes", "1", "--start", "locked", "--randomization", "none"]
    assert main([*task, *size, "--csv", str(first)]) == 0
    assert main([*task, "--starts-of", str(first), "--csv", str(second)]) == 0
    assert second.read_text() == first.read_text()
    assert main([*task, *size[:2], "--csv", str(second)]) == 0
    assert main(["compare", str(second), str(first)]) == 2
    assert "start table, randomization standard" in capsys.readouterr().err
    for option, other in (("start", "table"), ("randomization", "standard")):
        assert main([*task, "--starts-of", str(first), f"--{option}", other]) == 2
        assert f"received {other}. Leave out --{option}." in capsys.readouterr().err
    old.write_text("\n".join(line.rpartition(",")[0].rpartition(",")[0] for line in first.read_text().splitlines()))
    assert main([*task, "--starts-of", str(old), "--start", "locked"]) == 2
    assert "does not say where its episodes start" in capsys.readouterr().err
    (tmp_path / "config.json").write_text('{"config": {"start": "locked", "randomization": "none"}}')
    assert main([*task, "--starts-of", str(old), "--csv", str(second)]) == 0
    assert second.read_text() == first.read_text()
    lines = first.read_text().splitlines()
    old.write_text("\n".join([*lines, lines[1].replace(",locked,", ",table,")]))
    assert main([*task, "--starts-of", str(old)]) == 2
    assert "its episodes start in several places" in capsys.readouterr().err


def test_a_collected_episode_replays_as_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    size = ["--episodes", "2", "--num-envs", "2", "--threads", "1"]
    assert main(["collect", "--task", "Espresso-v0", "--profile", "skilled", *size, "--out", str(store)]) == 0
    assert main(["replay", str(store), "--episode", "1"]) == 0
    assert "no difference, the same outcome" in capsys.readouterr().out
    assert main(["replay", str(store), "--episode", "2"]) == 2
    assert "has no episode 2. Known: 0 to 1." in capsys.readouterr().err
    assert main(["replay", str(store), "--group", "foo"]) == 2
    assert "has no group 'foo'. Known: demonstrations." in capsys.readouterr().err


def test_a_store_without_episodes_cannot_be_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from recap_bench.data.store import Store, StoreHeader

    Store.open(tmp_path, StoreHeader("Espresso-v0", ("serve",), ("x_m",)))
    assert main(["replay", str(tmp_path)]) == 2
    assert f"Store {tmp_path} holds no episodes." in capsys.readouterr().err


@pytest.mark.parametrize(("option", "ending"), [("--strip", ".png"), ("--video", ".mp4")])
def test_films_of_other_endings_are_refused(option: str, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["replay", "nowhere", option, "x.txt"])
    assert f"argument {option}: must be a file name that ends in {ending}, received 'x.txt'" in capsys.readouterr().err


def test_collecting_nothing_is_refused_and_makes_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = tmp_path / "store"
    assert main(["collect", "--task", "Espresso-v0", "--episodes", "-2", "--out", str(store)]) == 2
    assert "--episodes must be at least 1, received -2" in capsys.readouterr().err
    assert not store.exists()


@pytest.mark.parametrize("kept", ["config.json", "recipe.json"])
def test_nothing_is_collected_into_the_store_of_a_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kept: str
) -> None:
    store = tmp_path / "runs/mine/Espresso-v0/seed0/store"
    store.mkdir(parents=True)
    (tmp_path / "runs/mine" / kept).write_text("{}")
    assert main(["collect", "--task", "Espresso-v0", "--episodes", "1", "--out", str(store)]) == 2
    assert f"{tmp_path / 'runs/mine'}, whose fits would take these episodes for their own" in capsys.readouterr().err
    assert not list(store.iterdir())


def test_a_store_keeps_what_it_was_collected_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, start = tmp_path / "store", ["--start", "jig"]
    task = ["collect", "--task", "BoxAssembly-v0", "--num-envs", "1", "--threads", "1", "--out", str(store)]
    usual = ["--profile", "skilled", "--episodes", "1"]
    assert main([*task, *usual, *start]) == 0
    assert main(["replay", str(store)]) == 0
    capsys.readouterr()
    assert main([*task, "--profile", "novice", "--episodes", "2", "--randomization", "none"]) == 2
    said = capsys.readouterr().err
    assert "collected with profile 'skilled', randomization 'standard', start 'jig'; received profile 'novice'" in said
    assert main(["replay", str(store), "--start", "stack"]) == 1
    said = capsys.readouterr().out
    assert "ANOTHER outcome" in said
    assert "note:     --start is stack, the episode was collected with jig" in said


def test_a_store_of_before_needs_to_be_told_where_it_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, start = tmp_path / "store", ["--start", "jig"]
    collect = ["collect", "--task", "BoxAssembly-v0", "--profile", "skilled", "--episodes", "1", "--num-envs", "1"]
    collect += ["--threads", "1", "--out", str(store), *start]
    assert main(collect) == 0
    (store / "demonstrations" / "conditions.json").unlink()
    assert main(["replay", str(store)]) == 1
    assert "hint:     where episodes start is not recorded here" in capsys.readouterr().out
    assert main(["replay", str(store), *start]) == 0
    assert main(collect) == 0
    assert "does not say what its first episodes were collected with" in capsys.readouterr().out


@pytest.mark.rendering
def test_a_replay_can_be_filmed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, film = tmp_path / "store", tmp_path / "film.mp4"
    size = ["--episodes", "1", "--num-envs", "1", "--threads", "1"]
    assert main(["collect", "--task", "Espresso-v0", "--profile", "skilled", *size, "--out", str(store)]) == 0
    code = main(["replay", str(store), "--video", str(film)])
    if "No off-screen OpenGL" in (reason := capsys.readouterr().err):
        pytest.skip(reason)
    assert code == 0
    assert film.stat().st_size > 10_000


def test_a_run_without_opengl_goes_on_without_a_film(monkeypatch: pytest.MonkeyPatch) -> None:
    from recap_bench.commands import final_policy
    from recap_bench.config import PRESETS

    def unavailable(config: object, task: str) -> Path:
        raise RenderingUnavailableError("No off-screen OpenGL by egl. Install libegl1.")

    monkeypatch.setattr(final_policy, "film_final_policy", unavailable)
    said: list[str] = []
    run_command._film(PRESETS["quick"], "Espresso-v0", said.append)
    assert said == ["WARNING no film of Espresso-v0: No off-screen OpenGL by egl. Install libegl1."]


def test_speed_rows_compare_with_bare_physics(tmp_path: Path) -> None:
    from recap_bench.speed import SpeedConfig, measure

    row = measure(SpeedConfig("Espresso-v0", num_envs=2, threads=1, blocks=2, block_steps=10, gap_steps=20))
    assert list(row) == SPEED_KEYS
    assert row["threads"] == 1
    assert 0.0 < row["ratio"] < 2.0
    assert row["realtime_factor"] == pytest.approx(row["control_steps_per_s"] / 50)


def test_doctor_finds_no_problem_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "reproducible" in capsys.readouterr().out


def test_the_installed_command_shows_no_traceback_on_a_mistake() -> None:
    command = [sys.executable, "-m", "recap_bench.cli", "evaluate", "--task", "tea", "--policy", "idle"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
