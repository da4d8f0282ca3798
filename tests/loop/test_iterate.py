import dataclasses
import inspect
import json
import multiprocessing
import re

import pytest

from recap_bench import seeding
from recap_bench.data.store import Store
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.loop import plan
from recap_bench.loop.events import PhaseAdvanced, PhaseFinished, PhaseStarted, RunPlanned, Warned
from recap_bench.loop.intervention import GateConfig
from recap_bench.loop.iterate import run
from recap_bench.loop.pretraining import pretraining_folder
from recap_bench.loop.run_folder import RunFolder
from tests.loop.toy_method import TOY_PARTS, ToyMethod, toy_config
from tests.toy_env import ToyVectorEnv


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "toy"
    events = []
    summary = run(toy_config(out), events.append, TOY_PARTS)
    return out, summary, events


def files(out, pattern):
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob(pattern))}


def test_a_run_leaves_rows_and_a_summary(finished):
    out, summary, _ = finished
    assert [(entry["method"], entry["iteration"]) for entry in summary] == [
        ("sft", 0), ("recap", 1), ("recap", 2), ("filtered_bc", 1), ("filtered_bc", 2)
    ]  # fmt: skip
    assert json.loads((out / "summary.json").read_text()) == summary
    rows = (out / "rows.csv").read_text().splitlines()
    assert len(rows) == 1 + 5 * 5
    assert rows[0].startswith("run,task,method,seed,iteration,episode,env_seed,success,failure_mode,steps,time_s,")
    assert rows[0].endswith(",stages_done,stage_touch_s,stage_return_s,assisted,oracle_s,start,randomization")


def test_all_evaluations_use_the_same_seeds_and_no_collection_does(finished):
    out, _, _ = finished
    tables = [json.loads(text)["rows"] for text in files(out, "evaluation.json").values()]
    seeds = {tuple(row["env_seed"] for row in rows) for rows in tables}
    assert len(seeds) == 1
    store = Store.open(out / "Espresso-v0/seed0/store")
    collected = [store.seeds(group) for group in store.groups()]
    assert all(not set(next(iter(seeds))) & group for group in collected)
    assert not store.seeds("recap-2-autonomous") & store.seeds("sft-1-autonomous")
    assert store.seeds("sft-1-corrected") == store.seeds("sft-1-uncorrected")


def test_a_fit_sees_demonstrations_and_all_rounds_of_its_own_method(finished):
    out, _, _ = finished
    for method, kind in (("recap", "corrected"), ("filtered_bc", "uncorrected")):
        folder = out / "Espresso-v0/seed0/methods" / method
        sizes = [json.loads((folder / f"iteration{k}/fit.json").read_text())["diagnostics"]["episodes"] for k in (1, 2)]
        assert sizes == [12, 18]
        assert (folder / f"iteration2/{kind}.json").exists()


def test_a_fit_knows_the_one_whose_policy_collected_the_last_round(finished):
    out, _, _ = finished
    methods = out / "Espresso-v0/seed0/methods"
    for fit, before in (
        ("sft/iteration0", None),
        ("recap/iteration1", "sft/iteration0"),
        ("recap/iteration2", "recap/iteration1"),
        ("filtered_bc/iteration1", "sft/iteration0"),
        ("filtered_bc/iteration2", "filtered_bc/iteration1"),
    ):
        found = json.loads((methods / fit / "fit.json").read_text())["diagnostics"]["previous"]
        assert found == (before and f"toy/Espresso-v0/seed0/methods/{before}"), fit


def test_the_check_runs_only_for_methods_with_variants(finished):
    out, _, _ = finished
    checks = {name: json.loads(text) for name, text in files(out, "check.json").items()}
    recap = checks["Espresso-v0/seed0/methods/recap/iteration2/check.json"]
    assert list(recap) == ["positive", "negative"]
    assert recap["positive"]["success_rate"] > recap["negative"]["success_rate"]
    assert checks["Espresso-v0/seed0/methods/filtered_bc/iteration2/check.json"] == {}


