"""The processes on hand-made worlds: no physics, numbers small enough to check by hand."""

import numpy as np
import pytest
from handmade import (
    CHUTE,
    FAR,
    MAT,
    PEDESTAL,
    RADIUS_M,
    RATE_G_S,
    SEAT,
    TRAY,
    UNDER_CHUTE,
    UPRIGHT,
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

PUMP_STEPS = round(p.PUMP_LIMIT_S / DT) + 5


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

    def test_it_engages_at_3_5_mm_but_not_at_5_mm(self):
        brew = self.turn(make_brew(2), portafilter=SEAT + offsets(0.0035, 0.005))
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


class TestExtraction:
    PRESSED = 2 * p.BUTTON_TRAVEL_M
    GOOD = {"dose_g": 18.0, "tamp_s": p.TAMP_HOLD_S, "engaged": 1.0, "locked": 1.0}  # noqa: RUF012

    def pull(self, brew, cup=TRAY, presses=1, press_s=0.1, **given):
        """Press the button so often, each time for a while, and let the pump run out."""
        k = len(brew.dose_g)
        for _ in range(presses):
            run(processes.extract, brew, make_world(k, cup=cup, button=self.PRESSED, **given), press_s)
            run(processes.extract, brew, make_world(k, cup=cup, **given), PUMP_STEPS * DT)
        return brew

    def test_without_a_press_the_pump_rests(self):
        brew = self.pull(make_brew(**self.GOOD), presses=0)
        run(processes.extract, brew, make_world(cup=TRAY, button=0.9 * p.BUTTON_TRAVEL_M), 1.0)
        assert brew.pump_s == 0
        assert brew.delivered_ml == 0

    def test_a_good_puck_gives_a_full_shot(self):
        brew = self.pull(make_brew(**self.GOOD))
        assert brew.shot_ml == pytest.approx(p.SHOT_ML)
        assert brew.spilled_ml == 0
        assert brew.bad_shot == 0
        assert brew.pumping == 0
        assert brew.pump_s == pytest.approx(p.SHOT_ML / p.FLOW_GOOD_ML_S, abs=DT)

    def test_a_puck_gives_one_shot_however_often_and_long_the_button_is_pressed(self):
        for brew in (self.pull(make_brew(**self.GOOD), presses=3), self.pull(make_brew(**self.GOOD), press_s=12.0)):
            assert brew.delivered_ml == pytest.approx(p.SHOT_ML)

    @pytest.mark.parametrize("flaw", [{"tamp_s": 0.0}, {"tamp_s": 0.1}, {"dose_g": p.DOSE_MIN_G - 1}])
    def test_an_untamped_or_short_puck_gushes_a_bad_shot(self, flaw):
        brew = self.pull(make_brew(**{**self.GOOD, **flaw}))
        assert brew.bad_shot == 1
        assert brew.pump_s == pytest.approx(p.SHOT_ML / p.FLOW_GUSHER_ML_S, abs=DT)

    def test_a_cracked_puck_chokes_the_machine(self):
        brew = self.pull(make_brew(**self.GOOD, crushed=1))
        assert brew.bad_shot == 1
        assert brew.pump_s == pytest.approx(p.PUMP_LIMIT_S, abs=DT)
        assert brew.shot_ml == pytest.approx(p.FLOW_CHOKED_ML_S * p.PUMP_LIMIT_S, abs=0.2)
        assert brew.shot_ml < p.SHOT_FULL_ML

    def test_a_stream_beside_the_cup_is_spilled(self):
        inner = RADIUS_M - p.CUP_WALL_M
        brew = self.pull(make_brew(3, **self.GOOD), cup=TRAY + offsets(0.0, inner - 0.003, inner))
        np.testing.assert_allclose(brew.shot_ml, [p.SHOT_ML, p.SHOT_ML, 0])
        np.testing.assert_allclose(brew.shot_ml + brew.spilled_ml, p.SHOT_ML)

    def test_a_fallen_cup_or_one_above_the_spout_catches_nothing(self):
        assert self.pull(make_brew(**self.GOOD), cup_up=tilted(1.2)[0, :, 2]).spilled_ml == pytest.approx(p.SHOT_ML)
        assert self.pull(make_brew(**self.GOOD), cup=TRAY + np.array([0, 0, 0.12])).spilled_ml == pytest.approx(
            p.SHOT_ML
        )

    def test_without_a_locked_portafilter_the_water_runs_beside(self):
        brew = self.pull(make_brew(**{**self.GOOD, "locked": 0.0, "engaged": 0.0}))
        assert brew.shot_ml == 0
        assert brew.spilled_ml == pytest.approx(p.SHOT_ML)

    def test_a_cup_taken_away_early_spills_the_rest(self):
        brew = make_brew(**self.GOOD)
        run(processes.extract, brew, make_world(cup=TRAY, button=self.PRESSED), 2.0)
        run(processes.extract, brew, make_world(), 5.0)
        assert brew.shot_ml == pytest.approx(2.0 * p.FLOW_GOOD_ML_S)
        assert brew.spilled_ml == pytest.approx(p.SHOT_ML - brew.shot_ml)


class TestSlosh:
    def spilled(self, angles_rad, shot_ml=58.0, seconds=DT):
        k = len(angles_rad)
        world = make_world(k, liquid_up=tilted(angles_rad)[:, :, 2])
        brew = run(processes.slosh, make_brew(k, shot_ml=shot_ml), world, seconds)
        np.testing.assert_allclose(brew.shot_ml + brew.spilled_ml, shot_ml)
        return brew.spilled_ml

    def freeboard_angle(self, shot_ml):
        freeboard = processes.freeboard(make_brew(shot_ml=shot_ml), make_fixtures())[0]
        return np.arctan(freeboard / (RADIUS_M - p.CUP_WALL_M))

    def test_it_spills_only_beyond_the_freeboard(self):
        limit = self.freeboard_angle(58.0)
        below, beyond = self.spilled([limit - 0.01, limit + 0.01], seconds=2.0)
        assert below == 0
        assert beyond > 0

    def test_it_spills_more_the_steeper_the_surface(self):
        spilled = self.spilled(np.linspace(0, 1.5, 60))
        assert (np.diff(spilled) >= 0).all()
        some = spilled[(spilled > 0) & (spilled < 58.0)]
        assert len(some) > 10
        assert (np.diff(some) > 0).all()

    def test_a_fuller_cup_spills_at_a_smaller_angle(self):
        assert self.freeboard_angle(58.0) < self.freeboard_angle(40.0)
        angle = self.freeboard_angle(50.0)
        assert self.spilled([angle], shot_ml=58.0) > 0
        assert self.spilled([angle], shot_ml=40.0) == 0

    def test_it_is_the_angle_against_the_cup_that_counts(self):
        leaning = tilted(1.0)[:, :, 2]
        world = make_world(2, liquid_up=np.stack([leaning[0], UPRIGHT]), cup_up=leaning)
        brew = run(processes.slosh, make_brew(2, shot_ml=58), world, DT)
        assert brew.spilled_ml[0] == 0
        assert brew.spilled_ml[1] > 0

    def test_no_more_is_spilled_than_was_in_the_cup(self):
        assert self.spilled([1.5], shot_ml=5.0, seconds=2.0) == pytest.approx(5.0)


class TestServing:
    def served_s(self, seconds=0.5, **given):
        return run(processes.serve, make_brew(), make_world(**{"cup": MAT, **given}), seconds).served_s[0]

    def test_a_cup_left_on_the_mat_is_served(self):
        assert self.served_s() == pytest.approx(0.5)

    @pytest.mark.parametrize(
        "given",
        [
            {"cup": MAT + offsets(1.1 * p.SERVE_RADIUS_M)},
            {"cup": MAT + np.array([0, 0, 0.02])},
            {"cup_up": tilted(0.2)[0, :, 2]},
            {"cup_velocity": [0.05, 0, 0]},
            {"hands": np.array([MAT + np.array([0.05, 0, 0.03]), FAR[0]])},
            {"hands": np.array([FAR[0], MAT + np.array([0.05, 0, 0.03])])},
        ],
        ids=["beside the mat", "in the air", "leaning", "moving", "left hand on it", "right hand on it"],
    )
    def test_otherwise_it_is_not(self, given):
        assert self.served_s(**given) == 0

    def test_the_time_starts_again_when_the_cup_is_touched(self):
        brew = run(processes.serve, make_brew(), make_world(cup=MAT), 0.5)
        run(processes.serve, brew, make_world(cup=MAT, cup_velocity=[0.1, 0, 0]), DT)
        assert brew.served_s == 0
