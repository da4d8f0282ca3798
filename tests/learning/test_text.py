import pytest
import torch

from recap_bench.errors import ConfigurationError
from recap_bench.learning.tasks import Repertoire, TaskFacts
from recap_bench.learning.text import MAX_WORDS, PADDING, UNKNOWN, InstructionEncoder, Phrasebook, Tokenizer
from recap_bench.learning.training import generator, isolated_rng

TASKS = {
    "A-v0": TaskFacts(10, ("fold it", "please fold it"), ("x", "y")),
    "B-v0": TaskFacts(20, ("make coffee",), ("y", "z")),
}
REPERTOIRE = Repertoire.of(TASKS)


def test_a_repertoire_is_the_union_of_inputs_and_words():
    assert REPERTOIRE.fields == ("x", "y", "z")
    assert REPERTOIRE.vocabulary == ("coffee", "fold", "it", "make", "please")
    assert Repertoire.from_dict(REPERTOIRE.to_dict()) == REPERTOIRE


def test_a_specialist_keeps_inputs_and_words_and_refuses_what_was_not_pretrained():
    narrow = REPERTOIRE.narrowed({"B-v0": TASKS["B-v0"]})
    assert list(narrow.tasks) == ["B-v0"]
    assert (narrow.fields, narrow.vocabulary) == (REPERTOIRE.fields, REPERTOIRE.vocabulary)
    with pytest.raises(ConfigurationError, match=r"C-v0 was not pre-trained on\. Pre-trained: A-v0, B-v0"):
        REPERTOIRE.narrowed({"C-v0": TASKS["A-v0"]})
    with pytest.raises(ConfigurationError, match="another horizon"):
        REPERTOIRE.narrowed({"A-v0": TaskFacts(11, ("fold it",), ("x", "y"))})


def test_words_become_tokens_whatever_their_case():
    tokens = Tokenizer(REPERTOIRE.vocabulary).encode(["Fold it!", "fold that"])
    assert tokens[0].tolist() == [3, 4] + [PADDING] * (MAX_WORDS - 2)
    assert tokens[1, :2].tolist() == [3, UNKNOWN]


def test_training_sees_every_phrasing_of_the_right_task_with_words_dropped():
    book = Phrasebook(Tokenizer(REPERTOIRE.vocabulary), REPERTOIRE.phrasings())
    draw = generator("cpu", 0, "words")
    first, second = (book.draw(torch.full((4000,), task), draw) for task in (0, 1))
    lengths = (first != PADDING).sum(1)
    assert 0.45 < (lengths == 2).float().mean() < 0.55
    assert (lengths == 3).sum() + (lengths == 2).sum() == 4000
    dropped = (first == UNKNOWN).sum() / (first != PADDING).sum()
    assert 0.08 < float(dropped) < 0.12
    assert set(second.unique().tolist()) == {PADDING, UNKNOWN, 2, 5}


def test_padding_does_not_change_the_encoding():
    with isolated_rng(0):
        encoder = InstructionEncoder(5, 16)
    tokens = torch.tensor([[2, 3, PADDING, PADDING]])
    torch.testing.assert_close(encoder(tokens), encoder(tokens[:, :2]))


def test_an_instruction_is_the_mean_of_its_words_and_only_they_learn():
    with isolated_rng(0):
        encoder = InstructionEncoder(5, 16)
    tokens = torch.full((2, MAX_WORDS), PADDING)
    tokens[0, :3] = torch.tensor([2, 4, 4])
    mean = encoder.embedding.weight[[2, 4, 4]].mean(dim=0, keepdim=True)
    encoded = encoder(tokens)
    torch.testing.assert_close(encoded[:1], encoder.layers(mean))
    torch.testing.assert_close(encoded[1:], encoder.layers(torch.zeros(1, 16)))
    encoded.sum().backward()
    assert encoder.embedding.weight.grad.any(dim=1).nonzero().ravel().tolist() == [2, 4]
