"""Load forecast: what loading a model would mean for this machine's memory, in figures and in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.catalogue.spec import ModelSpec
from core.errors import NotEnoughMemory
from core.l10n.text import NOTHING, L10n, l10n, listed
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

    def said(self, on_gpu: bool) -> L10n:
        """The name, the memory of that kind and why it cannot leave."""
        size = f"{(self.gpu if on_gpu else self.bytes) / GB:.1f} GB"
        why = l10n(", in use") if self.busy else l10n(", pinned") if self.pinned else NOTHING
        return l10n("{name} ({size}{why})", name=self.spec.name, size=size, why=why)


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
    def text(self) -> L10n:
        """One sentence, without the model's name."""
        need, free, budget = self._sizes
        if self.loaded:
            return l10n("loaded, {need}", need=need)
        if self.fits == "now":
            return l10n("needs {need}, {free} free: fits", need=need, free=free)
        if self.fits == "never" and not self.holders:
            return l10n("needs {need} and Parlor may use {budget}: too big for this machine", need=need, budget=budget)
        if self.holders:
            return l10n("needs {need}, {free} free: room held by {held}", need=need, free=free, held=self._held_by)
        names = [spec.name for spec in self.evicts]
        return l10n("needs {need}, {free} free: will unload {names}", need=need, free=free, names=listed(names))

    def said(self, language: str) -> str:
        """The sentence in ``language``, or in English where it has no translation."""
        return self.text.into(language)

    def refusal(self) -> NotEnoughMemory:
        """Why it cannot be loaded now, and what to do: who needs what, and who holds it."""
        need, _, budget = self._sizes
        name = self.spec.name
        if self.fits == "never" and not self.holders:
            return NotEnoughMemory(
                l10n(
                    "{name} needs {need} and Parlor may use {budget}. "
                    "Choose a smaller model, close other programs, or raise the memory budget in Settings.",
                    name=name,
                    need=need,
                    budget=budget,
                )
            )
        if not self.holders:
            return NotEnoughMemory(
                l10n(
                    "{name} needs {need}, and the room goes to who has waited longer. Try again when they are done.",
                    name=name,
                    need=need,
                )
            )
        if self.fits == "never":
            advice = l10n("Unload one of them or unpin it.")
        else:
            advice = l10n("Try again when they are done.")
        return NotEnoughMemory(
            l10n(
                "{name} needs {need} and the room is taken by {held}. {advice}",
                name=name,
                need=need,
                held=self._held_by,
                advice=advice,
            )
        )

    @property
    def _on_gpu(self) -> bool:
        """Which memory the sentence is about: the one that is short, or else the one the model computes in."""
        short = lacking(self.need, self.budget) if self.fits == "never" and not self.holders else None
        short = short or lacking(self.need, self.free)
        return short.gpu > 0 or (self.device == "cuda" and not short.ram)

    @property
    def _held_by(self) -> L10n:
        return listed(holder.said(self._on_gpu) for holder in self.holders)

    @property
    def _sizes(self) -> tuple[L10n, str, str]:
        """Need, free and budget of the memory in question."""
        gpu = self._on_gpu
        need, *others = (max(0, each.gpu if gpu else each.ram) / GB for each in (self.need, self.free, self.budget))
        text = l10n("{need:.1f} GB of GPU memory", need=need) if gpu else l10n("{need:.1f} GB of memory", need=need)
        free, budget = (f"{size:.1f} GB" for size in others)
        return text, free, budget
