"""Format detection for folders: each kind known by its JSON files, weights only in formats that run no code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from core.catalogue.spec import Task
from core.errors import BadInput
from core.formats import coqui as coqui_files
from core.importer.detect_gguf import recognise as recognise_gguf
from core.importer.found import Detected, FileEntry, Listing, read_json, slug
from core.importer.refusals import PICKLES, no_weights, pickled, refusal
from core.l10n.text import l10n, listed

SHARD = re.compile(r"-\d{5}-of-\d{5}$")
PAINTERS = (
    "StableDiffusionPipeline",
    "StableDiffusionXLPipeline",
    "LatentConsistencyModelPipeline",
)  # models/diffusion/engine.py
UNUSED = ("safety_checker", "feature_extractor", "image_encoder")  # of a painter's folder
WEIGHTED = ("unet", "vae", "text_encoder", "text_encoder_2")
# config.json's model_type of models that answer about pictures through transformers' AutoModelForImageTextToText
SEEING = frozenset((
    "aria", "aya_vision", "chameleon", "cohere2_vision", "deepseek_vl", "deepseek_vl_hybrid", "emu3", "fast_vlm",
    "florence2", "fuyu", "gemma3", "gemma3n", "gemma4", "glm46v", "glm4v", "glm4v_moe", "got_ocr2",
    "granite4_vision", "granite_docling", "idefics", "idefics2", "idefics3", "instructblip", "internvl", "janus",
    "kimi_k25", "lfm2_vl", "llama4", "llava", "llava_next", "llava_onevision", "minicpmv4_6", "mistral3", "mllama",
    "molmo2", "ovis2", "paligemma", "perception_lm", "qwen2_5_vl", "qwen2_vl", "qwen3_5", "qwen3_vl",
    "qwen3_vl_moe", "shieldgemma2", "smolvlm", "vipllava",
))  # fmt: skip
CLIPS = ("clip", "chinese_clip")
TEXTS = (".json", ".txt", ".jinja", ".model", ".tiktoken")
NOT_NEEDED = ("training_args", "trainer_state", "optimizer", "scheduler.", "rng_state", "README", "config_sentence")


def classify(listing: Listing, file: str = "", choose: bool = False) -> Detected:
    """What lies in ``listing``. ``file`` names a GGUF file in it; with ``choose``, the best of several is taken.

    Raises BadInput saying what is wrong, or what Parlor understands.
    """
    sizes = listing.sizes
    if file:
        return recognise_gguf(listing, file, choose)
    if "adapter_config.json" in sizes:
        return _adapter(listing)
    if "model_index.json" in sizes:
        return _painter(listing)
    config = read_json(listing, "config.json") if "config.json" in sizes else {}
    kind = str(config.get("model_type") or "")
    if config.get("model") in ("vits", "xtts"):
        return _coqui(listing, config)
    if "model.bin" in sizes and not kind and any(name.startswith("vocabulary.") for name in sizes):
        return _whisper(listing, config)
    weights = any(name.endswith(".safetensors") for name in sizes)
    if kind in CLIPS and weights:
        return _transformers(listing, "clip", "embed", ("zh", "en") if kind == "chinese_clip" else ("en",))
    if kind in SEEING and weights:
        return _transformers(listing, "llava", "see", ("en",))
    if any(name.lower().endswith(".gguf") for name in sizes):
        return recognise_gguf(listing, "", choose)
    raise refusal(listing, config, readable=kind in SEEING or kind in CLIPS)


def _painter(listing: Listing) -> Detected:
    """A diffusers pipeline (``model_index.json``); its weights in full precision, in half only where that is all."""
    index = read_json(listing, "model_index.json")
    pipeline = index.get("_class_name", "")
    if pipeline not in PAINTERS:
        raise BadInput(
            l10n(
                "{name} is a {pipeline}. Parlor paints with {painters}.",
                name=listing.name,
                pipeline=pipeline or l10n("pipeline of no name"),
                painters=listed(PAINTERS),
            )
        )
    parts = [name for name, value in index.items() if isinstance(value, list) and value and value[0] is not None]
    takes = [FileEntry("model_index.json", "model_index.json", listing.sizes["model_index.json"])]
    halves = [name for name in parts if name in WEIGHTED and not _weights(listing, f"{name}/", half=False)]
    half = bool(halves) and all(_weights(listing, f"{name}/", half=True) for name in parts if name in WEIGHTED)
    for part in (name for name in parts if name not in UNUSED):
        takes += _texts(listing, f"{part}/")
        if part in WEIGHTED:
            takes += _weighed(listing, f"{part}/", half or part in halves)
    card = listing.card()
    return Detected(
        "diffusion", ("paint",), listing.name, slug(listing.name), tuple(takes), card.languages or ("en",),
        licence=card.licence, terms=card.terms, parameters=_parameters(listing, takes),
    )  # fmt: skip


def _transformers(listing: Listing, engine: str, task: Task, languages: tuple[str, ...]) -> Detected:
    """A checkpoint as transformers saves it. ``languages`` are those of its kind, where no card says more."""
    takes = [*_weighed(listing, "", half=False), *_texts(listing, "")]
    card = listing.card()
    return Detected(
        engine, (task,), listing.name, slug(listing.name), tuple(takes), card.languages or languages,
        licence=card.licence, terms=card.terms, parameters=_parameters(listing, takes),
    )  # fmt: skip


def _whisper(listing: Listing, config: dict[str, Any]) -> Detected:
    """CTranslate2's format: no pickle, whatever its name says (the engine checks the head)."""
    wanted = ("model.bin", "config.json", "tokenizer.json", "preprocessor_config.json")
    names = [name for name in listing.sizes if name in wanted or name.startswith("vocabulary.")]
    takes = [FileEntry(name, name, listing.sizes[name]) for name in sorted(names)]
    vocabulary = next(name for name in names if name.startswith("vocabulary."))
    spoken = re.findall(r"<\|([a-z]{2,3})\|>", listing.read(vocabulary).decode("utf-8", "replace"))
    english = listing.name.endswith(".en") or not config.get("lang_ids", spoken)
    card = listing.card()
    return Detected(
        "whisper", ("hear",), listing.name, slug(listing.name), tuple(takes),
        ("en",) if english else tuple(dict.fromkeys(spoken)) or card.languages or ("en",),
        licence=card.licence, terms=card.terms,
    )  # fmt: skip


