"""Play a stored episode again from its seed and actions, check that it comes out as recorded, and film it.

The exit code is 1 when it does not come out as recorded.
"""

import argparse
import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from recap_bench.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from recap_bench.data.store import Store

HELP = "play a stored episode again, and film it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which episode, and the film."""
    parser.add_argument("source", type=Path, metavar="STORE_OR_RUN", help="folder of a store, or of a run with one")
    parser.add_argument("--episode", type=int, default=0, help="number of the episode within its group")
    parser.add_argument("--group", default=None, help="group of the store; by default the first one")
    parser.add_argument("--randomization", default=None, help="by default the run's, else standard")
    parser.add_argument("--video", type=Path, default=None, help="mp4 to write (needs off-screen OpenGL)")


def execute(args: argparse.Namespace) -> int:
    """Replay, print what happened, and compare with the recording."""
    from recap_bench.reporting.film import Replay, write_film

    store = _store(args.source)
    group = args.group or store.groups()[0]
    episode = next(islice(store.episodes([group]), args.episode, None), None)
    if episode is None or args.episode < 0:
        raise DataError(f"Group {group!r} of {store.path} has no episode {args.episode}.")
    randomization = args.randomization or _randomization(store.path)
    print(f"{store.path}, groups {', '.join(store.groups())}; episode {args.episode} of {group}:")
    print(f"  recorded: {_text(episode.success, episode.failure_mode, episode.length)}, seed {episode.seed}")
    if args.video:
        outcome = write_film(args.video, episode, randomization)
        print(f"  film:     {args.video}")
    else:
        outcome = Replay(episode, randomization).run()
    print(f"  replayed: {_text(outcome.success, outcome.failure_mode, outcome.steps)}, ", end="")
    print(f"joints within {outcome.joint_error:.1e}: {'the same' if outcome.reproduced else 'NOT the same'}")
    return 0 if outcome.reproduced else 1


def _text(success: bool, failure_mode: str, steps: int) -> str:
    return f"{'success' if success else failure_mode} after {steps} steps"


def _store(source: Path) -> "Store":
    from recap_bench.data.store import Store

    if (source / "store.json").is_file():
        return Store.open(source)
    found = sorted(source.glob("*/seed*/store"))
    if len(found) > 1:
        raise ConfigurationError(f"{source} has several stores; name one of: {', '.join(map(str, found))}.")
    return Store.open(found[0] if found else source)


def _randomization(store: Path) -> str:
    for folder in store.resolve().parents:
        if (folder / "config.json").is_file():
            return str(json.loads((folder / "config.json").read_text())["config"]["randomization"])
    return "standard"
