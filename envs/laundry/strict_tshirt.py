"""The strict T-shirt: one orange shirt, one start; the collar must end centred and up."""

from recap_bench.envs.laundry import observation, verdict
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.start import TURNED, Layout
from recap_bench.envs.laundry.task import LaundryTask
from recap_bench.envs.task import DIVERGED, NO_FAILURE, TIME_OUT, TaskSpec

PROFICIENT_TIME_S = 11.8
"""Mean cycle time of the skilled oracle, standard randomisation."""
MIDDLE_M, ASKEW_RAD = (0.20, -0.03), -0.8
"""The shirt lies turned by 46 degrees and beside the middle: neither hand has a side of its own, the right one leans
by 41 degrees for the far cuff and the near hem lies between the arms, so that imitating the motions of a straight shirt
misses every grip. 40 mm farther out the far cuff was at the very end of the arm's reach, and policies never took it.
Demonstrations begin in many poses around this one: shown this one alone, a policy folds the shirt in 97 % of episodes,
where the paper chose its start for policies to fail."""
PAPER_TIME_LIMIT_S, PAPER_PROFICIENT_TIME_S = 200.0, 57.0


class StrictTshirtTask(LaundryTask):
    """Fold one T-shirt, lying flat but askew, on the spot; demonstrated from many poses."""

    garments = ("tshirt",)
    layout = Layout(middle=MIDDLE_M, yaw_rad=ASKEW_RAD, turns=False)
    starts = ("flat", "begun", TURNED)
    spec = TaskSpec(
        name="LaundryStrictTshirt-v0",
        instruction="fold the orange T-shirt with the collar centred and facing up",
        paraphrases=(
            "fold this shirt neatly, the collar in the middle and on top",
            "please fold the orange shirt so that its collar faces up",
            "make a neat fold of the T-shirt with a centred collar",
            "fold the T-shirt on the spot, collar up",
        ),
        stages=verdict.FOLD_STAGES,
        failure_modes=(NO_FAILURE, *verdict.FAILURES, TIME_OUT, DIVERGED),
        proficient_time_s=PROFICIENT_TIME_S,
        paper_time_limit_s=PAPER_TIME_LIMIT_S,
        paper_proficient_time_s=PAPER_PROFICIENT_TIME_S,
        state_names=observation.state_names(("tshirt",), stack=False),
        patience_s=p.PATIENCE_S,
        demonstration_start=TURNED,
    )
