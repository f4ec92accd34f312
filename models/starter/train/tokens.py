"""The tokenizers of the starter family, in both languages, built from the concepts' names alone: the same data gives
the same tokens.

What CLIP and the brush are told becomes byte-level BPE: lower case, each Han character a word of its own, every word
with its space, so that a name is the same tokens wherever it stands. What the eyes read and write is cut into as few
pieces as possible, and there every name is one piece: to name a thing is one choice, and its vector can begin as
CLIP's.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from models.starter.data import questions
from models.starter.data.words import COLOUR_NAMES, PLACE_NAMES, STYLES, Concept, Describer, Scene, Thing, plural

SPECIAL = ("<unk>", "<s>", "<pad>", "</s>", "<image>", "<answer>")
UNK, BOS, PAD, EOS, IMAGE, ANSWER = range(len(SPECIAL))  # an eos of 2 would put CLIPTextModel into a mode of its own
WORDS = 4096
LONGEST = 32  # tokens of a caption
SPACE = "\u2581"  # in a piece, as SentencePiece writes it
COMMON = 8  # times that a word is said before it becomes a piece


def for_captions(concepts: tuple[Concept, ...]) -> Any:
    """A tokenizer as transformers loads it, that begins with <s>, ends with </s> and pads to LONGEST tokens."""
    made = _trained(_captions(concepts), lower=True)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", BOS), ("</s>", EOS)]
    )
    return _wrapped(made, LONGEST, "</s>")


def for_eyes(concepts: tuple[Concept, ...]) -> Any:
    """A tokenizer as transformers loads it; a text's tokens and nothing else. ``concepts`` by the eyes' names."""
    pieces: dict[str, float] = dict.fromkeys(SPECIAL, 0.0)
    pieces |= dict.fromkeys((f"<0x{byte:02X}>" for byte in range(256)), -30.0)
    talk = list(_talk(concepts))
    pieces |= dict.fromkeys(sorted({*"".join(talk), *string.printable[:95], SPACE} - {" "}), -11.0)
    words = Counter(word for text in talk for word in re.findall(r" ?[A-Za-z]+", text))
    common = sorted(word for word, count in words.items() if count >= COMMON)
    pieces |= dict.fromkeys((word.replace(" ", SPACE) for word in common), -10.0)
    pieces |= dict.fromkeys((name for concept in concepts for name in names(concept)), -9.0)
    made = Tokenizer(models.Unigram(list(pieces.items()), UNK, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", SPACE)
    made.decoder = decoders.Sequence([decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()])
    return _wrapped(made, 1024, "<pad>")


def plain(concepts: Sequence[Concept]) -> tuple[Concept, ...]:
    """The concepts by the names that the eyes use: any human being is a person."""
    return tuple(replace(each, en="person", zh="人", measure="个") if each.people else each for each in concepts)


def names(concept: Concept) -> Sequence[str]:
    """The eyes' pieces for a concept: its English name and that of several, a space before each; its Chinese name."""
    english = (concept.en, plural(concept.en))
    return (*(SPACE + name.replace(" ", SPACE) for name in english), concept.zh)


def _trained(texts: Iterator[str], lower: bool) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), *([normalizers.Lowercase()] if lower else [])])
    han = pre_tokenizers.Split(Regex(r"\p{Han}"), behavior="isolated")
    made.pre_tokenizer = pre_tokenizers.Sequence([han, pre_tokenizers.ByteLevel(add_prefix_space=lower)])
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made


def _wrapped(made: Tokenizer, longest: int, pad: str) -> Any:
    made_by: Any = PreTrainedTokenizerFast
    return made_by(
        tokenizer_object=made, model_max_length=longest, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        pad_token=pad, additional_special_tokens=["<image>", "<answer>"], clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _captions(concepts: tuple[Concept, ...]) -> Iterator[str]:
    random = Random(0)
    speaker = Describer(concepts, random)
    for number, concept in enumerate(concepts):
        yield from (*concept.tags_en, *concept.tags_zh)
        for chinese in (False, True):
            for _ in range(6):
                yield speaker.caption(_scene(number, random), chinese, True, True)
                yield speaker.name(number, chinese)


def _talk(concepts: tuple[Concept, ...]) -> Iterator[str]:
    random = Random(0)
    speaker = Describer(concepts, random)
    for number in range(len(concepts)):
        for chinese in (False, True):
            for kind in questions.KINDS:
                asked = questions.ask(kind, _scene(number, random), speaker, chinese)
                yield from (asked.question, asked.answer)


def _scene(concept: int, random: Random) -> Scene:
    tint = random.randrange(len(COLOUR_NAMES))
    thing = Thing(concept, tint, random.randrange(len(PLACE_NAMES)), tint)
    return Scene((thing,), random.randint(1, 4), random.randrange(len(COLOUR_NAMES)), style=random.choice(list(STYLES)))
