import numpy as np
import pytest

from recap_bench.learning.held_out import write_held_out
from recap_bench.learning.stages import Fitting
from recap_bench.learning.value_fit import fit_value
from tests.learning.tiny import TINY, context, with_value
from tests.learning.toy_task import demonstrations


@pytest.mark.parametrize("count", [1, 2])
def test_the_likelihood_of_the_held_out_episodes_adds_up_to_that_of_the_fit(tmp_path, count):
    steps = demonstrations(16)
    fitting = Fitting(context(steps, tmp_path, config=with_value(TINY, folds=count)))
    fitting.pretrain()
    found = np.load(tmp_path / "held_out.npz")
    examples, setup = fitting._value_examples, fitting._value_setup(_statistics(fitting))
    fit = fit_value(examples, setup, None, lambda *_: None)
    write_held_out(tmp_path / "again.npz", examples, fit, seed=0)
    for name, values in np.load(tmp_path / "again.npz").items():
        np.testing.assert_array_equal(values, found[name])
    held_out = found["held_out"]
    assert held_out.all() if count > 1 else 0 < held_out.sum() < len(held_out)
    assert np.isnan(found["log_likelihood"][~held_out]).all()
    mean = np.average(found["log_likelihood"][held_out], weights=steps.length[held_out])
    assert mean == pytest.approx(fit.log_likelihood, abs=1e-5)


def _statistics(fitting):
    from recap_bench.learning.normalisation import measure

    return measure(fitting.frames, fitting.context.config.policy.chunk)
