"""Other families of vision encoders (Gemma 3, Qwen2-VL) against libmtmd itself."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_int32, c_uint8, c_void_p
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as api
import llama_cpp.mtmd_cpp as mtmd
import pytest

from core.runtime.protocols import Sampling
from core.types.messages import Image, Text
from models.common.text_stream import Writer
from models.llama import engine as llama
from models.llama.bindings import Context, Model, sampler
from tests.models.llama.vision_helpers import answered, see, user, vision_spec
from tests.tiny.tiny_llava import picture
from tests.tiny.tiny_mmproj import write_tiny_gemma3, write_tiny_qwen2vl

DRAWN: dict[str, Any] = {"temperature": 5.0, "top_p": 1.0, "min_p": 0.0, "seed": 7, "max_tokens": 24}


@pytest.mark.parametrize("write", [write_tiny_qwen2vl, write_tiny_gemma3])
def test_other_families_answer_the_same_warm_and_cold(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    seeing, fresh = (llama.load(vision_spec(context_tokens=1024, threads=1), tmp_path) for _ in range(2))
    shown = (user(picture("red", 300, 100), picture("blue", 64, 200), Text("hello")),)
    first = see(seeing, shown, **DRAWN)
    after = (*shown, answered(first.text), user(Text("and hello?")))
    see(seeing, (user(picture("green"), Text("hello")),), "b")
    warm = see(seeing, after, **DRAWN)
    assert warm.usage.reused_tokens >= first.usage.prompt_tokens
    assert seeing.encoded == 3
    assert see(fresh, after, **DRAWN).text == warm.text
    edited = (user(picture("red", 300, 100), picture("green"), Text("hello")),)
    assert see(seeing, edited, **DRAWN).text == see(fresh, edited, **DRAWN).text
    seeing.close()
    fresh.close()


def as_libmtmd_answers(folder: Path, shown: Image, prompt: str) -> bytes:
    """The answer to ``prompt`` with a picture at its ``<__media__>``, read by libmtmd's own helper."""
    model = Model(folder / "model.gguf")
    context = Context(model, 1024, 1, 256)
    params = mtmd.mtmd_context_params_default()
    params.print_timings, params.warmup, params.n_threads = False, False, 1
    eyes = mtmd.mtmd_init_from_file(str(folder / "mmproj.gguf").encode(), model.pointer, params)
    file = (c_uint8 * len(shown.data))(*shown.data)
    bitmap = mtmd.mtmd_helper_bitmap_init_from_buf(eyes, file, len(file), False)
    chunks, place = mtmd.mtmd_input_chunks_init(), c_int32(0)
    words = mtmd.mtmd_input_text(prompt.encode(), len(prompt.encode()), False, True)
    assert mtmd.mtmd_tokenize(eyes, chunks, byref(words), (c_void_p * 1)(bitmap), 1) == 0
    assert mtmd.mtmd_helper_eval_chunks(eyes, context.pointer, chunks, 0, 0, 256, True, byref(place)) == 0
    chain, told = sampler(model, Sampling(**DRAWN)), b""
    for step in range(DRAWN["max_tokens"]):
        token = context.sample(chain)
        if model.ends(token):
            break
        told += model.piece(token)
        context.decode([token], place.value + step)
    api.llama_sampler_free(chain)
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_bitmap_free(bitmap)
    mtmd.mtmd_free(eyes)
    context.close()
    model.close()
    return told


@pytest.mark.parametrize("write", [write_tiny_qwen2vl, write_tiny_gemma3])
def test_a_picture_is_read_as_the_librarys_own_helper_does(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    seeing = llama.load(vision_spec(context_tokens=1024, threads=1), tmp_path)
    shown = picture("green", 300, 100)
    prompt = "<s>user\n<__media__>\nhello</s>\n<s>assistant\n"
    ours = see(seeing, (user(shown, Text("hello")),), **DRAWN).text
    writer = Writer()
    theirs = writer.push(as_libmtmd_answers(tmp_path, shown, prompt)) + writer.flush()
    assert ours == theirs.strip()
    assert len(set(ours)) > 3
    seeing.close()
