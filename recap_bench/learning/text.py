"""Instructions as text: words of a small vocabulary, and their encoding as one vector."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from recap_bench.errors import ConfigurationError
from recap_bench.learning.tasks import Repertoire, words

MAX_WORDS = 24
"""Words of an instruction that are read."""

PADDING, UNKNOWN = 0, 1
"""Tokens that are no word: nothing, and a word that was not in training."""

WORD_DROPOUT = 0.1
"""Share of words shown as UNKNOWN in training, so that an instruction with a new word still works."""


class Tokenizer:
    """From text to tokens; word i of the vocabulary is token i + 2."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._token = {word: index + 2 for index, word in enumerate(vocabulary)}

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Return tokens (B, MAX_WORDS) int64 of `texts`; ConfigurationError for a text without any known word."""
        tokens = torch.full((len(texts), MAX_WORDS), PADDING)
        for row, text in enumerate(texts):
            found = [self._token.get(word, UNKNOWN) for word in words(text)][:MAX_WORDS]
            if all(token == UNKNOWN for token in found):
                known = ", ".join(list(self._token)[:12])
                raise ConfigurationError(
                    f"No word of the instruction {text!r} was in training. Known words: {known}, ..."
                )
            tokens[row, : len(found)] = torch.tensor(found)
        return tokens


class Phrasebook:
    """The ways to say each task, as tokens."""

    def __init__(self, tokenizer: Tokenizer, phrasings: Mapping[str, Sequence[str]], device: str = "cpu") -> None:
        texts = [text for task in phrasings for text in phrasings[task]]
        counts = torch.tensor([len(phrasings[task]) for task in phrasings])
        self._tokens = tokenizer.encode(texts).to(device)
        self._count = counts.to(device)
        self._first = (counts.cumsum(0) - counts).to(device)

    @classmethod
    def of(cls, repertoire: Repertoire, device: str) -> "Phrasebook":
        """Return the instructions of the tasks of `repertoire`, in its words, on `device`."""
        return cls(Tokenizer(repertoire.vocabulary), repertoire.phrasings(), device)

    def canonical(self, task: torch.Tensor) -> torch.Tensor:
        """Return the first phrasing of the tasks of index `task` (B,), (B, MAX_WORDS)."""
        return self._tokens[self._first[task]]

    def draw(self, task: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
        """Return a random phrasing of each task (B,) with words dropped, (B, MAX_WORDS): what training reads."""
        share = torch.rand(task.shape, generator=draw, device=task.device)
        tokens = self._tokens[self._first[task] + (share * self._count[task]).long()]
        dropped = torch.rand(tokens.shape, generator=draw, device=task.device) < WORD_DROPOUT
        return torch.where(dropped & (tokens != PADDING), UNKNOWN, tokens)


class InstructionEncoder(nn.Module):
    """The mean of the words' embeddings, through one hidden layer."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary + 2, width, padding_idx=PADDING)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map tokens (B, W) to (B, width)."""
        # Looking each word up, and adding up its gradient, would take 6 to 12 % of a gradient step.
        counts = torch.zeros((len(tokens), self.embedding.num_embeddings), device=tokens.device)
        counts.scatter_add_(1, tokens, (tokens != PADDING).float())
        return self.layers(counts @ self.embedding.weight / counts.sum(dim=1, keepdim=True).clamp_min(1.0))