def test_the_observer_sees_plan_progress_results_and_warnings(finished):
    _, _, events = finished
    assert isinstance(events[0], RunPlanned)
    done = [event.phase for event in events if isinstance(event, PhaseFinished)]
    assert tuple(done) == events[0].phases
    assert [event.phase for event in events if isinstance(event, PhaseStarted)] == done
    assert {event.message for event in events if isinstance(event, Warned)} == {"a toy"}
    advanced = [event for event in events if isinstance(event, PhaseAdvanced)]
    assert {(event.phase.name, event.stage) for event in advanced} >= {("fit", "policy"), ("evaluation", "episodes")}
    last = [event for event in advanced if event.phase.name == "evaluation"][-1]
    assert (last.done, last.total, list(last.partial)) == (5, 5, ["success_rate"])


def test_a_finished_run_is_not_done_again(finished):
    out, summary, _ = finished
    before, events = files(out, "*.json"), []
    assert run(toy_config(out), events.append, TOY_PARTS) == summary
    assert all(event.resumed for event in events if isinstance(event, PhaseFinished))
    assert files(out, "*.json") == before


@pytest.mark.parametrize("after", range(0, 60, 6))
def test_a_killed_run_resumes_to_identical_results(finished, tmp_path, after):
    out, summary, _ = finished
    countdown = iter(range(after))

    def kill(event):
        if isinstance(event, PhaseAdvanced | PhaseStarted) and next(countdown, None) is None:
            raise KeyboardInterrupt

    config = toy_config(tmp_path / "toy")
    with pytest.raises(KeyboardInterrupt):
        run(config, kill, TOY_PARTS)
    assert run(config, parts=TOY_PARTS) == summary
    for pattern in ("rows.csv", "evaluation.csv", "policy.json", "fit.json", "check.json"):
        assert files(tmp_path / "toy", pattern) == files(out, pattern), pattern


def test_a_killed_collection_keeps_its_full_shards(tmp_path):
    config = toy_config(tmp_path / "toy", demonstrations=9, num_envs=2)
    flown = []

    def env_that_counts(config, task, dumps):
        flown.append(ToyVectorEnv(config.num_envs))
        return flown[-1]

    def kill(event):
        if isinstance(event, PhaseAdvanced) and event.phase.name == plan.DEMONSTRATIONS and event.done == 7:
            raise KeyboardInterrupt

    parts = dataclasses.replace(TOY_PARTS, make_env=env_that_counts)
    with pytest.raises(KeyboardInterrupt):
        run(config, kill, parts)
    store = Store.open(pretraining_folder(config) / "Espresso-v0/seed0/store")
    assert len(store.seeds("demonstrations")) == 6
    resumed = []
    run(config, lambda event: resumed.append(event) if isinstance(event, PhaseAdvanced) else None, parts)
    assert resumed[0].done == 7
    assert len(store.seeds("demonstrations")) == 9


@pytest.mark.parametrize(
    ("chosen", "flown"),
    [
        (None, {"shown": {"demonstrations"}, "judged": {"rollouts"}}),
        ("other", {"other": {"demonstrations", "rollouts"}}),
    ],
)
def test_demonstrations_and_policies_start_where_the_task_or_the_run_says(tmp_path, chosen, flown):
    """A task's own start is asked for its facts alone."""
    spec = dataclasses.replace(ToyVectorEnv.spec_of_task, demonstration_start="shown", evaluation_start="judged")
    config = toy_config(tmp_path / "toy", start=chosen)
    shown = set(plan.environment_seeds(plan.demonstrations_of("Espresso-v0"), config.demonstrations))
    seen = {}

    class Env(ToyVectorEnv):
        spec_of_task = spec

        def __init__(self, num_envs, start):
            super().__init__(num_envs)
            self.start = start

        def reset(self, *, seed=None, options=None):
            result = super().reset(seed=seed, options=options)
            begun = set(self._seeds[self._seeds >= 0].tolist())
            kinds = [kind for kind, some in (("demonstrations", begun & shown), ("rollouts", begun - shown)) if some]
            seen.setdefault(self.start, set()).update(kinds)
            return result

    parts = dataclasses.replace(TOY_PARTS, make_env=lambda config, task, dumps: Env(config.num_envs, config.start))
    run(config, parts=parts)
    assert seen == flown