def _coqui(listing: Listing, config: dict[str, Any]) -> Detected:
    """VITS or XTTS as Coqui's trainer and model zoo leave them. A ``.pth`` is read with ``weights_only``."""
    top = sorted(name for name in listing.sizes if "/" not in name)
    weights = [name for name in top if name.endswith((".safetensors", ".pth", ".pth.tar")) and not _beside(name)]
    if not weights:
        raise BadInput(
            l10n(
                "{name} has Coqui's config.json and no weights beside it (model_file.pth, model.pth).",
                name=listing.name,
            )
        )
    best = min(weights, key=_preference)
    texts = [name for name in top if name.endswith(".json")]
    also = [name for name in top if name.startswith("speaker") and name.endswith(".pth")] + (
        ["model_se.pth"] if "model_se.pth" in top else []
    )
    takes = [FileEntry(name, name.removesuffix(".tar"), listing.sizes[name]) for name in (best, *texts, *also)]
    card, folder = listing.card(), listing.folder(texts)
    return Detected(
        "coqui", ("speak",), listing.name, slug(listing.name), tuple(takes),
        languages=coqui_files.languages(folder) or card.languages or ("en",), voices=coqui_files.speakers(folder),
        licence=card.licence, terms=card.terms, clones=config["model"] == "xtts" or coqui_files.clones(folder),
    )  # fmt: skip


