"""How likely each episode's returns are under the value function that was fitted without it, kept for inspection."""

from pathlib import Path

import numpy as np
import torch

from recap_bench.learning.splits import folds
from recap_bench.learning.value_fit import ValueExamples, ValueFit
from recap_bench.seeding import derive_seed


def write_held_out(file: Path, examples: ValueExamples, fit: ValueFit, seed: int) -> None:
    """Write held_out (E,) bool and log_likelihood (E,) float64 [nat per step], nan where not held out, to an .npz file.

    `seed` is the training seed of the fit, which decided the folds.
    """
    frames, function = examples.frames, fit.function
    device = frames.observations.device
    fold = folds(examples.seeds, len(function.members), derive_seed(seed, "folds"))
    returns = torch.from_numpy(examples.returns).to(device)
    start = np.flatnonzero(np.diff(examples.episode, prepend=-1))
    held_out = fit.judged[start]
    scores = np.full(len(start), np.nan)
    for episode, rows in enumerate(np.split(np.arange(len(examples.episode)), start[1:])):
        if held_out[episode]:
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            member = torch.full((len(rows),), int(fold[episode]), device=device)
            scores[episode] = function.log_likelihood(
                frames.observations[part], frames.instruction[part], returns[part], member
            )
    np.savez(file, held_out=held_out, log_likelihood=scores)
