"""Load forecast: what loading a model would mean for this machine's memory, in figures and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.catalogue.spec import ModelSpec
from core.errors import NotEnoughMemory
from core.runtime.measurements import Device
from core.runtime.memory import Memory, lacking

GB = 1e9
Fits = Literal["now", "after", "never"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory: ``bytes`` of RAM and ``gpu`` bytes there, and for how many seconds nobody has used it."""

    spec: ModelSpec
    bytes: int
    busy: bool
    device: Device = "cpu"
    gpu: int = 0
    pinned: bool = False
    idle: float = 0.0

    def said(self, on_gpu: bool) -> tuple[str, str]:
        """The name, the memory of that kind and why it cannot leave, in English and Chinese."""
        size = f"{(self.gpu if on_gpu else self.bytes) / GB:.1f} GB"
        en, zh = (", in use", "，使用中") if self.busy else (", pinned", "，已固定") if self.pinned else ("", "")
        return f"{self.spec.name} ({size}{en})", f"{self.spec.name}（{size}{zh}）"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Whether ``spec`` fits: ``now``, ``after`` the models of ``evicts`` have left, or ``never``.

    ``need``, ``free`` and ``budget`` are bytes of RAM and of GPU memory; ``free`` is negative where more is taken than
    was planned. ``holders`` are the models that cannot leave at once and whose room is needed.
    """

    spec: ModelSpec
    device: Device
    need: Memory
    free: Memory
    budget: Memory
    fits: Fits
    evicts: tuple[ModelSpec, ...] = ()
    holders: tuple[Loaded, ...] = ()
    loaded: bool = False

    @property
    def texts(self) -> tuple[str, str]:
        """One sentence in English and in Chinese, without the model's name."""
        need, free, budget = self._sizes
        if self.loaded:
            return f"loaded, {need[0]}", f"已加载，占用 {need[1]}"
        if self.fits == "now":
            return f"needs {need[0]}, {free[0]} free: fits", f"需要 {need[1]}，可用 {free[1]}：放得下"
        if self.fits == "never" and not self.holders:
            return (
                f"needs {need[0]} and Parlor may use {budget[0]}: too big for this machine",
                f"需要 {need[1]}，而 Parlor 只能使用 {budget[1]}：本机放不下",
            )
        if self.holders:
            held, held_zh = self._held_by
            return (
                f"needs {need[0]}, {free[0]} free: room held by {held}",
                f"需要 {need[1]}，可用 {free[1]}：内存被 {held_zh} 占用",
            )
        names = [spec.name for spec in self.evicts]
        return (
            f"needs {need[0]}, {free[0]} free: will unload {', '.join(names)}",
            f"需要 {need[1]}，可用 {free[1]}：将卸载 {'、'.join(names)}",
        )

    def said(self, language: str) -> str:
        """The sentence in ``language`` (``zh``, else English)."""
        return self.texts[1 if language == "zh" else 0]

    def refusal(self) -> NotEnoughMemory:
        """Why it cannot be loaded now, and what to do: who needs what, and who holds it."""
        need, _, budget = self._sizes
        name = self.spec.name
        if self.fits == "never" and not self.holders:
            return NotEnoughMemory(
                f"{name} needs {need[0]} and Parlor may use {budget[0]}. "
                "Choose a smaller model, close other programs, or raise the memory budget in Settings.",
                f"{name} 需要 {need[1]}，而 Parlor 只能使用 {budget[1]}。"
                "请选择更小的模型、关闭其他程序，或在设置中提高内存预算。",
            )
        if not self.holders:
            return NotEnoughMemory(
                f"{name} needs {need[0]}, and the room goes to who has waited longer. Try again when they are done.",
                f"{name} 需要 {need[1]}，但内存已留给先等待的任务。请稍后再试。",
            )
        held, held_zh = self._held_by
        if self.fits == "never":
            advice, advice_zh = "Unload one of them or unpin it.", "请卸载其中一个或取消固定。"
        else:
            advice, advice_zh = "Try again when they are done.", "请在其空闲后重试。"
        return NotEnoughMemory(
            f"{name} needs {need[0]} and the room is taken by {held}. {advice}",
            f"{name} 需要 {need[1]}，但已被 {held_zh} 占用。{advice_zh}",
        )

    @property
    def _on_gpu(self) -> bool:
        """Which memory the sentence is about: the one that is short, or else the one the model computes in."""
        short = lacking(self.need, self.budget) if self.fits == "never" and not self.holders else None
        short = short or lacking(self.need, self.free)
        return short.gpu > 0 or (self.device == "cuda" and not short.ram)

    @property
    def _held_by(self) -> tuple[str, str]:
        texts = [holder.said(self._on_gpu) for holder in self.holders]
        return ", ".join(en for en, _ in texts), "、".join(zh for _, zh in texts)

    @property
    def _sizes(self) -> tuple[tuple[str, str], tuple[str, str], tuple[str, str]]:
        """Need, free and budget of the memory in question."""
        gpu = self._on_gpu
        need, *others = (max(0, each.gpu if gpu else each.ram) / GB for each in (self.need, self.free, self.budget))
        kind, art = (" of GPU memory", " 显存") if gpu else (" of memory", " 内存")
        free, budget = (f"{size:.1f} GB" for size in others)
        return (f"{need:.1f} GB{kind}", f"{need:.1f} GB{art}"), (free, free), (budget, budget)
