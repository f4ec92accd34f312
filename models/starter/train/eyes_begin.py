"""How the eyes begin: knowing what CLIP knows, and able to compare.

A name's vector is CLIP's of that name, the projector is CLIP's own projection, and in the first layer's attention a
name looks for the picture that it names. All this stays as it is while the rest is trained: learnt along, it was lost
in the first hundred steps, and "is there a dog?" never became better than chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from models.starter.data.words import Concept
from models.starter.train import clip, tokens, towers

NAMED = 0.6  # length of a name's vector, and of a picture's
SORTED = 0.3  # length of what is added for one, several, or Chinese
MEETING = 1.7  # a name's score with the picture it names is then about 3 in each head, and 0 with any other
NOTED = 0.4  # makes the note about as large as the name's own vector
LIFT = 3.0  # where GELU is nearly a straight line
SEED = 0


@dataclass(frozen=True, slots=True)
class Ways:
    """Directions in the language model's space: ``turn`` [d, d] is a rotation, the others are unit vectors.

    A picture's vectors are turned, so that a name meets them and not itself. ``sorts`` [3, d] tell an English name,
    that of several, and a Chinese one apart; ``whole`` the picture's first vector from its cells; ``met`` is where the
    first layer notes that a name met its picture.
    """

    turn: Tensor
    sorts: Tensor
    whole: Tensor
    met: Tensor


def ways() -> Ways:
    """Always the same."""
    seeded = torch.Generator().manual_seed(SEED)
    turn = torch.linalg.qr(torch.randn(towers.WIDTH, towers.WIDTH, generator=seeded))[0]
    units = torch.linalg.qr(torch.randn(towers.WIDTH, 5, generator=seeded))[0].T.contiguous()
    return Ways(turn, units[:3], units[3], units[4])


@torch.no_grad()
def begin(model: Any, learnt: Any, pieces: Any, concepts: Sequence[Concept], pictures: Tensor) -> Tensor:
    """Give the eyes what the CLIP ``learnt``, for good but for the tower's attention.

    ``concepts`` by CLIP's names; ``pictures`` [n, 3, s, s] from -1 to 1 are what the projector is fitted on. Returns
    the turned vectors of the English names, [concepts, d].
    """
    inner, known = model.model, ways()
    inner.vision_tower.load_state_dict(learnt.vision_model.state_dict())
    inner.vision_tower.embeddings.backbone.requires_grad_(False).eval()
    _project(inner.multi_modal_projector.requires_grad_(False), learnt, pictures, known)
    _compare(inner.language_model.layers[0].self_attn.requires_grad_(False), known)
    return _name(model.get_input_embeddings().weight, learnt, pieces, concepts, known) @ known.turn.T


def _project(projector: Any, learnt: Any, pictures: Tensor, known: Ways) -> None:
    """The linear map that is nearest to CLIP's of the picture as a whole, its first vector marked."""
    seen = learnt.vision_model(pictures, output_hidden_states=True)
    rows = functional.pad(seen.hidden_states[-1], (0, 1), value=1.0)
    whole = functional.normalize(learnt.visual_projection(seen.pooler_output), dim=-1)
    first = functional.one_hot(torch.zeros(len(rows), dtype=torch.long), rows.shape[1]).float()
    said = torch.linalg.lstsq(rows[:, 0], whole).solution @ known.turn.T
    marked = torch.linalg.lstsq(rows.flatten(0, 1), first.flatten()[:, None]).solution * known.whole
    found = NAMED * (said + marked)
    projector.linear_1.weight.copy_(found[:-1].T)
    projector.linear_1.bias.copy_(found[-1] + LIFT)
    projector.linear_2.weight.copy_(torch.eye(towers.WIDTH))
    projector.linear_2.bias.fill_(-LIFT)


def _compare(attention: Any, known: Ways) -> None:
    """Each head compares its part of a name and of a picture, and notes how much of the whole picture it took in."""
    attention.q_proj.weight.add_(MEETING * torch.eye(towers.WIDTH))
    attention.k_proj.weight.add_(MEETING * known.turn.T)
    for row in range(0, towers.WIDTH, attention.head_dim):
        attention.v_proj.weight[row] += NOTED * known.whole
        attention.o_proj.weight[:, row] += NOTED * known.met


def _name(embed: Any, learnt: Any, pieces: Any, concepts: Sequence[Concept], known: Ways) -> Tensor:
    """Give every name its vector, and keep it. Returns CLIP's of the English names."""
    captions = tokens.for_captions(tuple(concepts))
    english, chinese = (
        clip.vectors(learnt, captions, [getattr(each, language) for each in concepts]) for language in ("en", "zh")
    )
    learning = torch.ones(len(embed), 1)
    for concept, *vectors in zip(tokens.plain(concepts), english, english, chinese, strict=True):
        if not concept.people:
            places = pieces.convert_tokens_to_ids(list(tokens.names(concept)))
            embed[places] = NAMED * torch.stack(vectors) + SORTED * known.sorts
            learning[places] = 0
    embed.register_hook(lambda gradient: gradient * learning.to(gradient.device))
    return english
