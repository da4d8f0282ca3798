"""The last policy of a run, and a film of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from recap_bench.config import RunConfig
from recap_bench.envs import task_spec
from recap_bench.errors import DataError
from recap_bench.learning import load_policy
from recap_bench.loop import plan
from recap_bench.loop.phases import make_env
from recap_bench.loop.pilots import Controllers
from recap_bench.loop.plan import Phase
from recap_bench.loop.recorder import Origin
from recap_bench.loop.rollout import collect
from recap_bench.loop.run_folder import RunFolder
from recap_bench.method import make_method
from recap_bench.reporting.film import Scenery, write_film

EVERY = 4
"""Control steps per frame: twice real time, which halves the rendering."""


def film_final_policy(config: RunConfig, task: str) -> Path:
    """Film an evaluation episode of the last method's last policy on `task`, the first of those that got furthest.

    Raises RenderingUnavailableError without off-screen OpenGL.
    """

    folder = RunFolder(config.out)
    phases = plan.make_plan(config, [make_method(name) for name in config.methods])
    last = [phase for phase in phases if phase.task == task and phase.name == plan.EVALUATION][-1]
    path = config.out / f"film_{task}_{last.method}_iteration{last.iteration}.mp4"
    if path.exists():
        return path
    rows = _result(folder, last)["rows"]
    seed = max(rows, key=lambda row: (row["success"], row["stages_done"]))["env_seed"]
    policy = load_policy(config.out / _result(folder, replace(last, name=plan.FIT))["policy"])
    start = config.start or task_spec(task).start_of("evaluation")
    env = make_env(replace(config, num_envs=1, start=start), task, config.out / task / "diverged")
    (episode,) = collect(env, Controllers(policy), [seed], Origin(run_seed=0, source="evaluation"))
    env.close()
    write_film(path, episode, Scenery(config.randomization, start), EVERY)
    return path


def _result(folder: RunFolder, phase: Phase) -> dict[str, Any]:
    result = folder.result(phase)
    if result is None:
        raise DataError(f"{phase.title} is not finished in {folder.path}.")
    return result
