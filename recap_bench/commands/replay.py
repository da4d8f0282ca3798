"""Play a stored episode again from its seed and actions, check that it comes out as recorded, and film it.

It starts where the store, or the run whose store it is, says that it was collected. The exit code is 1 when it does not
come out as recorded.
"""

import argparse
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recap_bench.commands.options import file_to_write, run_above
from recap_bench.errors import ConfigurationError, DataError

if TYPE_CHECKING:
    from recap_bench.data.episode import Episode
    from recap_bench.data.store import Store
    from recap_bench.reporting.film import Scenery

HELP = "play a stored episode again, and film it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which episode, and the film."""
    parser.add_argument("source", type=Path, metavar="STORE_OR_RUN", help="folder of a store, or of a run with one")
    parser.add_argument("--episode", type=int, default=0, help="number of the episode within its group")
    parser.add_argument("--group", default=None, help="group of the store; by default the first one")
    parser.add_argument("--randomization", default=None, help="by default the store's or the run's, else standard")
    parser.add_argument("--start", default=None, help="by default the store's or the run's, else the task's choice")
    film, strip = "film to write (needs off-screen OpenGL)", "a dozen frames to write (needs the same)"
    parser.add_argument("--video", type=_ending(".mp4"), default=None, metavar="FILE.mp4", help=film)
    parser.add_argument("--strip", type=_ending(".png"), default=None, metavar="FILE.png", help=strip)


def execute(args: argparse.Namespace) -> int:
    """Replay, compare with the recording, and film."""
    store = _store(args.source)
    if not store.groups():
        raise DataError(f"Store {store.path} holds no episodes.")
    group = args.group or store.groups()[0]
    episode = next(islice(store.episodes([group]), max(args.episode, 0), None), None)
    if episode is None or args.episode < 0:
        last = len(store.seeds(group)) - 1
        raise DataError(f"Group {group!r} of {store.path} has no episode {args.episode}. Known: 0 to {last}.")
    recorded = store.conditions(group) or run_above(store.path)
    scenery = _scenery(args, recorded)
    print(f"{store.path} (groups {', '.join(store.groups())}), episode {args.episode} of {group}:")
    ending = "success" if episode.success else episode.failure_mode
    print(f"  recorded: {ending} after {episode.length} steps, environment seed {episode.seed}")
    for name in ("start", "randomization"):
        given, known = getattr(args, name), recorded.get(name)
        if given and known and given != known:
            print(f"  note:     --{name} is {given}, the episode was collected with {known}")
    exact = _check(episode, scenery)
    if not (exact or recorded):
        print("  hint:     where episodes start is not recorded here; say --start and --randomization as collected")
    if args.video:
        from recap_bench.reporting.film import write_film

        print(f"  film:     {write_film(args.video, episode, scenery)}")
    if args.strip:
        from recap_bench.reporting.film import write_strip

        print(f"  strip:    {write_strip(args.strip, episode, scenery)}")
    return 0 if exact else 1


def _check(episode: "Episode", scenery: "Scenery") -> bool:
    """Replay `episode`, print how far it comes out as recorded, and return whether all of it does."""
    from gymnasium.vector import AutoresetMode

    from recap_bench.envs import make_vec
    from recap_bench.loop.replay import replay

    env = make_vec(
        episode.task,
        randomization=scenery.randomization,
        start=scenery.start_of(episode),
        autoreset_mode=AutoresetMode.DISABLED,
    )
    result = replay(env, episode)
    env.close()
    difference = "no difference"
    if result.first_difference is not None:
        difference = (
            f"{result.differing} differs by {result.largest_difference:.1e} from step {result.first_difference}"
        )
    print(f"  replayed: {difference}, {'the same' if result.same_outcome else 'ANOTHER'} outcome")
    return result.exact


def _store(source: Path) -> "Store":
    from recap_bench.data.store import Store

    if (source / "store.json").is_file():
        return Store.open(source)
    found = sorted(source.glob("*/seed*/store"))
    if len(found) > 1:
        raise ConfigurationError(f"{source} has several stores; name one of: {', '.join(map(str, found))}.")
    return Store.open(found[0] if found else source)


def _scenery(args: argparse.Namespace, recorded: Mapping[str, Any]) -> "Scenery":
    """Return what the options say, else what is `recorded` of the episode's store or run."""
    from recap_bench.reporting.film import Scenery

    return Scenery(args.randomization or recorded.get("randomization", "standard"), args.start or recorded.get("start"))


def _ending(suffix: str) -> Callable[[str], Path]:
    """Return the argparse type of files to write whose names end in `suffix`."""

    def path(text: str) -> Path:
        if Path(text).suffix != suffix:
            raise argparse.ArgumentTypeError(f"must be a file name that ends in {suffix}, received {text!r}")
        return file_to_write(text)

    return path
