"""Image tokens: the pictures of a conversation as a language model takes them, each encoded once (``ImageEncoder``).

Encoding a picture (its pixels through the vision tower and the projector) is the dear part of a question about it, so
the vectors are kept, least recently used first out. Among a prompt's tokens the image tokens are negative numbers that
say which picture, and the how many-th of its tokens: comparing tokens compares pictures too.
"""

from __future__ import annotations

import hashlib
import inspect
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image as Pillow
from transformers.modeling_outputs import BaseModelOutputWithPooling

from core.errors import EngineFailed
from core.l10n.text import l10n
from core.types.messages import Image
from models.common.pictures import open_picture

MOST_TOKENS = 1 << 20  # more than any picture has
KEPT = 256_000_000  # bytes of vectors: 54 pictures of LLaVA 1.5 7B in half precision
REMEMBERED = 1024  # pictures whose number of image tokens is known
PICTURE_TOKENS = 3000  # LLaVA 1.6 takes at most 2,880 for a picture
SMALLEST = 32  # pixels of a picture's longer side, below which no picture is shrunk


@dataclass(frozen=True, slots=True)
class PictureTokens:
    """A picture's ``number`` in this process, and what stands for it in a prompt: image tokens and others around."""

    number: int
    tokens: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many image tokens it takes."""
        return sum(token < 0 for token in self.tokens)


def picture_of(token: int) -> int:
    """The number of the picture that an image token belongs to."""
    return (-1 - token) // MOST_TOKENS


def offset(token: int) -> int:
    """How many image tokens of its picture come before this one."""
    return (-1 - token) % MOST_TOKENS


@dataclass(slots=True)
class PartialEncoding:
    """A picture that is being encoded: what ``get_image_features`` takes, and the tower's hidden states by tile."""

    given: dict[str, Any]
    states: list[tuple[torch.Tensor | None, ...]] = field(default_factory=list)


class TowerStandIn(torch.nn.Module):
    """Stands in for a vision tower that has seen all tiles already, one by one, while the model packs their vectors."""

    def __init__(self, tiles: Sequence[tuple[torch.Tensor | None, ...]]) -> None:
        super().__init__()
        self._tiles = tiles

    def forward(self, pixel_values: torch.Tensor, **_: object) -> BaseModelOutputWithPooling:
        layers = zip(*self._tiles, strict=True)
        states: Any = tuple(None if each[0] is None else torch.cat(each) for each in layers)
        return BaseModelOutputWithPooling(hidden_states=states)


