"""MJCF of the rig and the tasks; reached through importlib.resources."""
