import numpy as np
import pytest

from recap_bench.data import shard as shard_files
from recap_bench.data.episode import ACTOR_CORRECTION, Episode
from recap_bench.data.store import Store, StoreHeader
from recap_bench.errors import DamagedFileError, DataError
from tests.disk_limits import largest_file

HEADER = StoreHeader("Espresso-v0", ("grind", "serve"), ("x_m", "y_m", "z_m"))


def make_episode(seed: int, length: int = 4, **changes) -> Episode:
    rng = np.random.default_rng(seed)
    values = {
        "task": HEADER.task,
        "seed": seed,
        "iteration": 1,
        "source": "rollout",
        "profile": "",
        "agent_pos": rng.normal(size=(length, 14)).astype(np.float32),
        "environment_state": rng.normal(size=(length, 3)).astype(np.float32),
        "actions": rng.normal(size=(length, 14)).astype(np.float32),
        "proposals": np.full((length, 14), np.nan, np.float32),
        "actor": np.zeros(length, np.int8),
        "reason": np.zeros(length, np.int8),
        "stages_done": np.zeros(length, np.int8),
        "success": seed % 2 == 0,
        "failure_mode": "none" if seed % 2 == 0 else "time_out",
        "truncated": seed % 2 == 1,
        "stage_times_s": np.array([0.02 * seed, np.nan]),
    }
    return Episode(**{**values, **changes})


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(tmp_path / "store", HEADER)


def assert_same(a: Episode, b: Episode) -> None:
    for name, value in vars(a).items():
        np.testing.assert_array_equal(getattr(b, name), value, err_msg=name)
        assert type(getattr(b, name)) is type(value) or isinstance(value, np.ndarray)


def test_episodes_come_back_as_they_were(store):
    written = [make_episode(seed, length=3 + seed) for seed in range(4)]
    store.append("demonstrations", written[:3])
    store.append("demonstrations", written[3:])
    for before, after in zip(written, Store.open(store.path).episodes(), strict=True):
        assert_same(before, after)


def test_steps_are_ordered_by_group_then_seed_whatever_the_order_of_collection(store, tmp_path):
    other = Store.open(tmp_path / "other", HEADER)
    store.append("b", [make_episode(3), make_episode(1, length=2)])
    store.append("a", [make_episode(2)])
    other.append("a", [make_episode(2)])
    other.append("b", [make_episode(1, length=2)])
    other.append("b", [make_episode(3)])
    steps, same = store.load(["b", "a"]), other.load(["b", "a"])
    assert steps.seed.tolist() == [1, 3, 2]
    assert steps.start.tolist() == [0, 2, 6]
    assert steps.t.tolist() == [0, 1, 0, 1, 2, 3, 0, 1, 2, 3]
    np.testing.assert_array_equal(steps.actions, same.actions)
    np.testing.assert_array_equal(steps.actions[2:6], make_episode(3).actions)


def test_load_leaves_proposals_out_unless_asked(store):
    store.append("a", [make_episode(0)])
    assert store.load().proposals is None
    assert np.isnan(store.load(proposals=True).proposals).all()


def test_assisted_episodes_are_those_with_a_correction(store):
    corrected = np.array([0, ACTOR_CORRECTION, 0, 0], np.int8)
    store.append("a", [make_episode(0), make_episode(2, actor=corrected)])
    assert store.load().assisted.tolist() == [False, True]
    assert not make_episode(2, actor=corrected).unassisted_success


def test_append_never_touches_earlier_shards(store):
    first = store.append("a", [make_episode(0)])
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in first.iterdir()}
    second = store.append("a", [make_episode(0)])
    assert second != first
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in first.iterdir()} == before


def test_a_crash_while_writing_leaves_the_store_as_it_was(store, monkeypatch):
    store.append("a", [make_episode(0)])

    def crash(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shard_files.pyarrow.parquet, "write_table", crash)
        with pytest.raises(KeyboardInterrupt):
            store.append("a", [make_episode(2)])
    assert store.seeds("a") == {0}
    store.append("a", [make_episode(2)])
    assert store.seeds("a") == {0, 2}
    assert sorted(folder.name for folder in (store.path / "a").iterdir()) == ["0000", "0001"]


