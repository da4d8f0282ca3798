"""Closed-form kinematics of the arm in assets/rig/arm.xml, over a leading batch axis."""

import numpy as np

SHOULDER_HEIGHT_M = 0.24
LINK_M = 0.28
"""Length of the upper arm and of the forearm."""
TOOL_M = 0.18
"""Wrist centre to grasp point."""
REACH_M = 2 * LINK_M - 0.003
"""Largest distance from shoulder to wrist centre that the solver accepts (elbow limit 0.1 rad)."""
FOLDED_M = 0.10
"""Smallest such distance."""

JOINT_LOW = np.array([-2.6, -2.4, 0.1, -3.4, -2.3, -3.6])
JOINT_HIGH = np.array([2.6, 1.6, 2.9, 3.4, 2.3, 3.6])

HALF_TURN = np.diag([1.0, -1.0, -1.0])
"""Half a turn about the approach axis: a parallel jaw grasps the same way."""


def forward(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return grasp point (..., 3) and hand rotation (..., 3, 3) in the arm's base frame.

    `joints` is (..., 6) [rad]. The hand's x axis is the approach direction, its y axis the
    direction in which the jaws open.
    """
    rotation_forearm = _rotation_forearm(joints)
    yaw, pitch = joints[..., 0], joints[..., 1]
    radial = np.stack([np.cos(yaw), np.sin(yaw), np.zeros_like(yaw)], -1)
    elbow = LINK_M * (np.cos(pitch)[..., None] * radial - np.sin(pitch)[..., None] * np.array([0.0, 0.0, 1.0]))
    wrist = elbow + LINK_M * rotation_forearm[..., :, 0] + np.array([0.0, 0.0, SHOULDER_HEIGHT_M])
    rotation = rotation_forearm @ _rot_x(joints[..., 3]) @ _rot_y(joints[..., 4]) @ _rot_x(joints[..., 5])
    return wrist + TOOL_M * rotation[..., :, 0], rotation


def inverse(position: np.ndarray, rotation: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (n, 6) that put the hand at a pose, and whether it is reachable (n,).

    `position` (n, 3) [m] and `rotation` (n, 3, 3) are in the arm's base frame. Of the wrist's two
    solutions and the two half turns of the jaws, the one nearest to `near` (n, 6) within the joint
    limits is taken. A pose out of reach is replaced by the nearest one along the line to it.
    """
    wrist = position - TOOL_M * rotation[..., :, 0] - np.array([0.0, 0.0, SHOULDER_HEIGHT_M])
    distance = np.linalg.norm(wrist, axis=-1)
    clamped = np.clip(distance, FOLDED_M, REACH_M)
    wrist = wrist * (clamped / np.maximum(distance, 1e-9))[:, None]
    arm = _arm_joints(wrist, clamped)
    relative = np.swapaxes(_rotation_forearm(arm), -1, -2) @ rotation
    candidates = np.concatenate([_wrist_joints(relative), _wrist_joints(relative @ HALF_TURN)], axis=1)
    candidates = _unwrap(candidates, near[:, None, 3:])
    over = np.maximum(candidates - JOINT_HIGH[3:], JOINT_LOW[3:] - candidates).max(-1)
    cost = np.abs(candidates - near[:, None, 3:]).sum(-1) + np.where(over > 0, 100.0 + over, 0.0)
    best = cost.argmin(1)
    rows = np.arange(len(best))
    joints = np.concatenate([arm, candidates[rows, best]], axis=1)
    within = np.all((joints >= JOINT_LOW - 1e-9) & (joints <= JOINT_HIGH + 1e-9), axis=1)
    return np.clip(joints, JOINT_LOW, JOINT_HIGH), within & (np.abs(clamped - distance) < 1e-6)


def _arm_joints(wrist: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Yaw, shoulder and elbow pitch with the elbow up, (n, 3); wrist relative to the shoulder."""
    yaw = np.arctan2(wrist[:, 1], wrist[:, 0])
    elevation = np.arctan2(wrist[:, 2], np.hypot(wrist[:, 0], wrist[:, 1]))
    half = np.arccos(np.clip(distance / (2 * LINK_M), -1.0, 1.0))
    return np.stack([yaw, -(elevation + half), 2 * half], axis=1)


def _wrist_joints(relative: np.ndarray) -> np.ndarray:
    """Both roll-pitch-roll solutions of a rotation, (n, 2, 3)."""
    pitch = np.arccos(np.clip(relative[:, 0, 0], -1.0, 1.0))
    roll = np.arctan2(relative[:, 1, 0], -relative[:, 2, 0])
    last = np.arctan2(relative[:, 0, 1], relative[:, 0, 2])
    first = np.stack([roll, pitch, last], axis=1)
    second = np.stack([roll + np.pi, -pitch, last + np.pi], axis=1)
    return np.stack([first, second], axis=1)


def _unwrap(angles: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Shift angles by whole turns to lie nearest to `near`, then inside the limits if they can."""
    shifted = angles + 2 * np.pi * np.round((near - angles) / (2 * np.pi))
    shifted = np.where(shifted > JOINT_HIGH[3:], shifted - 2 * np.pi, shifted)
    return np.where(shifted < JOINT_LOW[3:], shifted + 2 * np.pi, shifted)


def _rotation_forearm(joints: np.ndarray) -> np.ndarray:
    """Rotation of the forearm: yaw about z, then the sum of the pitches about y."""
    return _rot_z(joints[..., 0]) @ _rot_y(joints[..., 1] + joints[..., 2])


def _rot_x(angle: np.ndarray) -> np.ndarray:
    c, s, o, z = np.cos(angle), np.sin(angle), np.ones_like(angle), np.zeros_like(angle)
    return np.stack([o, z, z, z, c, -s, z, s, c], -1).reshape(*angle.shape, 3, 3)


def _rot_y(angle: np.ndarray) -> np.ndarray:
    c, s, o, z = np.cos(angle), np.sin(angle), np.ones_like(angle), np.zeros_like(angle)
    return np.stack([c, z, s, z, o, z, -s, z, c], -1).reshape(*angle.shape, 3, 3)


def _rot_z(angle: np.ndarray) -> np.ndarray:
    c, s, o, z = np.cos(angle), np.sin(angle), np.ones_like(angle), np.zeros_like(angle)
    return np.stack([c, -s, z, s, c, z, z, z, o], -1).reshape(*angle.shape, 3, 3)
