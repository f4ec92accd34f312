"""Format detection for GGUF: which of several files, the parts of a split one, and the mmproj that lets a model see."""

from __future__ import annotations

import re
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import PurePosixPath

from core.catalogue.spec import Task
from core.errors import BadInput
from core.formats.gguf import Header
from core.importer.found import Detected, FileEntry, Listing, languages_of, slug
from core.l10n.text import l10n, listed

_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$", re.IGNORECASE)
_QUANTISED = re.compile(r"[-._](I?Q\d(?:_[A-Z0-9]+)*|TQ\d_0|MXFP4|BF16|F16|F32)(?=[-._])", re.IGNORECASE)
BEST = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q5_K_S", "Q6_K", "Q8_0", "F16", "BF16")  # the first that there is
BEST_EYES = ("F16", "BF16", "Q8_0", "F32")
# Architectures (llama.cpp) of models made to see, and of those that turn text into numbers instead of talking.
SEEING = ("qwen2vl", "qwen3vl", "qwen3vlmoe", "mllama", "chameleon", "cogvlm", "hunyuan-vl", "glm4v")
SILENT = (
    "bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "modern-bert", "jina-bert-v2", "jina-bert-v3", "t5encoder",
    "gemma-embedding", "llama-embed",
)  # fmt: skip
CHINESE = ("qwen", "glm", "chatglm", "deepseek", "minicpm", "internlm", "baichuan", "ernie", "hunyuan", "yi-")


def recognise(listing: Listing, file: str, choose: bool) -> Detected:
    """The model in the GGUF files of ``listing``: ``file``, else the only one; with ``choose``, the best of several."""
    names = sorted(name for name in listing.sizes if name.lower().endswith(".gguf"))
    eyes = [name for name in names if is_eyes(listing, name)]
    models = [name for name in names if name not in eyes and _first_part(name)]
    chosen = _named(file, names, models) if file else _only(listing, models, eyes, choose)
    parts = _parts(listing, chosen)
    header = listing.header(parts[0])
    if header.architecture in SILENT:
        raise BadInput(
            l10n(
                "{chosen} is an embedding model ({architecture}): it does not talk. Choose a chat model.",
                chosen=chosen,
                architecture=header.architecture,
            )
        )
    eye = _eye(listing, eyes, header)
    takes = [FileEntry(part, PurePosixPath(part).name, listing.sizes[part]) for part in parts]
    if eye:
        takes.append(FileEntry(eye, _eye_name(eye), listing.sizes[eye]))
    stem = PurePosixPath(split_of(chosen)).name.removesuffix(".gguf")
    if stem.lower() in ("model", "ggml-model", "gguf"):
        stem = listing.name
    card, tasks = listing.card(), ("see", "chat") if eye else ("chat",)
    return Detected(
        "llama", _tasks(tasks), stem, slug(stem), tuple(takes),
        languages=languages_of(header.texts("general.languages")) or card.languages or _by_name(stem),
        licence=header.text("general.license") or card.licence,
        terms=card.terms,
        context=header.context,
        parameters=header.parameters + sum(listing.header(part).parameters for part in parts[1:]),
        quantisation=header.quantisation or quantisation(chosen),
        wants_mmproj=not eye and header.architecture in SEEING,
    )  # fmt: skip


def without_eyes(found: Detected) -> Detected:
    """The same model for chat alone."""
    return replace(found, tasks=("chat",), files=tuple(t for t in found.files if not t.name.startswith("mmproj")))


def is_eyes(listing: Listing, name: str) -> bool:
    """Whether ``name`` is the part that sees."""
    return "mmproj" in PurePosixPath(name).name.lower() or listing.header(name).architecture == "clip"


def split_of(name: str) -> str:
    """The name that all parts of a split file share."""
    return _PART.sub(".gguf", name)


def quantisation(name: str) -> str:
    """As the file's name tells it: ``Q4_K_M``; empty when it does not."""
    found = _QUANTISED.findall(PurePosixPath(name).name)
    return str(found[-1]).upper() if found else ""


def _tasks(names: tuple[str, ...]) -> tuple[Task, ...]:
    return ("see", "chat") if "see" in names else ("chat",)


def _named(file: str, names: list[str], models: list[str]) -> str:
    """``file`` by its path, its name, its quantisation, or a pattern (fnmatch) for the path."""
    wanted = file.lower()
    fits = [name for name in names if wanted in (name.lower(), PurePosixPath(name).name.lower())]
    fits = fits or [name for name in models if quantisation(name).lower() == wanted or fnmatch(name.lower(), wanted)]
    if not fits:
        raise BadInput(l10n("There is no {file} among the GGUF files: {names}.", file=file, names=listed(names[:12])))
    if fits[0] not in models and not _PART.search(fits[0]):
        raise _eyes_alone(fits[0])
    return fits[0]


def _only(listing: Listing, models: list[str], eyes: list[str], choose: bool) -> str:
    if not models and eyes:
        raise _eyes_alone(eyes[0])
    if not models:
        broken = next((name for name in listing.sizes if _PART.search(name)), "")
        raise _part_missing(broken)
    if len(models) > 1 and not choose:
        raise BadInput(
            l10n(
                "There are several models in {name}: {models}. Add the one you want as a file.",
                name=listing.name,
                models=listed(models[:8]),
            )
        )
    ranks = {kind: rank for rank, kind in enumerate(BEST)}
    return min(models, key=lambda name: (ranks.get(quantisation(name), len(BEST)), listing.sizes[name]))


def _first_part(name: str) -> bool:
    part = _PART.search(name)
    return part is None or int(part[1]) == 1


def _parts(listing: Listing, name: str) -> list[str]:
    """All files of a split model, ``name`` being any of them. Raises BadInput when one is missing."""
    part = _PART.search(name)
    if not part:
        return [name]
    wanted = [f"{name[: part.start()]}-{number:05}-of-{part[2]}.gguf" for number in range(1, int(part[2]) + 1)]
    for each in wanted:
        if each not in listing.sizes:
            raise _part_missing(each)
    return wanted


def _eye(listing: Listing, eyes: list[str], header: Header) -> str:
    """The mmproj whose output is as wide as the model's tokens, half precision first; empty when none fits."""
    wide = {name: listing.header(name).width for name in eyes}
    fits = [name for name in eyes if 0 in (wide[name], header.width) or wide[name] == header.width]
    ranks = {kind: rank for rank, kind in enumerate(BEST_EYES)}
    return min(fits, key=lambda name: ranks.get(quantisation(name), len(ranks)), default="")


def _eye_name(path: str) -> str:
    name = PurePosixPath(path).name
    return name if name.startswith("mmproj") else f"mmproj-{name}"


def _by_name(name: str) -> tuple[str, ...]:
    return ("en", "zh") if any(word in name.lower() for word in CHINESE) else ("en",)


def _eyes_alone(name: str) -> BadInput:
    return BadInput(
        l10n(
            "{name} is only the part of a model that sees (mmproj). Put it into one folder with the model's own GGUF "
            "file and add that folder.",
            name=name,
        )
    )


def _part_missing(name: str) -> BadInput:
    return BadInput(
        l10n("The model is split over several files and {name} is missing. Put all parts into one folder.", name=name)
    )
