"""Pictures for a GGUF language model: what each becomes in the prompt, and its encoding, made once and kept.

A vision model is two files: the language model and its ``mmproj``, the vision encoder with its projector, computed by
llama.cpp's libmtmd (https://github.com/ggml-org/llama.cpp/tree/master/tools/mtmd). In the prompt's text a picture is
one private-use character; among the tokens it is what libmtmd makes of it: tiles, each a run of placeholders
(``models.llama.kv_cache``), and tokens of the vocabulary around them.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread

import llama_cpp.llama_cpp as api
import llama_cpp.mtmd_cpp as mtmd
import numpy as np
from PIL import Image as Pillow

from core.errors import BadInput, EngineFailed
from core.l10n.text import l10n
from core.types.events import Progress
from core.types.messages import Image
from models.common.chat_template import PICTURES
from models.common.pictures import open_picture
from models.llama.bindings import SILENT, Embedded, Model
from models.llama.device import not_enough_gpu_memory
from models.llama.kv_cache import placeholders, tile_of

KEPT_BYTES = 256 << 20  # of encoded tiles: 27 pictures of LLaVA 1.5 7B
SIDE = 2048  # pixels: a longer side is scaled down first, with the antialiasing that libmtmd's own scaling lacks
PICTURE_TOKENS = 1024  # at most, for encoders of any resolution: Qwen2-VL would make 4,096 of a photograph
PROBE = 1024  # pixels: side of the blank picture that tells how many placeholders a tile has
TICK = 0.1  # seconds between two chances to stop while a picture is encoded
STRIDE = 16  # nodes of the encoder's graph computed between two looks at whether to stop

Floats = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Tile:
    """What the encoder makes in one go: ``size`` embeddings that stand for ``positions`` positions.

    ``causal``: whether the language model reads it in order, in as many pieces as it likes, or only at once.
    """

    number: int
    picture: str
    index: int  # among the chunks libmtmd makes of the picture
    chunk: mtmd.mtmd_input_chunk_p
    size: int
    positions: int
    causal: bool


class Vision:
    """The encoder of one ``mmproj`` file and the pictures it has met. ``encoded`` counts the tiles it had to encode.

    ``tokens`` is how many placeholders a picture may take where the encoder leaves a choice. Raises EngineFailed when
    the file is missing, cut short, or made for another model, and NotEnoughMemory when it does not fit on the GPU.
    """

    def __init__(self, path: Path, model: Model, threads: int, tokens: int) -> None:
        mtmd.mtmd_helper_log_set(SILENT, ctypes.c_void_p())
        mtmd.mtmd_log_set(SILENT, ctypes.c_void_p())
        self._numbers: dict[str, int] = {}  # of the pictures, by their digests
        self._tokens: list[tuple[int, ...]] = []  # of each picture
        self._tiles: list[Tile] = []
        self._chunks: list[mtmd.mtmd_input_chunks_p] = []
        self._images: dict[str, Image] = {}
        self._kept: OrderedDict[int, Floats] = OrderedDict()  # embeddings by tile, least recently used first
        self.encoded = 0
        self._stop, self._nodes = Event(), 0
        self._callback = api.ggml_backend_sched_eval_callback(self._going_on)  # libmtmd keeps the pointer
        params = self._params(model, threads, tokens)
        self.pointer = mtmd.mtmd_init_from_file(str(path).encode(), model.pointer, params)
        if not self.pointer and model.gpu:
            params.use_gpu = False
            self.pointer = mtmd.mtmd_init_from_file(str(path).encode(), model.pointer, params)
            if self.pointer:  # nothing is wrong with the file
                self.close()
                raise not_enough_gpu_memory(path.parent.name)
        if not self.pointer or not mtmd.mtmd_support_vision(self.pointer):
            self.close()
            raise _unusable(path)
        self._width = api.llama_model_n_embd_inp(model.pointer)
        self._sections = 4 if mtmd.mtmd_decode_use_mrope(self.pointer) else 1

    def largest(self) -> int:
        """How many tokens the context must be able to compute at once: those of a tile that is read at once."""
        chunks = self._tokenised(_blank(PROBE, PROBE))
        tiles = [tile for tile in self._read(chunks, "") if isinstance(tile, Tile) and not tile.causal]
        mtmd.mtmd_input_chunks_free(chunks)
        return max((tile.size for tile in tiles), default=0)

    def show(self, images: Iterable[Image]) -> list[str]:
        """What stands in the prompt's text for each picture of the conversation, a character each.

        Only these pictures may be asked for until the next call. Raises BadInput when one is no picture.
        """
        self._images = {}
        digests = []
        for image in images:
            digests.append(sha256(image.data).hexdigest())
            self._images[digests[-1]] = image
            if digests[-1] not in self._numbers:
                self._register(digests[-1], image)
        return [chr(PICTURES[self._numbers[digest]]) for digest in digests]

    def tokens(self, character: str) -> Sequence[int]:
        """The tokens that a picture's character stands for; none for other text."""
        number = ord(character) - PICTURES.start if len(character) == 1 else -1
        return self._tokens[number] if 0 <= number < len(self._tokens) else ()

    def tile(self, token: int) -> Tile:
        """The tile that a placeholder belongs to."""
        return self._tiles[tile_of(token)]

    def embedded(self, tile: Tile, position: int) -> Generator[Progress, None, Embedded]:
        """A tile's embeddings, to be put at ``position``: kept ones, or made now, with Progress meanwhile.

        Can be closed at any Progress. Raises BadInput when the picture is broken.
        """
        vectors = self._kept.pop(tile.number, None)
        if vectors is None:
            vectors = yield from self._encode(tile)
        self._kept[tile.number] = vectors
        while sum(each.nbytes for each in self._kept.values()) > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return Embedded(vectors, self._positions(tile, position), tile.causal)

    def close(self) -> None:
        if self.pointer:
            for chunks in self._chunks:
                mtmd.mtmd_input_chunks_free(chunks)
            mtmd.mtmd_free(self.pointer)
            self.pointer = None

    def _params(self, model: Model, threads: int, tokens: int) -> mtmd.mtmd_context_params:
        params: mtmd.mtmd_context_params = mtmd.mtmd_context_params_default()
        params.use_gpu = model.gpu
        params.print_timings = False
        params.n_threads = threads
        params.warmup = False
        params.flash_attn_type = _flash_attention(model)
        params.image_max_tokens = tokens
        params.cb_eval = self._callback
        return params

    def _going_on(self, tensor: object, asking: bool, data: object) -> bool:
        """libmtmd asks before each node whether to pause after it, and at such a pause whether to go on."""
        self._nodes += asking
        return self._nodes % STRIDE == 0 if asking else not self._stop.is_set()

    def _register(self, digest: str, image: Image) -> None:
        """Learn what a picture will be, from its size only."""
        if len(self._tokens) == len(PICTURES):
            raise EngineFailed(
                l10n("This model has seen too many pictures since it was loaded. Unload it in Models and try again.")
            )
        with _open_scaled(image) as picture:
            size = picture.size
        chunks = self._tokenised(_blank(*size))
        self._chunks.append(chunks)
        tokens: list[int] = []
        for part in self._read(chunks, digest):
            if isinstance(part, Tile):
                self._tiles.append(part)
                tokens += placeholders(part.number, part.size)
            else:
                tokens += part
        self._numbers[digest] = len(self._tokens)
        self._tokens.append(tuple(tokens))

    def _tokenised(self, bitmap: mtmd.mtmd_bitmap_p) -> mtmd.mtmd_input_chunks_p:
        """What libmtmd makes of a picture in a prompt; takes the bitmap, and gives what must be freed."""
        chunks: mtmd.mtmd_input_chunks_p = mtmd.mtmd_input_chunks_init()
        part = mtmd.mtmd_input_part(None, bitmap)
        parts = (ctypes.POINTER(mtmd.mtmd_input_part) * 1)(ctypes.pointer(part))
        status = mtmd.mtmd_tokenize_from_parts(self.pointer, chunks, parts, 1, False)
        mtmd.mtmd_bitmap_free(bitmap)
        if status:
            mtmd.mtmd_input_chunks_free(chunks)
            raise BadInput(l10n("This model cannot use a picture of this shape. Crop it, or save it in another size."))
        return chunks

    def _read(self, chunks: mtmd.mtmd_input_chunks_p, picture: str) -> Iterator[Tile | list[int]]:
        number = len(self._tiles)
        for index in range(mtmd.mtmd_input_chunks_size(chunks)):
            chunk = mtmd.mtmd_input_chunks_get(chunks, index)
            size = mtmd.mtmd_input_chunk_get_n_tokens(chunk)
            if mtmd.mtmd_input_chunk_get_type(chunk) == mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
                yield mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(ctypes.c_size_t()))[:size]
                continue
            causal = not mtmd.mtmd_decode_use_non_causal(self.pointer, chunk)
            yield Tile(number, picture, index, chunk, size, mtmd.mtmd_input_chunk_get_n_pos(chunk), causal)
            number += 1

    def _positions(self, tile: Tile, start: int) -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
        """Where each embedding stands: int32 [sections, size]; four sections with M-RoPE (Qwen2-VL, section 2.1)."""
        if self._sections == 1:
            return np.arange(start, start + tile.size, dtype=np.int32)[None]
        places = (mtmd.mtmd_decoder_pos * tile.size)()
        image = mtmd.mtmd_input_chunk_get_tokens_image(tile.chunk)
        mtmd.mtmd_helper_image_get_decoder_pos(image, start, places)
        return np.array([[each.t, each.y, each.x, each.z] for each in places], np.int32).T

    def _encode(self, tile: Tile) -> Generator[Progress, None, Floats]:
        looking = Progress("chat", None, l10n("Looking at the picture"))
        yield looking
        with _open_scaled(self._images[tile.picture]) as picture:
            chunks = self._tokenised(_bitmap(picture))
        try:
            chunk = mtmd.mtmd_input_chunks_get(chunks, tile.index)
            status: list[int] = []
            self._stop.clear()
            worker = Thread(target=lambda: status.append(mtmd.mtmd_encode_chunk(self.pointer, chunk)))
            worker.start()
            try:
                while worker.is_alive():
                    worker.join(TICK)
                    yield looking
            finally:
                self._stop.set()
                worker.join()
            if status != [0] or mtmd.mtmd_input_chunk_get_n_tokens(chunk) != tile.size:
                raise _encoding_failed()
            self.encoded += 1
            made = mtmd.mtmd_get_output_embd(self.pointer)
            return np.ctypeslib.as_array(made, (tile.size, self._width)).copy()
        finally:
            mtmd.mtmd_input_chunks_free(chunks)