def _adapter(listing: Listing) -> Detected:
    """A LoRA as PEFT saves it."""
    config = read_json(listing, "adapter_config.json")
    weights = "adapter_model.safetensors"
    if weights not in listing.sizes:
        raise pickled(listing.name, [name for name in listing.sizes if name.endswith(PICKLES)] or ["adapter_model.bin"])
    if config.get("peft_type") != "LORA":
        kind = config.get("peft_type", "?")
        raise BadInput(
            l10n("{name} is an adapter of the kind {kind}; Parlor uses LoRA adapters.", name=listing.name, kind=kind)
        )
    listing.tensors(weights)
    takes = tuple(FileEntry(name, name, listing.sizes[name]) for name in (weights, "adapter_config.json"))
    base = str(config.get("base_model_name_or_path") or "")
    return Detected("llava", (), listing.name, slug(listing.name), takes, base=base, licence=listing.card().licence)


def _weights(listing: Listing, folder: str, half: bool) -> list[str]:
    """The safetensors files straight in ``folder`` of one precision, sharded or not."""
    found = []
    for name in listing.sizes:
        path = PurePosixPath(name)
        if not name.startswith(folder) or "/" in name[len(folder) :] or path.suffix != ".safetensors":
            continue
        variant = PurePosixPath(SHARD.sub("", path.stem)).suffix
        if variant == (".fp16" if half else ""):
            found.append(name)
    sharded = [name for name in found if SHARD.search(PurePosixPath(name).stem)]
    index = any(name.startswith(folder) and ".safetensors.index." in name for name in listing.sizes)
    return sorted(sharded if sharded and index else [name for name in found if name not in sharded])


def _weighed(listing: Listing, folder: str, half: bool) -> list[FileEntry]:
    """The weights in ``folder`` and, when they are sharded, their index. Raises BadInput when there are none.

    Half-precision files lose the ``.fp16`` of their names, so that they are what is loaded.
    """
    weights = _weights(listing, folder, half)
    if not weights:
        pickles = [name for name in listing.sizes if name.startswith(folder) and name.endswith(PICKLES)]
        if pickles:
            raise pickled(listing.name, pickles)
        raise no_weights(folder.rstrip("/") or listing.name)
    weights = _one_set(weights)
    for name in weights:
        listing.tensors(name)
    index = [name for name in listing.sizes if name.startswith(folder) and ".safetensors.index" in name]
    index = (
        [name for name in index if (".fp16." in name) == half] if SHARD.search(PurePosixPath(weights[0]).stem) else []
    )
    plain = [
        FileEntry(
            name, name if SHARD.search(PurePosixPath(name).stem) else name.replace(".fp16.", "."), listing.sizes[name]
        )
        for name in weights
    ]
    return plain + [FileEntry(name, name.replace(".fp16.", "."), listing.sizes[name]) for name in index]


def _one_set(names: list[str]) -> list[str]:
    """Of several whole sets in one folder (``consolidated`` beside ``model``), transformers' and diffusers' own."""
    own = [name for name in names if re.match(r"(model|diffusion_pytorch_model)\b", PurePosixPath(name).name)]
    return own or names


def _texts(listing: Listing, folder: str) -> list[FileEntry]:
    """Configurations, tokenizers and chat templates straight in ``folder``."""
    found = []
    for name, size in sorted(listing.sizes.items()):
        inside = name[len(folder) :]
        if name.startswith(folder) and "/" not in inside and inside.endswith(TEXTS) and ".index." not in inside:
            unneeded = inside.startswith(NOT_NEEDED) or name == "model_index.json"
            found += [] if unneeded else [FileEntry(name, name, size)]
    return found


def _parameters(listing: Listing, takes: Iterable[FileEntry]) -> int:
    weights = (take.source for take in takes if take.source.endswith(".safetensors"))
    return sum(sum(listing.tensors(name).values()) for name in weights)


def _beside(name: str) -> bool:
    """Files of a Coqui folder that are not the model: speakers, and what only training needs."""
    return name.startswith(("speaker", "dvae", "mel_stats", "language", "scheduler", "optimizer", "model_se"))


def _preference(name: str) -> tuple[bool, bool, int, str]:
    """Safetensors first, then the names of Coqui's zoo and trainer, then the checkpoint of the most steps."""
    steps = re.search(r"(\d+)\.\w+$", name)
    zoo = ("model.pth", "model_file.pth", "model_file.pth.tar", "best_model.pth")
    return not name.endswith(".safetensors"), name not in zoo, -int(steps[1]) if steps else 0, name
