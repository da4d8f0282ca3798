"""The options of an environment, validated once."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from gymnasium.vector import AutoresetMode

from recap_bench.errors import ConfigurationError, UnknownNameError

RANDOMIZATIONS = ("none", "standard", "wide")
OBS_MODES = ("state", "pixels", "both")
RENDER_MODES = ("rgb_array",)


@dataclass(frozen=True)
class EnvConfig:
    """How a task is simulated and observed."""

    threads: int = 0
    """Threads that step the simulations; 0 takes every core."""
    randomization: str = "standard"
    """How far start states vary: 'none', 'standard' or 'wide'."""
    start: str | None = None
    """Where in the task episodes start, one of the task's `starts`; None takes the first."""
    obs_mode: str = "state"
    """'state', 'pixels' or 'both'; 'state' never touches OpenGL."""
    image_size: int | tuple[int, int] = 96
    """Camera images in the observation: height and width, or one number for both [pixels]."""
    autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP
    """What a vector step does with finished episodes; DISABLED freezes them until reset by mask."""
    render_mode: str | None = None
    """'rgb_array' makes render() return frames of the base camera."""
    render_size: tuple[int, int] = (480, 640)
    """Height and width of those frames [pixels]."""
    dump_dir: str | Path | None = None
    """Folder for a replayable file of each diverged episode; None writes none."""

    def __post_init__(self) -> None:
        for kind, value, known in (
            ("randomization", self.randomization, RANDOMIZATIONS),
            ("obs_mode", self.obs_mode, OBS_MODES),
            ("render_mode", self.render_mode or RENDER_MODES[0], RENDER_MODES),
        ):
            if value not in known:
                raise UnknownNameError(kind, value, list(known))
        if self.threads < 0:
            raise ConfigurationError(f"threads must be 0 (every core) or positive, got {self.threads}.")
        object.__setattr__(self, "autoreset_mode", AutoresetMode(self.autoreset_mode))
        _size("image_size", self.image_size)
        _size("render_size", self.render_size)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "EnvConfig":
        """Return the config with `options`, field -> value; raise UnknownNameError with the known ones."""
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise UnknownNameError("option of an environment", name, known)
        return cls(**options)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of the camera images in the observation [pixels]."""
        return _size("image_size", self.image_size)

    @property
    def has_state(self) -> bool:
        """Whether observations hold `environment_state`."""
        return self.obs_mode != "pixels"

    @property
    def has_pixels(self) -> bool:
        """Whether observations hold `pixels`."""
        return self.obs_mode != "state"


def _size(name: str, value: int | tuple[int, int]) -> tuple[int, int]:
    size = (value, value) if isinstance(value, int) else tuple(value)
    if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise ConfigurationError(f"{name} must be a positive number or (height, width) in pixels, got {value!r}.")
    return size[0], size[1]
