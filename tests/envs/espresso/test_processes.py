"""Grinding, tamping and locking on hand-made worlds: no physics, numbers small enough to check by hand."""

import numpy as np
import pytest
from handmade import (
    CHUTE,
    PEDESTAL,
    RATE_G_S,
    SEAT,
    UNDER_CHUTE,
    make_brew,
    make_fixtures,
    make_world,
    offsets,
    run,
    tilted,
)

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso import processes
from recap_bench.envs.espresso.processes import DT
from recap_bench.envs.scripting import rotation_matrices


class TestGrinding:
    def test_the_dose_grows_with_the_time_under_the_chute(self):
        brew, world = make_brew(), make_world(portafilter=UNDER_CHUTE)
        for seconds in (1.0, 2.0):
            run(processes.grind, brew, world, 1.0)
            assert brew.dose_g == pytest.approx(RATE_G_S * seconds)
        assert brew.spilled_g == 0

    def test_beside_below_and_above_the_chute_nothing_is_ground(self):
        places = UNDER_CHUTE + np.array([[0.03, 0, 0], [0, 0, -0.05], [0, 0, 0.04]])
        brew = run(processes.grind, make_brew(3), make_world(3, portafilter=places), 1.0)
        assert not brew.grinding.any()
        assert not brew.dose_g.any()
        assert not brew.spilled_g.any()

    def test_a_tilted_basket_is_not_seen(self):
        rotation = tilted([0.0, 1.1 * p.GRINDER_TILT_RAD])
        rim_below = np.array([0.0, 0.0, 0.035])
        base = CHUTE - rim_below - p.BASKET_HEIGHT_M * rotation[:, :, 2]
        world = make_world(2, portafilter=base, portafilter_rotation=rotation)
        assert run(processes.grind, make_brew(2), world, 0.1).grinding.tolist() == [1, 0]

    def test_capture_falls_off_with_the_offset_and_the_rest_is_spilled(self):
        world = make_world(4, portafilter=UNDER_CHUTE + offsets(0.0, 0.012, 0.016, 0.021))
        brew = run(processes.grind, make_brew(4), world, 1.0)
        np.testing.assert_allclose(brew.dose_g, RATE_G_S * np.array([1.0, 1.0, 14 / 18, 0.5]))
        np.testing.assert_allclose(brew.dose_g + brew.spilled_g, RATE_G_S)

    def test_more_than_the_basket_holds_overflows(self):
        brew = run(processes.grind, make_brew(dose_g=p.DOSE_MAX_G - 1), make_world(portafilter=UNDER_CHUTE), 1.0)
        assert brew.dose_g == pytest.approx(p.DOSE_MAX_G)
        assert brew.spilled_g == pytest.approx(RATE_G_S - 1)

    def test_a_tilted_basket_pours_its_grounds_out(self):
        world = make_world(3, portafilter_rotation=tilted(p.GROUNDS_TILT_RAD * np.array([0.0, 0.9, 1.1])))
        brew = run(processes.grind, make_brew(3, dose_g=18), world, 0.2)
        np.testing.assert_allclose(brew.dose_g, [18, 18, 18 - 0.2 * p.GROUNDS_POUR_G_S])
        np.testing.assert_allclose(brew.spilled_g, 18 - brew.dose_g)
        run(processes.grind, brew, world, 2.0)
        assert brew.dose_g[2] == 0
        assert brew.spilled_g[2] == pytest.approx(18)

    def test_a_tamped_puck_holds_to_a_larger_tilt(self):
        world = make_world(2, portafilter_rotation=tilted(p.GROUNDS_TILT_RAD * np.array([1.9, 2.1])))
        loose = run(processes.grind, make_brew(2, dose_g=18), world, 0.2)
        tamped = run(processes.grind, make_brew(2, dose_g=18, tamp_s=p.TAMP_HOLD_S), world, 0.2)
        assert (loose.spilled_g > 1).all()
        assert tamped.spilled_g[0] == 0
        assert tamped.spilled_g[1] > 1

    def test_fresh_grounds_on_a_puck_must_be_tamped_again(self):
        brew = make_brew(dose_g=10, tamp_s=p.TAMP_HOLD_S)
        assert run(processes.grind, brew, make_world(portafilter=UNDER_CHUTE), DT).tamp_s == 0


