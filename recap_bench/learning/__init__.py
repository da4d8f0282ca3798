"""Learning: returns, value function, labels and the advantage-conditioned policy.

Torch is imported on the first use of `load_policy`, not here.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recap_bench.learning.chunk_policy import FlowPolicy


def load_policy(
    path: str | Path,
    condition: str | None = None,
    guidance: float | None = None,
    task: str | None = None,
    sampling_noise: float | None = None,
    device: str = "cpu",
) -> "FlowPolicy":
    """Open the policy checkpoint folder `path`.

    `task` says on which of its tasks a pre-trained policy is to run; a specialist has one only. `condition` is
    'positive' (default), 'negative' or 'none'; `guidance` defaults to the one saved with the checkpoint for
    'positive', and to 1 otherwise; `sampling_noise`, the scale in [0, 1] of the noise that chunks are made from, to the
    checkpoint's; `device` is the torch device of inference. Raises DataError for a missing or damaged checkpoint,
    ConfigurationError for a combination that the checkpoint was not trained for, or a device that is not there.
    """
    from recap_bench.learning.chunk_policy import FlowPolicy, Use

    return FlowPolicy.load(Path(path), Use(task, condition, guidance, sampling_noise, device))
