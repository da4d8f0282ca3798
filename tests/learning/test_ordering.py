import numpy as np
import pytest

from recap_bench.learning.ordering import rank_correlation, separation

TIME = np.arange(3)


def test_rank_correlation_is_one_for_rising_values_and_shares_ranks_among_ties() -> None:
    assert rank_correlation(np.array([-0.9, -0.5, -0.4]), TIME) == pytest.approx(1.0)
    assert rank_correlation(np.array([-0.4, -0.5, -0.9]), TIME) == pytest.approx(-1.0)
    # Ranks 1.5, 1.5, 3 against 0, 1, 2: covariance 1.5, variances 1.5 and 2.
    assert rank_correlation(np.array([-0.9, -0.9, -0.4]), TIME) == pytest.approx(1.5 / np.sqrt(3.0))
    assert np.isnan(rank_correlation(np.array([-0.5, -0.5]), TIME[:2]))


def test_separation_counts_pairs() -> None:
    assert separation(np.array([0.0, -0.2]), np.array([-0.1, -0.2])) == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert np.isnan(separation(np.array([]), np.array([-0.1])))
