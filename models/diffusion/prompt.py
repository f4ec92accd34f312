"""Words to the embeddings that a UNet attends to, also for prompts longer than CLIP's 77 tokens.

A long prompt is cut into pieces of 75 tokens, each encoded by itself between CLIP's start and end tokens, and the
embeddings are put after each other; cross attention takes any length. Up to 75 tokens the result is, bit for bit, that
of the diffusers pipelines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.errors import BadInput
from core.l10n.text import l10n

if TYPE_CHECKING:
    import torch

MOST_PIECES = 10


@dataclass(frozen=True, slots=True)
class Words:
    """``embeds``: (batch, tokens, width), the negative prompt first where guidance needs one. ``pooled``: SDXL's
    (batch, width) of the second encoder, else None. On the UNet's device and in its dtype.
    """

    embeds: torch.Tensor
    pooled: torch.Tensor | None


def encode(pipe: Any, prompt: str, negative: str | None, device: torch.device, dtype: torch.dtype) -> Words:
    """Encode ``prompt``, and ``negative`` before it unless that is None (no classifier-free guidance).

    SDXL's encoders give their last hidden state but one, joined along the width, and the pooled vector comes from the
    first piece; a model whose training replaced an empty prompt by zeros gets zeros for an empty negative. Raises
    BadInput for a prompt of more than MOST_PIECES pieces.
    """
    import torch

    encoders = [(pipe.tokenizer, pipe.text_encoder)]
    xl = hasattr(pipe, "text_encoder_2")
    if xl:
        encoders.append((pipe.tokenizer_2, pipe.text_encoder_2))
    texts = [prompt] if negative is None else [negative, prompt]
    pieces = [[_pieces(tokenizer, text) for text in texts] for tokenizer, _ in encoders]
    longest = max(len(each) for both in pieces for each in both)
    sides: list[torch.Tensor] = []
    pooled: torch.Tensor | None = None
    for (tokenizer, encoder), both in zip(encoders, pieces, strict=True):
        rows = [each + [[]] * (longest - len(each)) for each in both]
        embeds, pooled = _encoded(tokenizer, encoder, rows, device, penultimate=xl)
        sides.append(embeds)
    embeds = torch.cat(sides, dim=-1)
    if xl and negative == "" and pipe.config.force_zeros_for_empty_prompt:
        embeds[0], pooled[0] = 0, 0  # type: ignore[index]
    return Words(embeds.to(device, dtype), pooled.to(device, dtype) if xl and pooled is not None else None)


def _pieces(tokenizer: Any, text: str) -> list[list[int]]:
    """The tokens of ``text`` in pieces that fit between CLIP's two ends; one empty piece for an empty text."""
    room = tokenizer.model_max_length - 2
    tokens = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    if len(tokens) > room * MOST_PIECES:
        raise BadInput(
            l10n(
                "The prompt has {tokens} tokens, and at most {room} can be used. Shorten it.",
                tokens=len(tokens),
                room=room * MOST_PIECES,
            )
        )
    return [tokens[at : at + room] for at in range(0, len(tokens), room)] or [[]]


def _encoded(
    tokenizer: Any, encoder: Any, rows: list[list[list[int]]], device: torch.device, penultimate: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The embeddings of each row's pieces after each other, (rows, tokens, width), and the first pieces' pooled ones.

    Each piece is computed alone: a batch of another size can round otherwise, and the same words would differ.
    """
    import torch

    embeds, pooled = [], []
    for row in rows:
        parts = []
        for number, piece in enumerate(row):
            ids, mask = _framed(tokenizer, piece)
            masked = getattr(encoder.config, "use_attention_mask", False)
            said = encoder(
                torch.tensor([ids], device=device),
                attention_mask=torch.tensor([mask], device=device) if masked else None,
                output_hidden_states=penultimate,
            )
            parts.append(said.hidden_states[-2] if penultimate else said[0])
            if number == 0 and said[0].ndim == 2:
                pooled.append(said[0])
        embeds.append(torch.cat(parts, dim=1))
    return torch.cat(embeds), torch.cat(pooled) if pooled else None


def _framed(tokenizer: Any, piece: list[int]) -> tuple[list[int], list[int]]:
    """``piece`` between the start and end tokens, padded to the encoder's length; and its attention mask."""
    ids = [tokenizer.bos_token_id, *piece, tokenizer.eos_token_id]
    padding = tokenizer.model_max_length - len(ids)
    return ids + [tokenizer.pad_token_id] * padding, [1] * len(ids) + [0] * padding