def _flash_attention(model: Model) -> int:
    """Whether the encoder attends without writing its score matrix down.

    On a CPU that takes 1.5 times as long (CLIP-L), so it is done only where the matrix would have no bound but
    ``picture_tokens``: 4,096 patches of a Qwen2-VL make one of 1 GB.
    """
    any_size = api.llama_model_rope_type(model.pointer) in (api.LLAMA_ROPE_TYPE_MROPE, api.LLAMA_ROPE_TYPE_IMROPE)
    many = model.gpu or any_size
    return int(api.LLAMA_FLASH_ATTN_TYPE_ENABLED if many else api.LLAMA_FLASH_ATTN_TYPE_DISABLED)


def _open_scaled(image: Image) -> Pillow.Image:
    """The picture upright, RGB, and no longer than ``SIDE``. Raises BadInput when the bytes are no picture."""
    upright = open_picture(image)
    upright.thumbnail((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    return upright


def _bitmap(picture: Pillow.Image) -> mtmd.mtmd_bitmap_p:
    pixels = picture.tobytes()
    raw = (ctypes.c_uint8 * len(pixels)).from_buffer_copy(pixels)
    bitmap: mtmd.mtmd_bitmap_p = mtmd.mtmd_bitmap_init(*picture.size, raw)
    return bitmap


def _blank(wide: int, high: int) -> mtmd.mtmd_bitmap_p:
    """A picture of which only the size is known."""
    bitmap: mtmd.mtmd_bitmap_p = mtmd.mtmd_bitmap_init(wide, high, None)
    return bitmap


def _unusable(path: Path) -> EngineFailed:
    return EngineFailed(
        l10n(
            "The vision file {path} cannot be used: it is missing, damaged, cut short, or made for another model. "
            "Check it with `python start.py models verify`; `python start.py models get {name}` "
            "fetches it again.",
            path=path,
            name=path.parent.name,
        )
    )


def _encoding_failed() -> EngineFailed:
    return EngineFailed(l10n("The model could not look at the picture. Try again, or show a smaller picture."))
