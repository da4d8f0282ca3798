"""Other methods on the data of a finished toy run."""

import argparse
import json

import pytest

from recap_bench.commands import control as command
from recap_bench.config import RunConfig
from recap_bench.data.store import Store
from recap_bench.errors import ConfigurationError, DataError
from recap_bench.loop.control import Source, control, refuse_what_the_run_decided
from recap_bench.loop.events import PhaseFinished
from recap_bench.loop.intervention import GateConfig
from recap_bench.loop.iterate import run
from recap_bench.overrides import override
from tests.loop.toy_method import TOY_PARTS, toy_config

SEED_FOLDER = "Espresso-v0/seed0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "toy"
    run(toy_config(out), parts=TOY_PARTS)
    return out


def fitted(out, method, iteration):
    return json.loads((out / SEED_FOLDER / f"methods/{method}/iteration{iteration}/fit.json").read_text())


def rows(out):
    header, *lines = (line.split(",") for line in (out / "rows.csv").read_text().splitlines())
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.mark.parametrize("iteration", [1, 2])
def test_a_control_sees_the_same_episodes_and_starts_from_the_same_states(finished, tmp_path, iteration):
    out = tmp_path / "control"
    summary = control(
        toy_config(out, methods=("awr",)), Source(str(finished), "filtered_bc", iteration), parts=TOY_PARTS
    )
    assert [(entry["method"], entry["iteration"]) for entry in summary] == [("awr", iteration)]
    here, there = fitted(out, "awr", iteration), fitted(finished, "filtered_bc", iteration)
    assert here["groups"] == there["groups"]
    assert here["diagnostics"] == there["diagnostics"]
    assert Store.open(out / SEED_FOLDER / "store").groups() == sorted(there["groups"])
    starts = {row["env_seed"] for row in rows(finished) if row["method"] == "filtered_bc"}
    assert {row["env_seed"] for row in rows(out)} == starts
    assert (out / "pretrained" / "start.json").exists()


def test_the_method_of_the_run_comes_out_as_there(finished, tmp_path):
    out = tmp_path / "toy"
    control(toy_config(out, methods=("recap",)), Source(str(finished), "recap", 2), parts=TOY_PARTS)
    assert rows(out) == [row for row in rows(finished) if (row["method"], row["iteration"]) == ("recap", "2")]


def test_a_finished_control_is_not_done_again(finished, tmp_path):
    config, source = toy_config(tmp_path / "control", methods=("recap",)), Source(str(finished), "recap", 2)
    first = control(config, source, parts=TOY_PARTS)
    events = []
    assert control(config, source, events.append, TOY_PARTS) == first
    assert all(event.resumed for event in events if isinstance(event, PhaseFinished))
    with pytest.raises(ConfigurationError, match="holds a control of"):
        control(config, Source(str(finished), "recap", 1), parts=TOY_PARTS)


@pytest.mark.parametrize(
    ("methods", "source", "message"),
    [
        (("sft",), ("recap", 1), "sft learns from demonstrations only"),
        (("filtered_bc",), ("recap", 1), "filtered_bc learns without corrections"),  # the toy's does
        (("recap",), ("awr", 1), "no finished fit of Espresso-v0 seed 0: awr iteration 1"),
    ],
)
def test_what_cannot_be_a_control_is_refused(finished, tmp_path, methods, source, message):
    config = toy_config(tmp_path / "control", methods=methods, gate=GateConfig())
    with pytest.raises((ConfigurationError, DataError), match=message):
        control(config, Source(str(finished), *source), parts=TOY_PARTS)
    assert not (tmp_path / "control" / "config.json").exists()


@pytest.mark.parametrize(
    "assignment", ["demonstrations=99", "learning.policy.pretrain_steps=9", "gate.max_correction_s=3", "start=locked"]
)
def test_a_control_takes_no_option_that_its_run_decided(finished, assignment):
    theirs = toy_config(finished)
    with pytest.raises(ConfigurationError, match=assignment.partition("=")[0].replace("gate.max_correction_s", "gate")):
        refuse_what_the_run_decided(theirs, override(theirs, [assignment]))
    refuse_what_the_run_decided(theirs, override(theirs, ["learning.labels.look_ahead=25", "check_episodes=3"]))


@pytest.mark.parametrize("method", ["ppo", "filtered_bc"])
def test_a_control_takes_over_options_of_corrections_only_for_methods_that_are_corrected(tmp_path, method):
    """Else its config would be refused, though nobody chose them for it."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    args = parser.parse_args([str(tmp_path), "--methods", method, "--out", str(tmp_path / "control")])
    theirs = toy_config(tmp_path / "toy", methods=("recap", "ppo"), correction_budget_s=60.0)
    config = command._config(args, theirs)
    assert config.methods == (method,)
    assert (config.gate == theirs.gate) == (method == "filtered_bc")
    assert (config.correction_budget_s == 60.0) == (method == "filtered_bc")


def test_a_config_comes_back_from_its_file(finished):
    written = json.loads((finished / "config.json").read_text())["config"]
    assert RunConfig.from_dict(written) == toy_config(finished)
    with pytest.raises(ConfigurationError, match="nonsense"):
        RunConfig.from_dict({**written, "nonsense": 1})
    with pytest.raises(ConfigurationError, match="nonsense"):
        RunConfig.from_dict({**written, "gate": {**written["gate"], "nonsense": 1}})
    with pytest.raises(ConfigurationError, match="seeds"):
        RunConfig.from_dict({name: value for name, value in written.items() if name != "seeds"})
