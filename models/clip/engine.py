"""Texts and pictures as vectors in one space, by CLIP or Chinese-CLIP, computed by transformers.

CLIP: https://arxiv.org/abs/2103.00020, Chinese-CLIP: https://arxiv.org/abs/2211.01335. Always in float32 and one input
at a time, so that a vector depends on nothing but what it is of (vectors are kept, and compared with later ones) and
Stop acts between any two.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from models.common import torch_import as torch_start  # noqa: F401 — before transformers

# isort: split
import psutil
import torch
import transformers

from core.catalogue.spec import ModelSpec
from core.errors import EngineFailed
from core.l10n.text import l10n
from core.types.generation import Embedding
from core.types.messages import Image
from models.common.load_errors import check_files
from models.common.pictures import open_picture
from models.common.threads import Threads
from models.common.torch_memory import device, gpu_bytes, limit_gpu_memory, out_of_memory, release_memory
from models.common.weights import LOAD_ERRORS, weight_counts

FAMILIES = ("clip", "chinese_clip", "vision-text-dual-encoder")
TRAINED_TOKENS = {"chinese_clip": 52}  # of a text; its BERT has room for 512, of which the others were never trained
WORDS = ("tokenizer.json", "vocab.json", "vocab.txt")  # without any, transformers makes up a tokenizer of a few words


def load(spec: ModelSpec, folder: Path) -> Clip:
    """Open the model in ``folder``: a checkpoint as transformers saves it, and its processor.

    ``spec.defaults`` may hold ``device``, ``gpu_bytes`` and ``threads`` (0 for the physical cores). Raises EngineFailed
    when the folder is incomplete, damaged or of another family, MemoryError when it does not fit.
    """
    defaults = dict(spec.defaults)
    threads = int(defaults.get("threads", 0)) or psutil.cpu_count(logical=False) or 1
    torch.set_num_threads(threads)
    limit_gpu_memory(defaults)
    try:
        weight_counts(spec.name, folder)
        model, processor = _open(spec.name, folder)
        model.to(device(defaults))
    except LOAD_ERRORS as error:
        if not out_of_memory(error):
            raise check_files(spec.name, error) from error
        release_memory()
        raise MemoryError(str(error)) from error
    return Clip(model, processor, threads)


def build() -> dict[str, str]:
    """The libraries' versions and the GPU."""
    found = {name: importlib.metadata.version(name) for name in ("transformers", "torch")}
    return found | {"GPU": torch.cuda.get_device_name() if torch.cuda.is_available() else "no"}


class Clip:
    """A ``core.runtime.protocols.Embedder``. On a CPU up to ``threads`` threads compute: fewer while others want the
    cores.

    ``longest`` is how many tokens of a text count.
    """

    def __init__(self, model: Any, processor: Any, threads: int) -> None:
        self._model: Any = model
        self._processor = processor
        self._device: str = model.device.type
        self._threads = Threads(threads)
        room: int = model.config.text_config.max_position_embeddings
        self.longest = min(room, TRAINED_TOKENS.get(model.config.model_type, room))

    def embed_texts(self, texts: tuple[str, ...]) -> Generator[Embedding, None, None]:
        """One Embedding for each text, in order: of its first ``longest`` tokens."""
        tokenizer, cut = self._processor.tokenizer, {"truncation": True, "max_length": self.longest}
        for text in texts:
            given = tokenizer([text], return_tensors="pt", **cut)
            yield self._embedding(self._model.get_text_features, given)

    def embed_images(self, images: tuple[Image, ...]) -> Generator[Embedding, None, None]:
        """One Embedding for each picture, in order. Raises BadInput at the first that cannot be opened."""
        for image in images:
            given = self._processor.image_processor(images=[open_picture(image)], return_tensors="pt")
            yield self._embedding(self._model.get_image_features, given)

    def gpu_bytes(self) -> int:
        """The most memory it has held on the GPU so far; 0 on a CPU."""
        return gpu_bytes(self._device)

    def close(self) -> None:
        """Give all memory back."""
        self._model = self._processor = None
        release_memory()

    def _embedding(self, features: Any, given: Mapping[str, torch.Tensor]) -> Embedding:
        """What the method ``features`` of the model gives for one input, [1, d], brought to length 1."""
        if self._threads.changed():
            torch.set_num_threads(self._threads.now)
        with torch.inference_mode():
            placed = {name: value.to(self._model.device) for name, value in given.items()}
            vector = features(**placed, return_dict=True).pooler_output[0].float()
            unit = torch.nn.functional.normalize(vector, dim=0).cpu()
        return Embedding(unit.numpy().astype("<f4").tobytes())


def _open(name: str, folder: Path) -> tuple[Any, Any]:
    """The model (eval mode, float32, in RAM) and its processor: no network, no pickles, no code of the folder's own."""
    library: Any = transformers
    library.utils.logging.disable_progress_bar()
    library.utils.logging.set_verbosity_error()
    local = {"local_files_only": True, "trust_remote_code": False}
    config = library.AutoConfig.from_pretrained(folder, **local)
    if config.model_type not in FAMILIES:
        raise EngineFailed(
            l10n(
                "{name} is a model of the kind {model_type}, which this engine does not open; it opens CLIP and "
                "Chinese-CLIP. Get one of those.",
                name=name,
                model_type=config.model_type,
            )
        )
    if not any((folder / words).is_file() for words in WORDS):
        raise ValueError("its vocabulary is missing")
    processor = library.AutoProcessor.from_pretrained(folder, **local)
    model, report = library.AutoModel.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **local
    )
    if missing := sorted(report["missing_keys"]):  # which transformers would fill with random numbers
        raise ValueError(f"{len(missing)} weights are missing, {missing[0]} the first")
    return model, processor
