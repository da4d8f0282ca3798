import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for push_task: tests are no package

from push_task import PushTask

from recap_bench.envs.config import EnvConfig
from recap_bench.envs.rendering import CameraRenderer
from recap_bench.envs.rig import CAMERAS
from recap_bench.envs.vector_env import TaskVectorEnv
from recap_bench.errors import RenderingUnavailableError


@pytest.fixture
def make_push():
    """Makes vector environments of PushTask and closes them afterwards."""
    made = []

    def make(num_envs=2, **options):
        made.append(TaskVectorEnv(PushTask, num_envs, EnvConfig(**{"threads": 1, **options})))
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.fixture(scope="session")
def opengl():
    """Skips, with the reason, where there is no off-screen OpenGL."""
    env = TaskVectorEnv(PushTask, 1)
    try:
        CameraRenderer(env.task).render(np.array([0]), CAMERAS[:1], (8, 8))
    except RenderingUnavailableError as error:
        pytest.skip(f"NOT TESTED: {error}")