def test_diverged_episodes_are_reported_and_not_stored(tmp_path):
    config = toy_config(tmp_path / "toy", iterations=0)
    first = plan.demonstrations_of("Espresso-v0")
    broken = plan.environment_seeds(first, 6)[2]
    fresh = plan.environment_seeds(dataclasses.replace(first, name=plan.EVALUATION), 5)[1]
    parts = dataclasses.replace(
        TOY_PARTS, make_env=lambda config, task, dumps: ToyVectorEnv(config.num_envs, diverging=[broken, fresh])
    )
    warnings = []
    summary = run(config, lambda event: warnings.append(event) if isinstance(event, Warned) else None, parts)
    store = Store.open(tmp_path / "toy/Espresso-v0/seed0/store")
    assert store.seeds("demonstrations") == set(plan.environment_seeds(first, 6)) - {broken}
    assert RunFolder(config.out, pretraining_folder(config)).result(first)["diverged_seeds"] == [broken]
    assert str(broken) in warnings[0].message
    assert summary[0]["episodes"] == 5
    assert summary[0]["failure_modes"]["diverged"] == 1


def test_a_different_config_is_refused_and_the_difference_named(finished):
    out, _, _ = finished
    changed = toy_config(out, demonstrations=7, gate=GateConfig(no_progress_s=1.0, reaction_delay_s=0.04))
    with pytest.raises(ConfigurationError) as error:
        run(changed, parts=TOY_PARTS)
    assert "config.demonstrations is 6 there and 7 now" in str(error.value)
    assert "config.gate.no_progress_s is 0.4 there and 1.0 now" in str(error.value)
    assert "reaction_delay_s" not in str(error.value)


def test_threads_and_place_may_change(finished):
    out, summary, _ = finished
    moved = out.rename(out.with_name("moved"))
    try:
        assert run(toy_config(moved, threads=1), parts=TOY_PARTS) == summary
    finally:
        moved.rename(out)


def test_a_run_that_goes_on_with_another_number_of_threads_warns_and_logs_it(tmp_path):
    """Whatever is fitted from there on is rounded otherwise."""

    def kill(event):
        if isinstance(event, PhaseStarted) and event.phase.name == plan.FIT:
            raise KeyboardInterrupt

    config, events = toy_config(tmp_path / "toy", iterations=0, threads=1), []
    with pytest.raises(KeyboardInterrupt):
        run(config, kill, TOY_PARTS)
    run(dataclasses.replace(config, threads=2), events.append, TOY_PARTS)
    (warning,) = (event for event in events if isinstance(event, Warned))
    assert warning.phase.name == plan.FIT
    assert re.search("torch had 1 thread.* and has 2 now", warning.message)
    run(dataclasses.replace(config, threads=2), events.append, TOY_PARTS)  # nothing is left to do
    assert len([event for event in events if isinstance(event, Warned)]) == 1
    log = [json.loads(line) for line in (config.out / "log.jsonl").read_text().splitlines()]
    assert all(entry["torch_threads"] >= 1 for entry in log if "seconds" in entry)


def hold(out, held, release):
    with RunFolder(out).locked():
        held.set()
        release.wait(20)


def test_two_runs_cannot_share_a_folder_and_a_killed_one_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "toy", held, release))
    other.start()
    try:
        assert held.wait(20)
        with pytest.raises(ConfigurationError, match="Another run is working in"):
            run(toy_config(tmp_path / "toy", iterations=0), parts=TOY_PARTS)
    finally:
        other.kill()
        other.join()
    run(toy_config(tmp_path / "toy", iterations=0), parts=TOY_PARTS)


