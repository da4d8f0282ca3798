"""The paper's protocol per task: how much is collected in a round, and how many frames count as positive.

Paper: what it says of each task's data per iteration in its experiments, and Appendix F (thresholds).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """One task's round of collection and labels."""

    autonomous: int = 300
    """Autonomous episodes per iteration."""
    corrected: int = 150
    """Episodes per iteration that an operator watches and corrects."""
    positive_fraction: float = 0.4
    """Share of an iteration's autonomous frames with a positive indicator."""

    @property
    def corrected_share(self) -> float:
        """Share of a round's episodes that an operator watches."""
        return self.corrected / (self.autonomous + self.corrected)


PAPER: dict[str, Protocol] = {
    "Espresso-v0": Protocol(414, 429),
    "BoxAssembly-v0": Protocol(600, 360),
    # Too fast for useful corrections; demonstrations are reliable but slow, hence the sharper threshold.
    "LaundryTshirtsShorts-v0": Protocol(300, 0, positive_fraction=0.1),
    "LaundryDiverse-v0": Protocol(450, 287),
    # The main text has no corrections here, Appendix F has 658 in two iterations: the main text is followed.
    "LaundryStrictTshirt-v0": Protocol(600, 0),
}
"""Task name -> the paper's numbers."""


def protocol(task: str) -> Protocol:
    """Return the paper's protocol for `task`; one of ordinary size for a task that the paper does not have."""
    return PAPER.get(task, Protocol())
