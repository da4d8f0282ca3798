import pytest
import torch

from recap_bench.learning.networks import ValueNetwork, drop_out


def draw(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.001, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_drop_out_zeroes_its_share_and_keeps_the_mean(rate, dtype):
    x = torch.ones((997, 501), dtype=dtype)
    left = drop_out(x, rate, draw())
    assert left.dtype == dtype
    assert float((left == 0).float().mean()) == pytest.approx(rate, abs=4 * (rate * (1 - rate) / x.numel()) ** 0.5)
    assert float(left.max()) == pytest.approx(1 / (1 - rate), rel=0.01)
    columns = (left == 0).float().mean(dim=0)
    assert columns.std() < 1.5 * (rate * (1 - rate) / len(x)) ** 0.5


def test_nothing_is_dropped_at_rate_0_and_the_rate_may_be_close_to_1():
    x = torch.randn((64, 33), generator=draw())
    torch.testing.assert_close(drop_out(x, 0.0, draw()), x)
    assert drop_out(x, 0.99999, draw()).isfinite().all()


def test_what_is_dropped_comes_from_the_given_generator_alone():
    x = torch.ones((8, 32))
    torch.manual_seed(1)
    first = drop_out(x, 0.5, draw(3))
    torch.manual_seed(2)
    assert torch.equal(first, drop_out(x, 0.5, draw(3)))
    assert not torch.equal(first, drop_out(x, 0.5, draw(4)))


def test_a_value_network_drops_out_only_when_it_is_given_a_generator():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ValueNetwork(5, 3, 11, width=16, blocks=2, dropout=0.5)
        torch.nn.init.normal_(network.trunk.outputs.weight)  # they start at zero
    observation, tokens = torch.randn((4, 5), generator=draw()), torch.ones((4, 24), dtype=torch.int64)
    assert torch.equal(network(observation, tokens), network(observation, tokens))
    assert not torch.equal(network(observation, tokens, draw()), network(observation, tokens))
