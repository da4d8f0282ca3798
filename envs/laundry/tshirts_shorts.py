"""T-shirts and shorts: fold what lies there and stack it in the corner."""

from recap_bench.envs.laundry import observation, verdict
from recap_bench.envs.laundry import parameters as p
from recap_bench.envs.laundry.start import BASKET, STARTS, Layout
from recap_bench.envs.laundry.task import LaundryTask
from recap_bench.envs.task import DIVERGED, NO_FAILURE, TIME_OUT, TaskSpec

PROFICIENT_TIME_S = 22.2
"""Mean cycle time of the skilled oracle from the start `light`, standard randomisation."""
PAPER_TIME_LIMIT_S, PAPER_PROFICIENT_TIME_S = 200.0, 57.0
GARMENTS = ("tshirt", "shorts")


class TshirtsShortsTask(LaundryTask):
    """A T-shirt or shorts: take it out if it lies in the basket, spread it out if it is not flat, fold it, stack it."""

    garments = GARMENTS
    stack = True
    layout = Layout(middle=(0.22, 0.03), cuts=True)
    basket = True
    starts = (*STARTS, BASKET)
    spec = TaskSpec(
        name="LaundryTshirtsShorts-v0",
        instruction="fold the garment and stack it in the corner of the table",
        paraphrases=(
            "fold the laundry on the table and put it on the stack",
            "flatten this shirt or these shorts, fold them and pile them up in the corner",
            "please fold what lies there and stack it",
            "do the laundry: fold one piece and add it to the pile",
        ),
        stages=verdict.STACK_STAGES,
        failure_modes=(NO_FAILURE, *verdict.FAILURES, TIME_OUT, DIVERGED),
        proficient_time_s=PROFICIENT_TIME_S,
        paper_time_limit_s=PAPER_TIME_LIMIT_S,
        paper_proficient_time_s=PAPER_PROFICIENT_TIME_S,
        state_names=observation.state_names(GARMENTS, stack=True),
        patience_s=p.SPREADING_PATIENCE_S,
    )
