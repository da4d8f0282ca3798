"""Measure control steps per second, beside bare physics on the same work.

Steps per second are summed over simulations and threads; ratio is the environment's rate over that of MuJoCo's batch
stepping alone.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from recap_bench.commands.options import add_tasks, add_threads, all_tasks

HELP = "measure control steps per second, beside bare physics"
PIXELS = {"blocks": 6, "block_steps": 5}
"""Rendering is slow enough for short blocks."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is measured and where the rows go."""
    add_tasks(parser)
    add_threads(parser)
    parser.add_argument("--num-envs", type=int, nargs="+", default=[32], help="simulations stepped together")
    parser.add_argument(
        "--modes", nargs="+", default=["state"], help="state, or pixels: three 96-pixel cameras (needs OpenGL)"
    )
    parser.add_argument("--json", type=Path, default=None, help="file for the rows")


def execute(args: argparse.Namespace) -> int:
    """Print each row as it comes, and write all of them."""
    from recap_bench.speed import SpeedConfig, measure

    rows = []
    for task in all_tasks(args.tasks):
        for mode in args.modes:
            for num_envs in args.num_envs:
                options = PIXELS if mode == "pixels" else {}
                rows.append(measure(SpeedConfig(task, num_envs, args.threads, mode, **options)))
                print(_line(rows[-1]), flush=True)
                if args.json:
                    args.json.parent.mkdir(parents=True, exist_ok=True)
                    args.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def _line(row: dict[str, Any]) -> str:
    rate, per_thread = row["control_steps_per_s"], row["control_steps_per_s"] / row["threads"]
    return (
        f"{row['task']}  {row['num_envs']} envs  {row['threads']} threads  {row['mode']}: "
        f"{rate:.0f} control steps/s ({per_thread:.0f} per thread), "
        f"bare physics {row['bare_physics_steps_per_s']:.0f}/s, "
        f"ratio {row['ratio']:.3f}, {row['realtime_factor']:.1f} x real time"
    )
