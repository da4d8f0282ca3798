"""The exceptions of recap_bench: one base class, a few children."""


class RecapBenchError(Exception):
    """Base of every error that recap_bench raises on purpose."""


class ConfigurationError(RecapBenchError, ValueError):
    """An option, name or combination of options that cannot be used."""


class UnknownNameError(ConfigurationError):
    """A name outside a closed set; the message lists the set."""

    def __init__(self, kind: str, received: str, known: list[str]) -> None:
        self.kind, self.received, self.known = kind, received, list(known)
        super().__init__(f"Unknown {kind} {received!r}. Known: {', '.join(self.known)}.")


class ActionError(RecapBenchError, ValueError):
    """An action array of the wrong shape, or with values that are not finite."""


class DataError(RecapBenchError):
    """A store, label or checkpoint file that is missing, damaged or of another version."""


class RenderingUnavailableError(RecapBenchError, RuntimeError):
    """Off-screen OpenGL is not available; the message says what to install."""
