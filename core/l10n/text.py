"""Translatable text: what is said to the person, as a value that is put into words where it is shown.

The English template is the key of the translations (gettext's message id); ``str(text)`` is the English.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real

from core.l10n.tables import SOURCE, languages, table


@dataclass(frozen=True, slots=True)
class L10n:
    """A template in the format of ``str.format`` and its ``values``; without values it is taken as it stands.

    ``given`` are translations that come with the text itself, by language, before any table: those of a catalogue's
    entry, or of a text that was stored. It compares, hashes and crosses the pipe to a worker; an empty one is false.
    """

    template: str
    values: tuple[tuple[str, L10nValue], ...] = ()
    given: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.into(SOURCE)

    def __bool__(self) -> bool:
        return bool(self.template)

    def into(self, language: str) -> str:
        """The text in ``language``, or in English where it has no translation."""
        template = dict(self.given).get(language) or table(language).texts.get(self.template, self.template)
        if not self.values:
            return template
        return template.format(**{name: in_words(value, language) for name, value in self.values})

    def by_language(self) -> dict[str, str]:
        """The text in every language: ``{"en": ..., "zh": ...}``."""
        return {language: self.into(language) for language in languages()}


L10nValue = str | int | float | L10n
NOTHING = L10n("")


def l10n(template: str, /, **values: object) -> L10n:
    """``template`` with ``values`` to put in; what is neither a text nor a number is kept as its ``str``."""
    return L10n(template, tuple((name, _plain(value)) for name, value in values.items()))


def both(en: str, zh: str) -> L10n:
    """A text whose Chinese comes with it and is in no table; an empty ``zh`` is none."""
    return L10n(en, given=(("zh", zh),) if zh else ())


def listed(items: Iterable[object], between: L10n | None = None) -> L10n:
    """A list of ``items`` in a sentence, set apart by ``between``: a comma, which is another one in Chinese."""
    if between is None:
        between = l10n(", ")
    values = {f"item{number}": item for number, item in enumerate(items)}
    return l10n("{between}".join(f"{{{name}}}" for name in values), **values, between=between)


def in_words(value: L10nValue, language: str) -> str | int | float:
    """``value`` ready to be put into a template of ``language``."""
    return value.into(language) if isinstance(value, L10n) else value


def _plain(value: object) -> L10nValue:
    if isinstance(value, L10n | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)
