"""recap_bench: the loop of RECAP (arXiv 2511.14759) in simulation.

Importing it registers the Gymnasium ids as strings; neither mujoco nor torch is loaded.
"""

import gymnasium as _gymnasium

from recap_bench.envs.catalog import NAMESPACE as _NAMESPACE
from recap_bench.envs.catalog import TASKS as _TASKS

for _name in _TASKS:
    _gymnasium.register(
        id=_NAMESPACE + _name,
        entry_point="recap_bench.envs:make",
        vector_entry_point="recap_bench.envs:make_vec",
        kwargs={"name": _name},
    )
