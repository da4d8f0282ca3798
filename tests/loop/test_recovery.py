import errno
import shutil
from pathlib import Path

import pytest

from recap_bench.cli import main
from recap_bench.errors import ConfigurationError, DamagedFileError, DataError, StorageError
from recap_bench.loop import plan
from recap_bench.loop.events import PhaseStarted
from recap_bench.loop.iterate import run
from recap_bench.loop.recovery import explained
from recap_bench.loop.run_folder import RunFolder
from tests.disk_limits import FULL_DEVICE, fill_up, largest_file
from tests.loop.toy_method import TOY_PARTS, toy_config

METHODS = "Espresso-v0/seed0/methods"
needs_full_device = pytest.mark.skipif(not FULL_DEVICE.exists(), reason=f"there is no {FULL_DEVICE}")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "toy"
    run(toy_config(out), parts=TOY_PARTS)
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "toy")


@needs_full_device
@pytest.mark.parametrize(
    ("blocked", "named"),
    [
        ("rows.csv", "rows.csv"),
        ("log.jsonl", "log.jsonl"),
        (f"{METHODS}/recap/iteration1/fit.json", "fit.json"),
        (f"{METHODS}/recap/iteration1/evaluation.csv", "evaluation.csv"),
        (f"{METHODS}/recap/iteration2/policy.json", "iteration2"),
    ],
)
def test_a_full_disk_names_the_file_and_the_run_can_be_resumed(
    finished: Path, tmp_path: Path, blocked: str, named: str
) -> None:
    config = toy_config(tmp_path / "toy")
    # What is written atomically goes through a temporary file.
    place = config.out / blocked
    trap = place if place.name in ("log.jsonl", "policy.json") else place.with_name(f".tmp-{place.name}")
    fill_up(trap)
    with pytest.raises(StorageError, match=rf"{named}.*the disk is full.*Run the same command again"):
        run(config, parts=TOY_PARTS)
    trap.unlink(missing_ok=True)
    run(config, parts=TOY_PARTS)
    assert (config.out / "rows.csv").read_bytes() == (finished / "rows.csv").read_bytes()


def test_a_disk_that_fills_up_within_a_shard_names_its_file(finished: Path, tmp_path: Path) -> None:
    config = toy_config(tmp_path / "toy")

    def stop(event: object) -> None:
        if isinstance(event, PhaseStarted) and event.phase.name == plan.CORRECTED:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(config, stop, TOY_PARTS)
    with pytest.raises(StorageError, match=r"sft-1-corrected/\S+: the file would be larger"), largest_file(3000):
        run(config, parts=TOY_PARTS)
    run(config, parts=TOY_PARTS)
    assert (config.out / "rows.csv").read_bytes() == (finished / "rows.csv").read_bytes()


@pytest.mark.parametrize(
    ("code", "said"), [(errno.EROFS, "read-only"), (errno.EACCES, "access is denied"), (errno.ENOSPC, "disk is full")]
)
def test_every_trouble_with_a_disk_is_explained(tmp_path: Path, code: int, said: str) -> None:
    message = rf"log\.jsonl: .*{said}.*Run the same command again"
    with pytest.raises(StorageError, match=message), explained(RunFolder(tmp_path)):
        raise OSError(code, "as the system calls it", str(tmp_path / "log.jsonl"))
    with pytest.raises(FileNotFoundError), explained(RunFolder(tmp_path)):
        (tmp_path / "nothing").read_text()


@pytest.mark.skipif(not Path("/sys").is_dir(), reason="there is no /sys, where nobody may make a folder")
def test_a_place_that_cannot_be_written_to_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    size = ["--episodes", "1", "--num-envs", "1", "--threads", "1"]
    assert main(["collect", "--task", "Espresso-v0", *size, "--out", "/sys/recap_bench"]) == 2
    assert "Cannot use /sys/recap_bench: " in capsys.readouterr().err


