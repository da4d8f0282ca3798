"""The command line `recap-bench` with one more preset: the quick run, made so small that it ends within seconds.

python -m tests.loop.tiny_run run --preset tiny --out FOLDER
"""

import sys
from dataclasses import replace

from recap_bench import cli
from recap_bench.config import PRESETS
from recap_bench.learning.config import LabelConfig, LearningConfig, PolicyConfig, ValueConfig

TINY = replace(
    PRESETS["quick"],
    num_envs=4,
    threads=1,
    demonstrations=6,
    rollouts_per_iteration=9,
    corrected_share=1 / 3,
    evaluation_episodes=4,
    check_episodes=1,
    shard_episodes=2,
    learning=LearningConfig(
        value=ValueConfig(width=32, blocks=1, steps=20, batch=128, folds=2, check_every=10),
        labels=LabelConfig(),
        policy=PolicyConfig(width=64, blocks=1, batch=64, fit_batch=64, pretrain_steps=60, passes=0.4),
    ),
)
"""Every phase of the quick preset, on the real task; the policy learns next to nothing."""

if __name__ == "__main__":
    PRESETS["tiny"] = replace(TINY, preset="tiny")
    sys.exit(cli.main(sys.argv[1:]))
