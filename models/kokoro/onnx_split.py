"""Kokoro's ONNX graph in two halves: what is to be said and how (prosody), and its sound.

Of a short clause most frames are silence around it, and each costs as much as speech: "当然可以。" has 87 frames of
25 ms, of which 29 are heard. They cannot simply be left out, because the second half normalises every channel over all
frames (AdaIN); its means are made weighted ones here, so that a few silent frames stand for all. A clause without its
silence then has the level (within 0.3 dB) and the spectrum that it has with it, in 0.4 to 0.7 of the time.

A graph is edited as what its file is, protobuf fields, and the weights are not decoded. The onnx package would save
some 90 lines here (``utils.Extractor``, ``helper.make_node``) and cost every install 31 MB; both take as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FEATURES, PITCH, LOUDNESS = "/encoder/MatMul_1_output_0", "/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"
DURATIONS = "/encoder/Cast_output_0"
SHARES = {1: "share_1", 2: "share_2", 20: "share_20", 120: "share_120"}  # by steps a frame: what each step counts for
_HALVES = (
    (("tokens", "style", "speed"), (FEATURES, PITCH, LOUDNESS, DURATIONS)),
    ((FEATURES, PITCH, LOUDNESS, "style", *SHARES.values()), ("audio",)),
)
_FLOAT, _INT64 = 1, 7  # onnx.TensorProto.DataType
_SHAPES: dict[str, tuple[int, tuple[int | str, ...]]] = {
    "tokens": (_INT64, (1, "tokens")),
    "style": (_FLOAT, (1, 256)),
    "speed": (_FLOAT, (1,)),
    FEATURES: (_FLOAT, (1, 512, "frames")),
    PITCH: (_FLOAT, (1, "halves")),
    LOUDNESS: (_FLOAT, (1, "halves")),
    DURATIONS: (_INT64, ("tokens",)),
    "audio": (_FLOAT, ("samples",)),
    **{name: (_FLOAT, (name, 1)) for name in SHARES.values()},
}


def halves(model: bytes) -> tuple[bytes, bytes] | None:
    """The two models that ``model`` (an ONNX file) is made of; None when it is not the graph that is known here."""
    parsed = _parse(model)
    makers = {output: node for node in parsed.nodes for output in node.outputs}
    if not all(name in makers for name in (FEATURES, PITCH, LOUDNESS, DURATIONS, "audio")):
        return None
    prosody, sound = (_half(parsed, makers, *ends) for ends in _HALVES)
    return prosody, sound


@dataclass(frozen=True, slots=True)
class _Node:
    raw: bytes
    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(slots=True)
class _Graph:
    head: list[bytes] = field(default_factory=list)  # version of the format, sets of operators
    nodes: list[_Node] = field(default_factory=list)
    weights: dict[str, memoryview] = field(default_factory=dict)


def _parse(model: bytes) -> _Graph:
    graph = _Graph()
    for number, value, raw in _fields(memoryview(model)):
        if number in (1, 8):  # ir_version, opset_import
            graph.head.append(bytes(raw))
        elif number == 7:
            for part, content, whole in _fields(value):
                if part == 1:
                    graph.nodes.append(_node(content))
                elif part == 5:
                    name = next(_text(name) for key, name, _ in _fields(content) if key == 8)
                    graph.weights[name] = whole
    return graph


def _node(content: memoryview) -> _Node:
    texts: dict[int, list[str]] = {1: [], 2: [], 3: [], 4: []}
    for number, value, _ in _fields(content):
        if number in texts:
            texts[number].append(_text(value))
    inputs, outputs, name, kind = texts.values()
    return _Node(bytes(content), "".join(name), "".join(kind), tuple(inputs), tuple(outputs))


def _half(graph: _Graph, makers: dict[str, _Node], ins: tuple[str, ...], outs: tuple[str, ...]) -> bytes:
    """The part of ``graph`` between ``ins`` and ``outs`` as a model of its own."""
    needed: set[str] = set()
    wanted = [*outs]
    while wanted:
        name = wanted.pop()
        if name in makers and name not in ins and makers[name].name not in needed:
            needed.add(makers[name].name)
            wanted += makers[name].inputs
    nodes = [node for node in graph.nodes if node.name in needed]
    used = {name for node in nodes for name in node.inputs}
    weighted = SHARES[1] in ins
    body = [
        *(_field(1, _weighted(node) if weighted and node.kind == "ReduceMean" else node.raw) for node in nodes),
        _field(2, b"kokoro"),
        *(bytes(raw) for name, raw in graph.weights.items() if name in used),
        *(_field(11, _value(name, *_SHAPES[name])) for name in ins),
        *(_field(12, _value(name, *_SHAPES[name])) for name in outs),
    ]
    return b"".join((*graph.head, _field(7, b"".join(body))))


def _weighted(node: _Node) -> bytes:
    """A mean over all steps in which each step has its share: (1, channels, steps) times (steps, 1)."""
    texts = ((1, node.inputs[0]), (1, SHARES[_steps(node.name)]), (2, node.outputs[0]), (3, node.name), (4, "MatMul"))
    return b"".join(_field(number, text.encode()) for number, text in texts)


def _steps(name: str) -> int:
    """Steps a frame where the node of this ``name`` computes."""
    if "/generator/" not in name:
        return 2 if "/decode.3/norm2/" in name else 1
    return 20 if re.search(r"/(?:noise_res\.0|resblocks\.[012])/", name) else 120


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """The fields of a protobuf message: number, content, and the field as it stands."""
    at, end = 0, len(data)
    while at < end:
        start = at
        key, at = _varint(data, at)
        if key & 7 == 2:
            size, at = _varint(data, at)
            content, at = data[at : at + size], at + size
        elif key & 7 == 0:
            before = at
            _, at = _varint(data, at)
            content = data[before:at]
        else:
            size = 8 if key & 7 == 1 else 4
            content, at = data[at : at + size], at + size
        yield key >> 3, content, data[start:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _field(number: int, content: bytes) -> bytes:
    return _number(number << 3 | 2) + _number(len(content)) + content


def _value(name: str, kind: int, shape: Iterable[int | str]) -> bytes:
    """A ValueInfoProto: a tensor's name, type and shape, in which text names a length."""
    sides = (_field(2, side.encode()) if isinstance(side, str) else _number(1 << 3) + _number(side) for side in shape)
    tensor = _number(1 << 3) + _number(kind) + _field(2, b"".join(_field(1, side) for side in sides))
    return _field(1, name.encode()) + _field(2, _field(1, tensor))


def _text(value: memoryview) -> str:
    return bytes(value).decode()