class TestTamping:
    def tamp(self, seconds=0.2, k=1, **given):
        world = make_world(k, **{"portafilter": PEDESTAL, "tamper_force": 24.0, **given})
        return run(processes.tamp, make_brew(k, dose_g=18), world, seconds)

    def test_time_counts_only_within_the_force_window(self):
        low, high = p.TAMP_FORCE_N
        brew = self.tamp(k=4, tamper_force=[low - 1, low + 1, high - 1, high + 1])
        np.testing.assert_allclose(brew.tamp_s, [0, 0.2, 0.2, 0])
        assert not brew.crushed.any()

    def test_only_a_centred_basket_is_tamped(self):
        brew = self.tamp(k=2, portafilter=PEDESTAL + offsets(0.9 * p.TAMP_OFFSET_M, 1.1 * p.TAMP_OFFSET_M))
        np.testing.assert_allclose(brew.tamp_s, [0.2, 0])

    def test_only_a_level_basket_is_tamped(self):
        brew = self.tamp(k=2, portafilter_rotation=tilted(p.TAMP_TILT_RAD * np.array([0.9, 1.1])))
        np.testing.assert_allclose(brew.tamp_s, [0.2, 0])

    def test_only_a_basket_on_the_pedestal_is_tamped(self):
        hanging = PEDESTAL + np.array([[0, 0, 0.9], [0, 0, 1.1]]) * p.TAMP_SEATED_M
        np.testing.assert_allclose(self.tamp(k=2, portafilter=hanging).tamp_s, [0.2, 0])

    def test_an_empty_basket_makes_no_puck(self):
        brew = run(processes.tamp, make_brew(dose_g=2), make_world(portafilter=PEDESTAL, tamper_force=24), 0.5)
        assert brew.tamp_s == 0

    def test_several_presses_add_up_to_a_good_puck(self):
        brew = make_brew(dose_g=18)
        for _ in range(2):
            assert not processes.good_puck(brew).any()
            run(processes.tamp, brew, make_world(portafilter=PEDESTAL, tamper_force=24), p.TAMP_HOLD_S / 2 + DT)
            run(processes.tamp, brew, make_world(portafilter=PEDESTAL, tamper_force=0), 0.5)
        assert processes.good_puck(brew).all()

    def test_a_press_too_hard_crushes_the_puck_for_good(self):
        brew = self.tamp(seconds=DT, tamper_force=p.TAMP_CRUSH_N + 1)
        assert brew.crushed == 1
        run(processes.tamp, brew, make_world(portafilter=PEDESTAL, tamper_force=24), 1.0)
        assert brew.crushed == 1
        assert not processes.good_puck(brew).any()


class TestBayonet:
    def turn(self, brew, gripped=True, **given):
        k = len(brew.engaged)
        world = make_world(k, **{"portafilter": SEAT, **given})
        processes.turn_bayonet(brew, world, make_fixtures(k), np.full(k, gripped))
        return brew

    def test_it_engages_at_9_mm_but_not_at_11_mm(self):
        brew = self.turn(make_brew(2), portafilter=SEAT + offsets(0.009, 0.011))
        assert brew.engaged.tolist() == [1, 0]

    def test_it_engages_only_at_the_angle_of_the_lugs(self):
        rotations = rotation_matrices(np.array([[0, 0, 0.9], [0, 0, 1.1], [1.1, 0, 0]]) * p.BAYONET_ANGLE_RAD)
        assert self.turn(make_brew(3), portafilter_rotation=rotations).engaged.tolist() == [1, 0, 0]

    def test_it_does_not_engage_by_itself_or_in_a_turned_collar(self):
        assert self.turn(make_brew(), gripped=False).engaged == 0
        assert self.turn(make_brew(), collar=0.3).engaged == 0

    def test_let_go_unturned_it_falls(self):
        assert self.turn(make_brew(engaged=1), gripped=False).engaged == 0
        assert self.turn(make_brew(engaged=1), gripped=False, collar=0.9 * p.BAYONET_FREE_RAD).engaged == 0

    def test_let_go_half_turned_it_hangs_but_is_not_locked(self):
        brew = self.turn(make_brew(engaged=1), gripped=False, collar=0.4)
        assert brew.engaged == 1
        assert brew.locked == 0

    def test_pulled_out_of_an_unturned_seat_it_comes_free(self):
        pulled = SEAT - [0, 0, 1.1 * p.BAYONET_RELEASE_M]
        assert self.turn(make_brew(engaged=1), portafilter=pulled).engaged == 0
        assert self.turn(make_brew(engaged=1), portafilter=pulled, collar=0.4).engaged == 1

    def test_it_latches_when_turned_home_and_stays(self):
        brew = self.turn(make_brew(2, engaged=1), collar=[p.BAYONET_LATCH_RAD - 0.01, p.BAYONET_LATCH_RAD])
        assert brew.locked.tolist() == [0, 1]
        self.turn(brew, gripped=False, collar=0.05)
        assert brew.locked.tolist() == [0, 1]
        assert brew.engaged.tolist() == [0, 1]

    def test_a_collar_turned_without_portafilter_locks_nothing(self):
        brew = self.turn(make_brew(), portafilter=SEAT - [0, 0, 0.1], collar=0.79)
        assert brew.locked == 0
