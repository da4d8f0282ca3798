"""Sizes, schedules and options of learning; no torch here."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from recap_bench.errors import ConfigurationError

PRECISIONS = ("auto", "float32", "bfloat16")
"""Precision of the matrix products in training; 'auto' takes bfloat16 where the hardware has it."""

NEGATIVES = ("conditioned", "unconditional", "dropped")
"""Frames of a negative indicator are learned as such (paper), without an indicator, or not at all."""

BEFORE_RESCUE = ("as_is", "failure", "down_weighted")
"""What precedes a rescue has the episode's return (paper), that of a failure, or less weight in the policy's fit."""

MOST_FLOW_STEPS = 10
"""Euler steps ask for velocities at flow times up to 1 - 1/steps; training draws no later ones."""

STARTS = ("pretrained", "previous")
"""Each iteration fits from the pre-trained networks (paper), or from those of the iteration before."""


@dataclass(frozen=True)
class ValueConfig:
    """The distributional value function and its fit."""

    bins: int = 201
    """Bins over [-1, 0] (paper: 201)."""
    width: int = 192
    """Width of the residual stream."""
    blocks: int = 2
    """Residual blocks."""
    dropout: float = 0.3
    """Drop-out within the blocks, in [0, 1); without it the network recognises episodes."""
    steps: int = 1500
    """Most gradient steps of one fit; early stopping usually ends it before."""
    batch: int = 512
    """Frames per gradient step."""
    learning_rate: float = 3e-4
    """Constant AdamW learning rate. At 1e-3 two fits that differ in their seed agree less on what is an advantage."""
    weight_decay: float = 1e-2
    """AdamW weight decay."""
    folds: int = 5
    """Networks, each labelling the episodes that it was not fitted on; 1 is the paper's single fit."""
    holdout_fraction: float = 0.15
    """Share of the fitting episodes kept out of the gradient, for early stopping."""
    check_every: int = 50
    """Gradient steps between two looks at the held-out episodes."""
    patience: int = 6
    """Looks without improvement before the fit stops."""
    precision: str = "auto"
    """One of PRECISIONS; labels are made in float32 whatever it is."""
    strict: bool = False
    """Refuse to label, instead of warning, when the held-out fit is no better than a constant."""

    def __post_init__(self) -> None:
        _require(self.bins >= 2, "bins", self.bins, "at least 2")
        _require(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")
        _require(self.folds >= 1, "folds", self.folds, "at least 1")
        _require(0 < self.holdout_fraction < 1, "holdout_fraction", self.holdout_fraction, "in (0, 1)")
        for name in ("width", "blocks", "steps", "batch", "check_every", "patience"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _require(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "positive and finite")
        _require(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")
        _require(
            self.check_every <= self.steps,
            "check_every",
            self.check_every,
            f"at most steps = {self.steps}, or it never looks",
        )


@dataclass(frozen=True)
class LabelConfig:
    """From values to the indicator."""

    penalty_factor: float = 1.0
    """Failure penalty C_fail as a multiple of the task's horizon; 1 puts successes in [-0.5, 0]."""
    look_ahead: int = 50
    """N of the advantage in control steps (paper: 50, one second)."""
    positive_fraction: float | None = None
    """Share of an iteration's autonomous rollout frames with a positive indicator; None for the task's own (paper:
    0.4, and 0.1 for T-shirts and shorts)."""
    pretrain_positive_fraction: float = 0.3
    """The same among the demonstrations in pre-training (paper: 0.3)."""
    force_demonstrations: bool = False
    """Force demonstrations positive in iterations >= 1; the paper only forces corrections."""
    negatives: str = "conditioned"
    """What is done with frames of a negative indicator, one of NEGATIVES."""
    before_rescue: str = "as_is"
    """How the autonomous frames before an episode's first correction are labelled, one of BEFORE_RESCUE."""
    rescue_weight: float = 0.25
    """Weight of those frames in the policy's fit with before_rescue = 'down_weighted', in (0, 1)."""

    def __post_init__(self) -> None:
        _require(self.penalty_factor >= 0, "penalty_factor", self.penalty_factor, "not negative")
        _require(self.look_ahead >= 1, "look_ahead", self.look_ahead, "at least 1")
        for name in ("positive_fraction", "pretrain_positive_fraction", "rescue_weight"):
            value = getattr(self, name)
            _require((name == "positive_fraction" and value is None) or 0 < value < 1, name, value, "in (0, 1)")
        _require(self.negatives in NEGATIVES, "negatives", self.negatives, f"one of {', '.join(NEGATIVES)}")
        one_of = f"one of {', '.join(BEFORE_RESCUE)}"
        _require(self.before_rescue in BEFORE_RESCUE, "before_rescue", self.before_rescue, one_of)
        _require(
            self.rescue_weight == 0.25 or self.before_rescue == "down_weighted",
            "rescue_weight",
            self.rescue_weight,
            "left alone unless before_rescue is 'down_weighted': it has no effect",
        )


@dataclass(frozen=True)
class PolicyConfig:
    """The flow-matching chunk policy and its fit."""

    width: int = 256
    """Width of the residual stream."""
    blocks: int = 3
    """Residual blocks."""
    chunk: int = 25
    """H, steps per chunk."""
    execute: int = 12
    """Executed steps of a chunk, in [1, chunk]. On espresso 12 to 15 got further than 8 or 4: fewer changes of mind."""
    flow_steps: int = 5
    """Euler steps at inference, at most MOST_FLOW_STEPS."""
    sampling_noise: float = 0.5
    """Scale of the noise that chunks are made from, in [0, 1]. At 1 they are drawn from all that operators do, slow and
    quick, waiting and going, anew for each chunk, and policies change their mind half-way; at 0 a state has one chunk,
    and there is nothing to learn from but how episodes start."""
    indicator_dropout: float = 0.3
    """Share of examples trained without the indicator (paper: 0.3)."""
    guidance: float = 1.0
    """Guidance saved with the checkpoint; 1 is plain conditioning."""
    batch: int = 128
    """Frames per gradient step of the pre-training."""
    fit_batch: int = 512
    """Frames per gradient step of later fits. 15 passes with 512 take about as long as 6 with 128, and SFT fails in 3 %
    of espressos instead of 15 (results/recipe.md)."""
    learning_rate: float = 2e-3
    """Peak of the one-cycle schedule of the pre-training."""
    fit_learning_rate: float = 2e-3
    """Peak of later fits, which start from fitted weights and should not throw them away."""
    weight_decay: float = 1e-3
    """AdamW weight decay."""
    ema: float = 0.998
    """Decay of the averaged weights, in [0, 1); 0 uses the last weights."""
    idle_weight: float = 0.25
    """Weight of steps after which the arms stand still for the executed part of a chunk, in (0, 1]. A quarter of the
    demonstrations' steps wait; learned at their full share they make policies hover."""
    stall_weight: float = 1.0
    """Weight of steps of policies that get nowhere within the executed part of a chunk, in [0, 1]; idle_weight misses
    most of them, as their hands flutter. PPO, which learns from bad actions, too, keeps all. Without them RECAP's
    second iteration on diverse laundry makes 68 % instead of 48 (results/diverse.md), and the quick preset's espresso
    52 % instead of 60 (results/short_starts.md), where waiting is part of the work."""
    pretrain_steps: int = 24000
    """Gradient steps of pi_pre for each task that it is trained on."""
    passes: float = 15.0
    """How often a fit on demonstrations, and each later one, goes through the steps that it imitates. The same for
    all methods: with a fixed number of gradient steps, fits on more data look worse than they are."""
    sft_failures: bool = False
    """Whether the fit on demonstrations imitates failed ones, too. An operator who runs out of time hovers for half a
    minute; on the strict T-shirt 16 failures in 160 demonstrations are a quarter of the steps."""
    precision: str = "auto"
    """One of PRECISIONS."""
    compile: bool = False
    """Compile the network with torch.compile: on a CPU steps take 4 to 8 % less, after half a minute or more of
    compiling (results/speed.md). Needs a C++ compiler; on CUDA, Triton."""

    def __post_init__(self) -> None:
        for name in ("width", "blocks", "chunk", "flow_steps", "batch", "fit_batch", "pretrain_steps"):
            _require(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        for name in ("learning_rate", "fit_learning_rate", "passes"):
            _require(0 < getattr(self, name) < math.inf, name, getattr(self, name), "positive and finite")
        _require(1 <= self.execute <= self.chunk, "execute", self.execute, f"in [1, chunk = {self.chunk}]")
        most = f"at most {MOST_FLOW_STEPS}: flow times beyond 1 - 1/{MOST_FLOW_STEPS} are not trained"
        _require(self.flow_steps <= MOST_FLOW_STEPS, "flow_steps", self.flow_steps, most)
        check_sampling_noise(self.sampling_noise)
        _require(0 <= self.indicator_dropout < 1, "indicator_dropout", self.indicator_dropout, "in [0, 1)")
        _require(0 <= self.ema < 1, "ema", self.ema, "in [0, 1)")
        _require(0 < self.idle_weight <= 1, "idle_weight", self.idle_weight, "in (0, 1]")
        _require(0 <= self.stall_weight <= 1, "stall_weight", self.stall_weight, "in [0, 1]")
        _require(self.guidance >= 0, "guidance", self.guidance, "not negative")
        _require(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")
        check_guidance(self.guidance, self.indicator_dropout)

    def pretraining_steps(self, tasks: int) -> int:
        """Return the gradient steps of a pre-training on so many tasks."""
        return self.pretrain_steps * tasks

    def fit_steps(self, imitated: int) -> int:
        """Return the gradient steps that go `passes` times through `imitated` steps, at least one."""
        return max(1, round(self.passes * imitated / self.fit_batch))


@dataclass(frozen=True)
class LearningConfig:
    """All of learning; variants by `dataclasses.replace`."""

    value: ValueConfig = field(default_factory=ValueConfig)
    """The value function."""
    labels: LabelConfig = field(default_factory=LabelConfig)
    """From values to the indicator."""
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    """The policy."""
    start: str = "pretrained"
    """What each iteration's fits start from, one of STARTS."""

    def __post_init__(self) -> None:
        _require(self.start in STARTS, "start", self.start, f"one of {', '.join(STARTS)}")
        if self.labels.negatives == "dropped" and self.policy.guidance != 1.0:
            raise ConfigurationError(
                f"policy.guidance = {self.policy.guidance} has no effect with labels.negatives = 'dropped': both "
                "branches learn the same steps, so there is no direction to guide in. Use guidance = 1, or negatives = "
                "'conditioned' or 'unconditional'."
            )

    def pretraining(self) -> dict[str, Any]:
        """Return what decides the pre-trained networks, and nothing else, as plain types."""
        later = (
            *("flow_steps", "sampling_noise", "guidance", "fit_batch"),
            *("fit_learning_rate", "passes", "sft_failures", "stall_weight"),
        )
        labels = {name: getattr(self.labels, name) for name in ("penalty_factor", "pretrain_positive_fraction")}
        policy = {name: value for name, value in asdict(self.policy).items() if name not in later}
        return {"value": asdict(self.value), "labels": labels, "policy": policy}

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain types, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "LearningConfig":
        """Return the config that `to_dict` wrote; unknown or invalid fields raise ConfigurationError."""
        try:
            # Before there was a fit_batch, fits had the pre-training's.
            policy = {"fit_batch": values["policy"]["batch"], **values["policy"]}
            return cls(
                ValueConfig(**values["value"]),
                LabelConfig(**values["labels"]),
                PolicyConfig(**policy),
                values["start"],
            )
        except (KeyError, TypeError) as error:
            raise ConfigurationError(f"Not a learning config: {error}.") from error


def check_guidance(guidance: float, indicator_dropout: float) -> None:
    """Raise ConfigurationError for guidance without the unconditional training that it needs."""
    if guidance != 1.0 and indicator_dropout == 0.0:
        raise ConfigurationError(
            f"guidance = {guidance} needs an unconditional branch, but indicator_dropout is 0, so none is trained. "
            "Use guidance = 1, or an indicator_dropout above 0 (paper: 0.3)."
        )


def check_sampling_noise(scale: float) -> None:
    """Raise ConfigurationError for a scale of the sampling's noise outside [0, 1]."""
    _require(0 <= scale <= 1, "sampling_noise", scale, "in [0, 1]")


def _require(condition: bool, name: str, received: object, right: str) -> None:
    if not condition:
        raise ConfigurationError(f"{name} must be {right}, received {received!r}.")


STANDARD = LearningConfig()
"""A real experiment on two CPU cores: minutes per fit."""

LARGE = LearningConfig(
    policy=PolicyConfig(
        width=512, blocks=4, batch=512, learning_rate=1e-3, fit_learning_rate=1e-3, pretrain_steps=20000, passes=6.0
    ),
)
"""The same with the policy that boxes and garments need: a pre-training of half an hour per task on one core with AMX,
of two hours on one without AVX-512."""

PAPER = LearningConfig(
    value=ValueConfig(width=512, blocks=4, steps=4000, batch=2048),
    policy=PolicyConfig(
        width=1024,
        blocks=8,
        batch=1024,
        fit_batch=1024,
        learning_rate=1e-3,
        fit_learning_rate=1e-3,
        pretrain_steps=50000,
    ),
)
"""For a GPU, with the paper's numbers of episodes; nobody has run it yet."""

QUICK = LearningConfig(
    value=ValueConfig(width=128, steps=300, learning_rate=1e-3, folds=3),
    policy=PolicyConfig(fit_batch=128, pretrain_steps=6000, passes=4.0, sampling_noise=1.0),
)
"""A smoke run of the whole loop: a few minutes of training in all. A shorter fit hardly learns to pick. What is learned
so briefly hovers, and the paper's full noise is what frees it."""
