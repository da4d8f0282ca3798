"""Extracting, sloshing and serving on hand-made worlds: no physics, numbers small enough to check by hand."""

import numpy as np
import pytest
from handmade import FAR, MAT, RADIUS_M, TRAY, UPRIGHT, make_brew, make_fixtures, make_world, offsets, run, tilted

from recap_bench.envs.espresso import parameters as p
from recap_bench.envs.espresso import processes, verdict
from recap_bench.envs.espresso.processes import DT

PUMP_STEPS = round(p.PUMP_LIMIT_S / DT) + 5


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


class TestBringing:
    STAGE = verdict.STAGES.index("bring_cup")

    def reached(self, beside_m, **given):
        world, brew = make_world(cup=TRAY + np.array([beside_m, 0.0, 0.0])), make_brew(**given)
        return verdict.stages_reached(world, brew, make_fixtures())[0, self.STAGE]

    def test_the_cup_must_stand_near_the_spout(self):
        assert self.reached(p.SPOUT_OFFSET_M - 0.001)
        assert not self.reached(p.SPOUT_OFFSET_M + 0.001)

    def test_a_cup_that_has_caught_the_shot_was_brought(self):
        """Or an espresso that is made and served would never be a success."""
        assert self.reached(0.015, shot_ml=p.SHOT_FULL_ML, pump_s=4.0)
        assert not self.reached(0.015, shot_ml=0.9 * p.SHOT_FULL_ML, pump_s=4.0)