class ImageEncoder:
    """Vision tower and projector of ``model``. ``encoded`` counts how often a picture went through the vision tower.

    A picture that would take more than ``most`` image tokens is made smaller first; where the model cuts it into tiles
    by their size, that is what helps.
    """

    def __init__(self, model: Any, processor: Any, most: int = PICTURE_TOKENS) -> None:
        self._model = model
        self._processor = processor
        self._most = most
        self._asked = set(inspect.signature(model.get_image_features).parameters)
        self._numbers = 0
        self._shown: OrderedDict[str, PictureTokens] = OrderedDict()  # by the SHA-256 of the picture's file
        self._pixels: dict[int, Any] = {}  # processed for the reply in hand and not encoded yet
        self._files: dict[int, tuple[Image, PictureTokens]] = {}  # of the reply in hand
        self._partial: dict[tuple[int, str], PartialEncoding] = {}  # of the reply in hand
        self._vectors: OrderedDict[tuple[int, str], torch.Tensor] = OrderedDict()
        self.encoded = 0

    def look(self, images: Iterable[Image]) -> list[PictureTokens]:
        """What stands for each of a conversation's pictures. Raises BadInput when one cannot be opened."""
        self._pixels, self._files, self._partial = {}, {}, {}
        return [self._look(image) for image in images]

    def vectors(self, number: int, adapter: str) -> torch.Tensor:
        """The image features of a picture of this reply, [image tokens, width]; encoded unless they are kept.

        ``adapter`` names the LoRA adapter whose vision part is in force, empty for none.
        """
        key = (number, adapter)
        while key not in self._vectors:
            self.encode(number, adapter)
        self._vectors.move_to_end(key)
        return self._vectors[key]

    def encode(self, number: int, adapter: str) -> float:
        """Put the next tile of a picture that ``vectors`` does not have yet through the vision tower.

        Returns what part of the picture is done; at 1 ``vectors`` has them. A call that ran out of memory may be made
        again.
        """
        key = (number, adapter)
        if key not in self._partial:
            self._partial[key] = PartialEncoding(self._inputs(number))
        partial = self._partial[key]
        pixels = partial.given["pixel_values"]
        with torch.inference_mode():
            if pixels.dim() == 5 and len(partial.states) < pixels.shape[1]:  # [1, tiles, channels, height, width]
                tile = pixels[0, len(partial.states)][None]
                seen = self._model.model.vision_tower(tile, output_hidden_states=True, return_dict=True)
                partial.states.append(self._projected_states(seen.hidden_states))
                done = len(partial.states) / int(pixels.shape[1])
                if done < 1:
                    return done
            self._vectors[key] = self._project(number, partial)
        del self._partial[key]
        self.encoded += 1
        while len(self._vectors) > 1 and sum(each.nbytes for each in self._vectors.values()) > KEPT:
            self._vectors.popitem(last=False)
        return 1.0

    def keeps(self, number: int, adapter: str) -> bool:
        """Whether ``vectors`` would give them at once."""
        return (number, adapter) in self._vectors

    def _look(self, image: Image) -> PictureTokens:
        key = hashlib.sha256(image.data).hexdigest()
        if key not in self._shown:
            processed, tokens = self._fit_picture(image)
            self._pixels[self._numbers] = processed
            self._shown[key] = PictureTokens(self._numbers, tokens)
            self._numbers += 1
            if len(self._shown) > REMEMBERED:
                self._shown.popitem(last=False)
        self._shown.move_to_end(key)
        shown = self._shown[key]
        self._files[shown.number] = image, shown
        return shown

    def _fit_picture(self, image: Image) -> tuple[Any, tuple[int, ...]]:
        """What the vision tower gets, and the prompt's tokens, image tokens numbered as the next new picture's."""
        picture = open_picture(image)
        processed, tokens, count = self._tokenise(picture)
        if count > self._most and self._tokenise(_shrink(picture, SMALLEST))[2] < count:
            side = max(picture.size)
            while count > self._most and side > SMALLEST:
                side = max(side * 3 // 4, SMALLEST)
                processed, tokens, count = self._tokenise(_shrink(picture, side))
        numbered = iter(range(-1 - self._numbers * MOST_TOKENS, -1 - self._numbers * MOST_TOKENS - count, -1))
        return processed, tuple(next(numbered) if each == self._processor.image_token_id else each for each in tokens)

    def _tokenise(self, picture: Pillow.Image) -> tuple[Any, list[int], int]:
        """What the vision tower gets, the prompt's tokens as the processor writes them, and how many are image's."""
        processed = self._processor.image_processor(images=[picture], return_tensors="pt")
        text = self._processor.replace_image_token(processed, 0)
        tokens = self._processor.tokenizer.encode(text, add_special_tokens=False)
        return processed, tokens, tokens.count(self._processor.image_token_id)

    def _inputs(self, number: int) -> dict[str, Any]:
        """A picture as ``get_image_features`` takes it; ``pixel_values`` [1, (tiles,) channels, height, width]."""
        processed = self._pixels.pop(number, None) or self._fit_picture(self._files[number][0])[0]
        given = {name: value for name, value in processed.items() if name in self._asked}
        return given | {"pixel_values": given["pixel_values"].to(self._model.device, self._model.dtype)}

    def _projected_states(self, states: Sequence[torch.Tensor]) -> tuple[torch.Tensor | None, ...]:
        """The hidden states that the projector takes, None in the places of all others."""
        layers = self._model.config.vision_feature_layer
        kept = {range(len(states))[layer] for layer in ([layers] if isinstance(layers, int) else layers)}
        return tuple(state if place in kept else None for place, state in enumerate(states))

    def _project(self, number: int, partial: PartialEncoding) -> torch.Tensor:
        """The projector's vectors for what the tower has seen, in the model's own order, [image tokens, width]."""
        inner, shown = self._model.model, self._files[number][1]
        tower = inner.vision_tower
        try:
            if partial.states:
                inner.vision_tower = TowerStandIn(partial.states)
            features = self._model.get_image_features(**partial.given, return_dict=True).pooler_output
        finally:
            inner.vision_tower = tower
        vectors = torch.cat(list(features)).flatten(0, -2)
        if len(vectors) != shown.count:
            raise EngineFailed(
                l10n(
                    "The model gives {vectors} vectors for a picture where its processor announces {count}: "
                    "config.json and the processor's settings do not belong together. Install the model again.",
                    vectors=len(vectors),
                    count=shown.count,
                )
            )
        return vectors


def _shrink(picture: Pillow.Image, side: int) -> Pillow.Image:
    """A copy whose longer side has at most so many pixels."""
    copy = picture.copy()
    copy.thumbnail((side, side))
    return copy
