"""The command line `recap-bench`."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from importlib import metadata
from types import ModuleType

from recap_bench.commands import (
    collect,
    compare,
    control,
    doctor,
    evaluate,
    inspect,
    listing,
    replay,
    report,
    run,
    speed,
)
from recap_bench.errors import RecapBenchError, StorageError

# Each module has HELP, add_arguments(parser) and execute(args) -> exit code; it imports heavy packages when executed.
COMMANDS: dict[str, ModuleType] = {
    "list": listing,
    "run": run,
    "control": control,
    "collect": collect,
    "evaluate": evaluate,
    "report": report,
    "compare": compare,
    "inspect": inspect,
    "replay": replay,
    "speed": speed,
    "doctor": doctor,
}

USAGE_ERROR = 2
"""Exit code of argparse, and of every error that the message explains."""

INTERNAL_ERROR = 70
"""Exit code of an error that nobody foresaw; 1 would say that `compare` has found a regression."""


class _DefaultsFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds '(default: ...)' where there is a default worth telling."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default in (None, False, []):
            return action.help
        if isinstance(action.default, list):
            return f"{action.help} (default: {' '.join(map(str, action.default))})"
        return super()._get_help_string(action)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="recap-bench", description="RECAP, the training loop of pi*0.6 (arXiv 2511.14759), in simulation."
    )
    parser.add_argument("--version", action="version", version=f"recap-bench {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            formatter_class=_DefaultsFormatter,
        )
        module.add_arguments(command)
        command.set_defaults(execute=module.execute)
    return parser


def _version() -> str:
    try:
        return metadata.version("recap-bench")
    except metadata.PackageNotFoundError:
        return "of a source tree that is not installed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code. Errors that have an explanation print it on one line."""
    args = build_parser().parse_args(arguments)
    try:
        return int(args.execute(args))
    except KeyboardInterrupt:
        print(f"\nrecap-bench {args.command}: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        explanation = _explained(error)
        if explanation is None:
            traceback.print_exc()
            return INTERNAL_ERROR
        print(f"recap-bench {args.command}: {explanation}", file=sys.stderr)
        return USAGE_ERROR


def _explained(error: Exception) -> RecapBenchError | None:
    """Return the error with an explanation for people; None if nobody foresaw it."""
    if isinstance(error, RecapBenchError):
        return error
    if isinstance(error, OSError):
        return StorageError.explaining(error, "Use another place, or mend this one.")
    return None


if __name__ == "__main__":
    sys.exit(main())
