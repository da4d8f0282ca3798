import pytest

from recap_bench.learning.stages import pretrain
from tests.learning.tiny import context, episode, steps_of

DEMONSTRATIONS = [episode("d" * 40, i % 2 == 0, seed=i) for i in range(10)]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    return pretrain(context(steps_of(*DEMONSTRATIONS), tmp_path_factory.mktemp("pretrained")))
