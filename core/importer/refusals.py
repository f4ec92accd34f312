"""Refusals: why a folder or file cannot be used, and what the person can do about it."""

from __future__ import annotations

from typing import Any

from core.errors import BadInput
from core.importer.found import Listing
from core.l10n.text import l10n

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
UNDERSTOOD = l10n(
    "a diffusers folder (model_index.json), a LLaVA-like transformers folder, a Coqui VITS or XTTS folder, "
    "a faster-whisper folder, a CLIP folder, a GGUF file (with its mmproj for one that sees), a LoRA adapter folder"
)


def refusal(listing: Listing, config: dict[str, Any], readable: bool) -> BadInput:
    """``config`` is of the listing's config.json, ``readable`` that a kind we know is named there."""
    kind = config.get("model_type")
    names = sorted(listing.sizes)
    pickles = [name for name in names if name.endswith(PICKLES)]
    if readable:
        return pickled(listing.name, pickles) if pickles else no_weights(listing.name)
    if kind == "whisper":
        return _whisper(listing.name)
    if kind:
        return _other_transformers(listing.name, str(kind))
    if config.get("model"):
        return BadInput(
            l10n(
                "{name} is a Coqui model of the kind {model}; Parlor speaks with VITS and XTTS.",
                name=listing.name,
                model=config["model"],
            )
        )
    whole = [name for name in names if name.endswith(".safetensors") and _is_painter(listing, name)]
    whole += [name for name in names if name.endswith(".ckpt")]
    if whole:
        return _single_file(whole[0])
    return pickled(listing.name, pickles) if pickles else unknown(listing.name)


def pickled(name: str, files: list[str]) -> BadInput:
    """The refusal of weights that a pickle holds."""
    which = ", ".join(files[:3])
    return BadInput(
        l10n(
            "{name} has its weights in {which}: files of that kind can run code when they are opened, so Parlor never "
            "opens them. Get the edition in safetensors (or GGUF), or convert it where you trust it.",
            name=name,
            which=which,
        )
    )


def no_weights(where: str) -> BadInput:
    return BadInput(l10n("{where} has no whole set of weights in safetensors. Get the missing files.", where=where))


def unknown(name: str) -> BadInput:
    return BadInput(
        l10n("{name} is nothing that Parlor understands. It takes {understood}.", name=name, understood=UNDERSTOOD)
    )


def _whisper(name: str) -> BadInput:
    return BadInput(
        l10n(
            "{name} is Whisper in transformers' format. Get its faster-whisper (CTranslate2) edition, or convert it: "
            "{command}",
            name=name,
            command=l10n(
                "ct2-transformers-converter --model FOLDER --output_dir NEW_FOLDER --quantization float16 "
                "--copy_files tokenizer.json"
            ),
        )
    )


def _other_transformers(name: str, kind: str) -> BadInput:
    return BadInput(
        l10n(
            "{name} is a transformers model of the kind {kind}, which Parlor does not load; for chat, get the GGUF. "
            "Parlor takes {understood}.",
            name=name,
            kind=kind,
            understood=UNDERSTOOD,
        )
    )


def _is_painter(listing: Listing, name: str) -> bool:
    return any(tensor.startswith("model.diffusion_model.") for tensor in listing.tensors(name))


def _single_file(name: str) -> BadInput:
    return BadInput(
        l10n(
            "{name} is a whole Stable Diffusion in one file; Parlor paints from a diffusers folder. Get that edition, "
            "or convert it once with diffusers: {command} (a .ckpt only if you trust it: it can run code), then add "
            "the folder.",
            name=name,
            command=l10n("StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)"),
        )
    )