def test_a_damaged_result_says_what_to_do(tmp_path):
    config = toy_config(tmp_path / "toy", iterations=0)
    run(config, parts=TOY_PARTS)
    file = tmp_path / "toy/Espresso-v0/seed0/methods/sft/iteration0/fit.json"
    file.write_text(file.read_text()[:-5])
    with pytest.raises(DataError, match=r"fit\.json is damaged.*Delete it"):
        run(config, parts=TOY_PARTS)


def test_the_first_round_is_flown_once_for_all_methods(tmp_path):
    config = toy_config(tmp_path, methods=("recap", "random_labels", "sft"))
    phases = plan.make_plan(config, [ToyMethod(name) for name in config.methods])
    assert len(phases) == len(set(phases))
    first = [phase for phase in phases if phase.iteration == 1 and phase.name in plan.COLLECTIONS]
    assert [(phase.method, phase.name) for phase in first] == [
        ("sft", "autonomous"), ("sft", "corrected"), ("sft", "uncorrected")
    ]  # fmt: skip
    assert not [phase for phase in phases if phase.method == "sft" and phase.iteration > 0 and phase not in first]


def pretrained_times(config, parts):
    """Return how often networks were pre-trained while `config` was run."""
    count = []
    counting = dataclasses.replace(parts, pretrain=lambda context: count.append(1) or parts.pretrain(context))
    run(config, parts=counting)
    return len(count)


def test_runs_with_one_recipe_pretrain_once(tmp_path):
    first = toy_config(tmp_path / "first", iterations=0)
    assert pretrained_times(first, TOY_PARTS) == 1
    assert pretrained_times(toy_config(tmp_path / "second", iterations=0, seeds=(1, 2)), TOY_PARTS) == 0
    assert pretrained_times(toy_config(tmp_path / "third", iterations=0, demonstrations=7), TOY_PARTS) == 1
    # Only what decides the networks is in the recipe.
    assert pretraining_folder(first) == pretraining_folder(dataclasses.replace(first, evaluation_episodes=9))


def test_the_result_of_a_pretraining_has_its_diagnostics(tmp_path):
    def pretrain(context):
        folder = TOY_PARTS.pretrain(context)
        (folder / "diagnostics.json").write_text(json.dumps({"positive_share": 0.3}))
        return folder

    events = []
    parts = dataclasses.replace(TOY_PARTS, pretrain=pretrain)
    run(toy_config(tmp_path / "toy", iterations=0), events.append, parts)
    (result,) = (e.result for e in events if isinstance(e, PhaseFinished) and e.phase.name == plan.PRETRAIN)
    assert result["diagnostics"] == {"positive_share": 0.3}


def test_the_source_of_seeds_decides_the_pretraining(tmp_path, monkeypatch):
    config = toy_config(tmp_path / "toy", iterations=0)
    before = pretraining_folder(config)
    source = inspect.getsource(seeding)
    monkeypatch.setattr(inspect, "getsource", lambda module: source + "\n" if module is seeding else "")
    assert pretraining_folder(config) != before


def test_a_run_is_complete_without_the_cache(tmp_path):
    config = toy_config(tmp_path / "toy", iterations=0)
    run(config, parts=TOY_PARTS)
    assert (config.out / "pretrained/start.json").exists()
    store = Store.open(config.out / "Espresso-v0/seed0/store")
    assert len(store.seeds("demonstrations")) == 6


def test_a_pretraining_can_be_given_and_must_be_finished(tmp_path):
    made = toy_config(tmp_path / "made", iterations=0)
    run(made, parts=TOY_PARTS)
    given = toy_config(tmp_path / "given", iterations=0, demonstrations=99, pretrained=pretraining_folder(made))
    assert pretrained_times(given, TOY_PARTS) == 0
    unfinished = toy_config(tmp_path / "other", iterations=0, pretrained=tmp_path / "nothing")
    with pytest.raises(DataError, match="no finished pre-training"):
        run(unfinished, parts=TOY_PARTS)