@pytest.mark.parametrize("name", ["actions.npy", "episodes.parquet", "shard.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "delete"])
def test_a_damaged_shard_is_named(store, name, damage):
    file = store.append("a", [make_episode(0)]) / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "delete":
        file.unlink()
    else:
        file.write_bytes(content[:-7] if damage == "cut" else content)
    with pytest.raises(DataError, match=r"a/0000/\S+ is damaged: .*All other shards can be kept"):
        store.load()


def test_every_shard_records_versions(store):
    store.append("a", [make_episode(0)])
    assert all(len(versions) == 1 for versions in store.versions().values())
    assert set(store.versions()) == {"python", "recap_bench", "mujoco", "numpy"}


def test_a_store_of_another_version_is_refused_whatever_else_it_holds(store):
    (store.path / "store.json").write_text('{"format": 2, "tasks": ["Espresso-v0"]}')
    with pytest.raises(DataError, match=r"has format 2; this version reads format 1\. Use the version that wrote it"):
        Store.open(store.path)


def test_a_damaged_header_is_named(store):
    (store.path / "store.json").write_text('{"format": 1')
    with pytest.raises(DamagedFileError, match=r"store\.json is damaged.*episodes beside it can be kept"):
        Store.open(store.path)


def test_a_shard_that_does_not_fit_on_the_disk_is_named_and_leaves_nothing(store):
    with pytest.raises(OSError, match=r"a/\.tmp-0000/agent_pos\.npy"), largest_file(1000):
        store.append("a", [make_episode(0, length=400)])
    assert store.groups() == []
    store.append("a", [make_episode(0)])
    assert [folder.name for folder in (store.path / "a").iterdir()] == ["0000"]


def test_episodes_of_another_task_are_refused_by_the_names_of_the_tasks(store):
    with pytest.raises(DataError, match=r"holds episodes of Espresso-v0, not of BoxAssembly-v0\. ") as refused:
        Store.open(store.path, StoreHeader("BoxAssembly-v0", ("a",), ("b",)))
    assert "x_m" not in str(refused.value)


def test_what_another_version_of_a_task_changed_is_named(store):
    newer = StoreHeader(HEADER.task, HEADER.stages, (*HEADER.state_names, "w_rad"))
    with pytest.raises(DataError, match=r"another version of Espresso-v0: other state entries, e\.g\. w_rad"):
        Store.open(store.path, newer)
    with pytest.raises(DataError, match="another version of Espresso-v0: stages reordered"):
        Store.open(store.path, StoreHeader(HEADER.task, HEADER.stages[::-1], HEADER.state_names))


def test_episodes_of_a_group_that_is_not_there_are_an_error(store):
    store.append("a", [make_episode(0)])
    with pytest.raises(DataError, match=r"no group 'b'\. Known: a\."):
        next(store.episodes(["b"]))


def test_a_group_takes_no_episodes_that_are_collected_otherwise(store):
    store.agree("a", {"start": "locked", "profile": "mix"})
    store.append("a", [make_episode(0)])
    store.agree("a", {"start": "locked", "profile": "mix"})
    with pytest.raises(DataError, match=r"collected with start 'locked'; received start 'table'"):
        store.agree("a", {"start": "table", "profile": "mix"})
    assert Store.open(store.path).conditions("a") == {"start": "locked", "profile": "mix"}
    store.agree("b", {"start": "table", "profile": "mix"})


def test_conditions_hold_once_there_are_episodes(store):
    store.agree("a", {"start": "locked"})
    assert store.groups() == []
    store.agree("a", {"start": "table"})
    assert store.conditions("a") == {"start": "table"}


def test_a_group_without_a_record_of_conditions_stays_so(store):
    store.append("a", [make_episode(0)])
    store.agree("a", {"start": "table"})
    assert store.conditions("a") == {}


def test_damaged_conditions_are_named(store):
    store.append("a", [make_episode(0)])
    (store.path / "a" / "conditions.json").write_text("[1")
    with pytest.raises(DamagedFileError, match=r"conditions\.json is damaged.*episodes beside it can be kept"):
        store.conditions("a")


def test_what_does_not_belong_is_refused(store, tmp_path):
    with pytest.raises(DataError, match="diverged"):
        store.append("a", [make_episode(1, failure_mode="diverged", truncated=False)])
    with pytest.raises(DataError, match="BoxAssembly"):
        store.append("a", [make_episode(1, task="BoxAssembly-v0")])
    with pytest.raises(DataError, match="equal lengths"):
        make_episode(1, actor=np.zeros(2, np.int8))
    with pytest.raises(DataError, match=r"store\.json is missing"):
        Store.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no group 'b'"):
        store.load(["b"])


@pytest.mark.parametrize("name", ["0001.bak", "0001 (copy)", "notes.txt"])
def test_what_lies_beside_the_shards_is_left_alone(store, name):
    store.append("a", [make_episode(0)])
    (store.path / "a" / name).mkdir()
    assert store.append("a", [make_episode(2)]).name == "0001"
    assert store.load().seed.tolist() == [0, 2]
    assert (store.path / "a" / name).exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"actions": np.zeros((4, 13), np.float32)}, r"actions of .* seed 0 must be \(4, 14\) float32, .* \(4, 13\)"),
        ({"actions": np.zeros((4, 14))}, r"must be \(4, 14\) float32, received \(4, 14\) float64"),
        ({"environment_state": np.zeros((4, 3))}, r"environment_state .* must be \(4, 3\) float32, .* float64"),
        ({"actor": np.zeros((4, 1), np.int8)}, r"actor of .* must be \(4,\) int8, received \(4, 1\)"),
        ({"stages_done": np.zeros(4, np.int64)}, r"stages_done .* int8, received \(4,\) int64"),
        ({"length": 0}, "seed 0 has no step; a store takes episodes of at least one"),
    ],
)
def test_an_episode_of_another_shape_or_precision_is_refused(store, changes, message):
    with pytest.raises(DataError, match=message):
        store.append("a", [make_episode(2), make_episode(0, **changes)])
    assert store.groups() == []


def test_a_group_that_the_source_lacks_cannot_be_linked(store, tmp_path):
    source = Store.open(tmp_path / "source", HEADER)
    source.append("demonstrations", [make_episode(0)])
    with pytest.raises(DataError, match=r"source has no group 'rollouts'\. Known: demonstrations"):
        store.link(source, "rollouts")
    assert store.groups() == []
    store.link(source, "demonstrations")
    assert store.seeds("demonstrations") == {0}


def test_select_renumbers_episodes(store):
    store.append("a", [make_episode(seed, length=seed + 1) for seed in range(4)])
    steps = store.load().select(np.array([False, True, False, True]))
    assert steps.length.tolist() == [2, 4]
    assert steps.episode.tolist() == [0, 0, 1, 1, 1, 1]
    assert steps.t.tolist() == [0, 1, 0, 1, 2, 3]
    np.testing.assert_array_equal(steps.actions[2:], make_episode(3).actions)
