"""Constants of the espresso task: what counts as ground, tamped, locked, extracted, spilled and served.

Masses of a double shot follow common practice (18 g in, short and over doses fail); times are scaled
so that a proficient cycle takes about a seventh of the paper's, at the paper's control rate.
"""

NOMINAL_DOSE_RATE_G_S = 7.0
"""Flow of the grinder while a basket stands under the chute: a full dose takes 2.6 s."""
DOSE_TARGET_G = 18.0
DOSE_MIN_G = 15.5
"""A shorter puck gives a bad shot."""
DOSE_MAX_G = 21.5
"""Capacity of the basket; more overflows."""
BASKET_HEIGHT_M = 0.045
"""Base of the basket to its rim."""
GRINDER_TILT_RAD = 0.3
"""The grinder's sensor does not see a basket tilted more than this."""
GRINDER_SENSOR_RADIUS_M = 0.022
"""The grinder runs while the basket's axis is this close to the chute."""
GRINDER_GAP_M = (0.008, 0.070)
"""... and its rim lies this far below the chute."""
CATCH_FULL_M = 0.012
"""Offset up to which the basket catches everything ..."""
CATCH_NONE_M = 0.030
"""... and from which it catches nothing; linear between."""
GROUNDS_TILT_RAD = 0.75
"""Loose grounds fall out beyond this tilt; a tamped puck holds to twice as much."""
GROUNDS_POUR_G_S = 25.0
GROUNDS_SPILL_LIMIT_G = 2.0
"""More than this beside the basket is a failure."""

TAMP_FORCE_N = (12.0, 50.0)
"""Window of the tamping force."""
TAMP_CRUSH_N = 90.0
"""A press beyond this cracks the puck: it chokes or channels."""
TAMP_HOLD_S = 0.30
"""Time within the window that makes a puck."""
TAMP_OFFSET_M = 0.010
"""The bevelled tamper finds its way into the basket only if it is centred this well ..."""
TAMP_TILT_RAD = 0.07
"""... and level this well."""
TAMP_SEATED_M = 0.005
"""The basket must stand on the pedestal, not hang above it."""

BAYONET_OFFSET_M = 0.010
"""The group's funnel draws the lugs in when the portafilter is this close to its seat ..."""
BAYONET_ANGLE_RAD = 0.25
"""... and turned this little away from it."""
BAYONET_FREE_RAD = 0.12
"""Turned less than this the lugs do not carry: let go, the portafilter falls."""
BAYONET_RELEASE_M = 0.012
"""Pulled this far out of an unturned seat it comes free."""
BAYONET_LATCH_RAD = 0.72
"""Turned this far the seal holds it (full turn 45 degrees)."""

SHOT_ML = 60.0
"""Volume of the programmed double shot."""
SHOT_FULL_ML = 54.0
"""A full shot in the cup."""
FLOW_GOOD_ML_S = 15.0
FLOW_GUSHER_ML_S = 40.0
"""Through a short or untamped puck."""
FLOW_CHOKED_ML_S = 6.0
"""Through a cracked puck."""
PUMP_LIMIT_S = 6.0
"""The machine stops the pump after this time."""
BUTTON_TRAVEL_M = 0.004
"""Travel that switches the pump on."""
COFFEE_SPILL_LIMIT_ML = 4.0
"""More than this beside the cup is a failure."""
CUP_WALL_M = 0.003
CUP_HEIGHT_M = 0.050
CUP_INNER_HEIGHT_M = 0.045
SLOSH_TIME_S = 0.06
"""Time in which the part of the liquid above the rim runs out (about a quarter period of the first mode)."""

DROP_SPEED_M_S = 0.7
"""An object that falls this fast, out of reach of both hands, has been dropped (a fall of 25 mm)."""
TOPPLED_RAD = 1.05
"""An object lying on its side."""
HAND_DISTANCE_M = 0.045
"""A hand whose grasp point is farther from an object's grip than this does not hold it."""
TABLE_CENTRE_M = (0.325, 0.0)
TABLE_HALF_M = (0.575, 0.70)

PICK_HEIGHT_M = 0.030
"""The portafilter counts as picked when its base is this high."""
SPOUT_OFFSET_M = 0.012
"""The cup counts as brought when it stands under the spout this well."""
SERVE_RADIUS_M = 0.045
"""Largest distance of the served cup from the centre of the mat."""
SERVE_HOLD_S = 0.20
SERVE_CLEARANCE_M = 0.065
"""Both grasp points must be this far from the served cup."""
