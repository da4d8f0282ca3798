"""Constants of the box task: geometry that scripts and truth share; what counts as latched, stuck, torn or dropped."""

import numpy as np

PANELS = (
    "wall_left", "wall_right", "wall_front", "wall_back",
    "tab_left_front", "tab_left_back", "tab_right_front", "tab_right_back",
)  # fmt: skip
"""Everything that hinges on the base: long walls (left, right), short walls (front, back), then one tab per corner."""
CORNER_WALLS = np.array([[0, 2], [0, 3], [1, 2], [1, 3]])
"""Long and short wall (indices into PANELS) that meet at each corner, in the order of the tabs."""
RIGHT_ANGLE = np.pi / 2

HALF_LENGTH_M = 0.092
"""Half of the base along the long walls, nominal carton."""
HALF_WIDTH_M = 0.060
PANEL_M = 0.003
"""Thickness of the cardboard: double-wall corrugated, as the prototype that folded reliably."""
WALL_HEIGHT_M = 0.050
TAB_LENGTH_M = 0.0425

LONG_HINGE_M = 0.0005
"""The crease of a long wall lies this far outside the half width."""
SHORT_HINGE_M = 0.0015
"""The crease of a short wall lies this far outside the half length: room for the tab inside it."""
TAB_HINGE_M = -0.0035
"""The crease of a tab relative to the half length."""
LONG_GUIDE_M = 0.004
"""Inner face of a long-wall guide beyond the half width: 2 mm clearance to the folded wall."""
SHORT_GUIDE_M = 0.0044
"""Inner face of a short-wall guide beyond the half length: 1.4 mm clearance to the folded wall."""
GUIDE_TOP_M = 0.086
"""Height of the long-wall guides: an unfolded sheet lies on them."""
LEDGE_M = 0.046
"""Height of the short-wall guides: the first push ends here, with only the long walls folded."""
JIG_FLOOR_M = 0.002

LATCH_WALL_RAD = 0.28
"""A corner latches when both of its walls are this close to a right angle ..."""
LATCH_TAB_RAD = 0.45
"""... the tab this close ..."""
LATCH_SLACK_M = 0.004
"""... and the tab's free end no farther out than this beyond the short wall: it must lie inside."""
TEAR_RAD = 0.25
"""A latched panel bent this far tears its latch (about 7 N at the wall's upper edge)."""
CRUSH_RAD = 2.35
"""A panel folded this far inwards or ..."""
CRUSH_BACK_RAD = -1.0
"""... this far outwards is creased for good."""
CRUSH_N = 300.0
"""Sum of the contact forces on the base that crushes the board (both faces count: a squeeze of 150 N) ..."""
CRUSH_HOLD_S = 0.10
"""... if it lasts this long."""

LABEL_AREA_M = (0.020, 0.016)
"""Largest offset of the label's centre from the middle of the base, along and across."""
LABEL_YAW_RAD = 0.30
LABEL_GAP_M = 0.0015
"""The label adheres when its underside is this close to the base ..."""
LABEL_TILT_RAD = 0.12
"""... flat within this angle ..."""
LABEL_PRESS_S = 0.10
"""... for this long, in a hand that presses it down."""
LABEL_PEEL_M = 0.0025
"""Pulled this far off its place it peels."""
LABEL_REST_M = 0.0025
"""Height of the label's origin over the middle of the base panel when it lies on it."""
LABEL_GRIP_M = 0.020
"""Height of the grasp point over the label's origin when its pull tab is gripped: fingertips just clear the label."""
LABEL_GRIP_RADIUS_M = 0.015
"""The pull tab is gripped while it lies this close to its nominal place between closed jaws."""
JAW_CLOSED = 0.25
"""Jaws closed further than this hold a thin thing between them."""

JIG_M = np.array([0.12, 0.0, 0.0])
"""Centre of the jig on the table."""
PICK_OFFSET_M = 0.020
"""The sheet counts as picked when its centre lies this close to the jig's axis ..."""
PICK_TILT_RAD = 0.12
"""... level within this angle."""

PILE_TOP_M = 0.0875
"""Height at which the feeder keeps the sheet below the second one: the top sheet slides down onto the jig."""
PILE_SHEETS = 11
"""Sheets below the two upper ones, nominally; the highest pile that the feeder takes has twice as many."""
CLING_PEEL_M = 0.0020
"""Sheets that stick are parted when one is lifted this far off the other (they hold against sliding) ..."""
CLING_PEEL_S = 0.10
"""... for this long, or when shaken: ..."""
SHAKE_M_S = 0.2
"""... a reversal counts above this speed, ..."""
SHAKE_REVERSALS = 4
"""... and so many of them within ..."""
SHAKE_WINDOW_S = 1.0
TWO_SHEETS_M = 0.14
"""The second sheet has been taken when it is this far from its place."""

SLOT_PITCH_M = 0.140
"""Distance of the crate's two slots."""
SLOT_OFFSET_M = (0.012, 0.010)
"""Largest offset of a placed box from the middle of its slot, along and across."""
SLOT_YAW_RAD = 0.12
CRATE_FLOOR_M = 0.004
PLACE_HOLD_S = 0.20
"""The box must rest in the slot, hands away, for this long."""
PLACE_CLEARANCE_M = 0.10
"""Both grasp points must be this far from the middle of the placed box, or this far above its rim."""
MISPLACED_HOLD_S = 1.0
"""A finished box that rests this long outside jig and slot, hands away, is misplaced."""
AT_REST_M_S = 0.02

DROP_SPEED_M_S = 0.8
"""A carton or label that falls this fast, out of reach of both hands, has been dropped (a fall of 35 mm)."""
TOPPLED_RAD = 1.2
HAND_DISTANCE_M = 0.16
"""A hand whose grasp point is farther from the carton's middle than this holds none of it."""
LABEL_HAND_M = 0.05
TABLE_X_M = (-0.20, 0.75)
TABLE_Y_M = (-0.60, 0.60)

TIP_M = 0.017
"""The fingertips end this far beyond the grasp point."""
FAR_PRESS_X_M = 0.035
"""Where hands press on the long walls, along the sheet, in the first stroke: over the pile until the rails carry the
front ..."""
NEAR_PRESS_X_M = -0.058
"""... and in the second: over the rails, from where the pile still carries the rear."""
PRESS_Y_M = 0.027
"""Where they press from the crease outwards: over the middle of the guides."""
LEANING_GAP_M = 0.0078
"""Fingers that lean forwards by 45 degrees touch with the near edge of their pads, this much below their ends."""
PUSH_M = 0.036
"""Distance of the pushing hands from the jig's middle: four fingertips near the creases of the base."""
SWEEP_HEIGHT_M = 0.026
"""Height of the grasp point over the middle of the base when fingers sweep a tab."""
WALL_GRIP_M = 0.038
"""Height of the grasp point over the base when a wall is gripped."""
COMING_M = 0.006
"""A second sheet that has moved this far along with the first is seen to stick to it."""
