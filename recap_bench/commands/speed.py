"""Measure control steps per second, beside bare physics on the same work.

Steps per second are summed over simulations and threads; ratio is the environment's rate over that of MuJoCo's batch
stepping alone. With --learning the gradient steps of a policy's fit are measured instead, beside bare passes.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from recap_bench.commands.options import (
    add_device,
    add_tasks,
    add_threads,
    all_tasks,
    changed,
    file_to_write,
    limit_threads,
)

HELP = "measure control steps per second, beside bare physics"
SIMULATION = {"tasks": ["all"], "num_envs": [32], "modes": ["state"]}
LEARNING = {"preset": "standard", "device": "cpu"}
"""Options of the one and of the other measurement, with their defaults."""
PIXELS = {"blocks": 6, "block_steps": 5}
"""Rendering is slow enough for short blocks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is measured and where the rows go."""
    add_tasks(parser)
    add_threads(parser)
    parser.add_argument(
        "--num-envs", type=int, nargs="+", default=SIMULATION["num_envs"], help="simulations stepped together"
    )
    parser.add_argument(
        "--modes",
        nargs="+",
        default=SIMULATION["modes"],
        help="state, or pixels: three 96-pixel cameras (needs OpenGL)",
    )
    parser.add_argument("--learning", action="store_true", help="measure a policy's fit instead")
    parser.add_argument("--preset", default=LEARNING["preset"], help="preset whose policy --learning measures")
    add_device(parser, "of --learning")
    parser.add_argument("--json", type=file_to_write, default=None, help="file for the rows")


def execute(args: argparse.Namespace) -> int:
    """Print each row as it comes, and write all of them."""
    from recap_bench.speed import SpeedConfig, measure

    _refuse_unread(args)
    if args.learning:
        return _learning(args)
    rows = []
    for task in all_tasks(args.tasks):
        for mode in args.modes:
            for num_envs in args.num_envs:
                options = PIXELS if mode == "pixels" else {}
                rows.append(measure(SpeedConfig(task, num_envs, args.threads, mode, **options)))
                print(_line(rows[-1]), flush=True)
                _write(args.json, rows)
    return 0


def _refuse_unread(args: argparse.Namespace) -> None:
    """Raise ConfigurationError for options of the simulation with --learning, and of learning without it."""
    from recap_bench.errors import ConfigurationError

    given = changed(args, SIMULATION if args.learning else LEARNING)
    if given:
        raise ConfigurationError(f"{given} has no effect {'with' if args.learning else 'without'} --learning.")


def _learning(args: argparse.Namespace) -> int:
    limit_threads(args.threads)
    from recap_bench.config import make_config
    from recap_bench.learning.speed import measure_training

    row = measure_training(make_config(args.preset).learning.policy, args.device)
    print(
        f"policy {row['width']} x {row['blocks']}, batch {row['batch']}, {row['device']}, {row['threads']} threads: "
        f"{row['fit_ms_per_step']:.1f} ms per gradient step, bare passes {row['bare_ms_per_step']:.1f} ms, "
        f"ratio {row['ratio']:.3f}"
    )
    _write(args.json, [row])
    return 0


def _write(file: Path | None, rows: list[dict[str, Any]]) -> None:
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(rows, indent=2) + "\n")


def _line(row: dict[str, Any]) -> str:
    rate, per_thread = row["control_steps_per_s"], row["control_steps_per_s"] / row["threads"]
    return (
        f"{row['task']}  {row['num_envs']} envs  {row['threads']} threads  {row['mode']}: "
        f"{rate:.0f} control steps/s ({per_thread:.0f} per thread), "
        f"bare physics {row['bare_physics_steps_per_s']:.0f}/s, "
        f"ratio {row['ratio']:.3f}, {row['realtime_factor']:.1f} x real time"
    )