def damage(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_a_damaged_shard_can_be_made_again_as_the_error_says(copy: Path, finished: Path) -> None:
    file = copy / "Espresso-v0/seed0/store/recap-2-autonomous/0000/actions.npy"
    damage(file)
    evaluation = copy / METHODS / "recap/iteration2/evaluation.json"
    fit = copy / METHODS / "recap/iteration2/fit.json"
    evaluation.unlink()
    fit.unlink()
    with pytest.raises(DamagedFileError) as error:
        run(toy_config(copy), parts=TOY_PARTS)
    result = copy / METHODS / "recap/iteration2/autonomous.json"
    assert f"{file} is damaged" in str(error.value)
    assert f"Everything else can be kept. Delete {file.parent} and {result}. Run the same command" in str(error.value)
    shutil.rmtree(file.parent)
    result.unlink()
    run(toy_config(copy), parts=TOY_PARTS)
    for name in ("rows.csv", f"{METHODS}/recap/iteration2/fit.json", f"{METHODS}/recap/iteration2/autonomous.json"):
        assert (copy / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize(
    ("file", "result"),
    [
        ("recap/iteration1/policy/config.json", "recap/iteration1/fit.json"),
    ],
)
def test_a_damaged_checkpoint_is_fitted_again_from_the_episodes(tmp_path: Path, file: str, result: str) -> None:
    with pytest.raises(DamagedFileError) as error, explained(RunFolder(tmp_path)):
        raise DamagedFileError(tmp_path / METHODS / file, "it is short", "All episodes can be kept: fit again.")
    assert f"Everything else can be kept. Delete {tmp_path / METHODS / result}." in str(error.value)


def test_damaged_demonstrations_belong_to_what_all_methods_share(tmp_path: Path) -> None:
    shard = tmp_path / "Espresso-v0/seed0/store/demonstrations/0001"
    with pytest.raises(DamagedFileError) as error, explained(RunFolder(tmp_path)):
        raise DamagedFileError(shard / "actor.npy", "it is short", "")
    cached = tmp_path / "pretraining/Espresso-v0/seed0"
    for path in (
        shard.parent,
        tmp_path / METHODS / "sft/iteration0/demonstrations.json",
        cached / "store/demonstrations/0001",
        cached / "methods/pretraining/iteration0/demonstrations.json",
    ):
        assert str(path) in str(error.value)


def test_a_damaged_file_outside_the_run_keeps_its_own_advice(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match="fit again"), explained(RunFolder(tmp_path / "run")):
        raise DamagedFileError(tmp_path / "cache/weights.safetensors", "it is short", "Please fit again.")


def test_a_damaged_config_is_named(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    with pytest.raises(DataError, match=r"config\.json is damaged"):
        run(toy_config(copy), parts=TOY_PARTS)


def test_a_damaged_note_of_the_pretraining_is_named_and_found_again(copy: Path) -> None:
    (copy / "pretraining.json").write_text("{")
    with pytest.raises(DamagedFileError, match=r"pretraining\.json is damaged: .* Delete it"):
        run(toy_config(copy), parts=TOY_PARTS)
    (copy / "pretraining.json").unlink()
    assert run(toy_config(copy), parts=TOY_PARTS)


def test_a_mistake_in_a_first_command_leaves_nothing_that_bars_the_right_one(tmp_path: Path) -> None:
    mistaken = toy_config(tmp_path / "run", pretrained=tmp_path / "nowhere")
    with pytest.raises(DataError, match="holds no finished pre-training"):
        run(mistaken, parts=TOY_PARTS)
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "run" / "config.json").exists()
    folder = RunFolder(tmp_path / "run")
    (tmp_path / "run").mkdir(exist_ok=True)
    folder.adopt(mistaken, torch_threads=1)
    assert run(toy_config(tmp_path / "run"), parts=TOY_PARTS)
    with pytest.raises(ConfigurationError, match=r"config\.pretrained"):
        folder.check(mistaken)
