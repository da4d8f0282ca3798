"""Numbers of the laundry tasks, with units and reasons; thresholds were fixed before any policy was trained."""

import numpy as np

# --- Cloth (measured: drapes, folds and stays folded at a spacing of 35 mm) ---
SPACING_M = 0.035
"""Grid spacing of every garment: 40 mm folds with loose corners, 30 mm costs twice as much."""
CLOTH_RADIUS_M = 0.002
"""Half the thickness of one layer."""
YOUNG_PA, POISSON, THICKNESS_M, ELASTIC_DAMPING = 2e5, 0.2, 1e-3, 0.05
"""Ten times stiffer cloth does not fold."""
CLOTH_FRICTION, LAYER_FRICTION = 1.0, 0.5
"""Cloth on the table, and cloth on cloth."""
CLOTH_SOLREF, CLOTH_SOLIMP = (0.02, 1.0), (0.9, 0.95, 0.001, 0.5, 2.0)
SKIN_INFLATE_M = 0.0024
"""Lining and collar band lie this far from the middle of the cloth: just above its surface."""
COLLAR_SHADE, INSIDE_PALE = np.array([0.45, 0.45, 0.45, 1.0]), 0.55
"""The band is darker, and the lining paler, than the fabric, so that the sides, and collar and hem, are told apart."""
ARM_BIT, CLOTH_BIT, LAYER_BIT, PAD_BIT = 1, 2, 4, 8
"""Contact bits: the cloth meets arms, table and its own vertex spheres, but not the pads, whose hold is the pinch:
with contacts beside it, the cloth stayed hanging on opened pads."""

# --- The pinch ---
SLOTS = 4
"""Vertices that one hand can hold: two layers of two, or a crumpled corner."""
PINCH_GAP_M, RELEASE_GAP_M = 0.010, 0.014
"""The jaws hold below the first and let go above the second gap."""
PAD_FORWARD_M, PAD_BACK_M, PAD_HALF_WIDTH_M = 0.017, 0.027, 0.011
"""The pads around the grasp point, along the approach and across (assets/rig/arm.xml)."""
PINCH_SLACK_M = 0.004
"""Cloth this far outside the closed gap is still squeezed: one layer's thickness."""
PULL_OFF_M = 0.020
"""Stretch of the grip's spring at which a vertex slips out of the pads: a pull of 5 to 6 N, see grasping.py."""

# --- The table ---
TABLE_CENTRE_M, TABLE_HALF_M = np.array([0.20, 0.0]), np.array([0.45, 0.55])
"""A garment whose middle leaves this rectangle is off the table."""
LOST_BELOW_M, LOST_ABOVE_M = -0.05, 1.0
"""So is one whose middle is not between these heights: flailing arms can push cloth through the table, where the
solver's 30 iterations (assets/laundry/table.xml) are too few, and it may then fly off. What operators do to it never
takes a vertex 35 mm deep."""
GARMENT_CENTRE_M = np.array([0.21, 0.0])
"""Where garments start: the far corners of a shirt lie 0.44 m from the bases, within reach of both arms."""
BASKET_CENTRE_M, NO_BASKET_M = np.array([0.06, 0.43, 0.0]), np.array([0.0, 0.0, -0.7])
"""Where the basket stands, beside a flat garment and well within the left hand's reach; and where it is without one.
The base camera has it at the edge of its picture, partly behind the left arm: policies on images start nearly blind."""
BASKET_HALF_M, BASKET_WALL_M, BASKET_HEIGHT_M = 0.12, 0.006, 0.08
"""Half its width inside, half the thickness of its walls, and their height: palms pass above them."""
LAYER_CONDIM = 1
"""3 lets layers rub against each other, at a price."""
GRIP_SOLREF, GRIP_SOLIMP = (0.02, 1.0), (0.99, 0.99, 0.001, 0.5, 2.0)

# --- What the cameras could see of the key points ---
COVER_RADIUS_M, COVER_HEIGHT_M = 0.020, 0.0025
"""A point is hidden when a vertex lies this near sideways and this far above: any layer has one (spacing 35 mm)."""

# --- The verdict; the ideal folds of all types are 130 to 250 mm long ---
FOLD_ERROR_M, FOLD_OUTLIER_M = 0.020, 0.055
"""Mean and 95th percentile of the distances from the ideal fold: about half a hand's width off somewhere is a no."""
PACKAGE_HEIGHT_M, PACKAGE_SPREAD = 0.050, 1.45
"""Folded packages are 15 to 25 mm high and as large as their ideal; heaps are 60 mm and more."""
SIDE_UP, COLLAR_UP = 0.80, 0.70
"""Mean upward component of the normals: 37 and 45 degrees of tilt."""
HOME_RADIUS_M, FINISHED_S, REST_SPEED_M_S = 0.05, 0.5, 0.05
"""The work is declared done by both empty hands near home for this long, the garment at rest."""
MAT_HALF_M, MAT_CENTRE_M = np.array([0.13, 0.09, 0.0005]), np.array([0.22, -0.33, 0.0005])
"""The stack's place: the far right corner of what both hands reach together."""
STACK_OFFSET_M, STACK_YAW_RAD = 0.045, 0.35

# --- Who watches ---
PATIENCE_S, SPREADING_PATIENCE_S = 6.0, 20.0
"""For garments that lie flat, and for those that do not. Where all goes well the skilled operator is without progress
for 2.5 to 3.5 s at most in an episode: 21 of 24 button-up shirts, 15 of 16 strict T-shirts; the others went wrong in
between, and took 13 to 32 s. Of 16 `light` episodes half have a longest stall above 12 s, three above 28 s: spreading
shows as progress only when it succeeds."""
