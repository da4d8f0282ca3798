"""Say whether this machine can run the suite: versions, OpenGL, threads, and a few steps of physics.

The exit code is 1 when something must be repaired. Missing OpenGL is only a warning: it is needed for images alone.
"""

import argparse
import importlib.metadata
import platform
import sys

HELP = "say whether this machine can run the suite"
PACKAGES = ("recap-bench", "mujoco", "gymnasium", "dm-control", "numpy", "torch", "pandas", "pyarrow", "matplotlib")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no option."""


def execute(args: argparse.Namespace) -> int:
    """Print one line per finding; return 1 if one of them is a problem."""
    from recap_bench.cores import usable_cores

    print(f"python      {platform.python_version()} on {platform.platform()}")
    problems = _versions()
    print(f"threads     {usable_cores()} usable cores")
    problems += [] if problems else _physics()
    _opengl()
    for problem in problems:
        print(f"PROBLEM     {problem}", file=sys.stderr)
    print("ok" if not problems else f"{len(problems)} problem(s)")
    return 1 if problems else 0


def _versions() -> list[str]:
    missing = []
    for name in PACKAGES:
        try:
            print(f"{name:<11} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{name} is not installed; run `pip install -e .`")
    return missing


def _physics() -> list[str]:
    """Step every task from one seed in two slots of different batches: the states must be the same."""
    from recap_bench.envs import make_vec, task_names

    problems = []
    for name in task_names():
        hashes = set()
        for num_envs in (1, 2):
            env = make_vec(name, num_envs=num_envs)
            observation, _ = env.reset(seed=0)
            for _ in range(5):
                env.step(observation["agent_pos"])
            hashes.add(env.state_hash(0))
            env.close()
        print(f"physics     {name}: {'reproducible' if len(hashes) == 1 else 'differs between runs'}")
        if len(hashes) != 1:
            problems.append(f"{name} does not reproduce: one seed led to two states")
    return problems


def _opengl() -> None:
    from recap_bench.envs import make_vec, task_names
    from recap_bench.errors import RenderingUnavailableError

    env = make_vec(task_names()[0], render_mode="rgb_array")
    try:
        env.reset(seed=0)
        env.render()
        print("opengl      off-screen rendering works")
    except RenderingUnavailableError as error:
        print(f"opengl      warning: {error}")
    finally:
        env.close()
