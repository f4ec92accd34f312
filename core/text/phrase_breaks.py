"""Phrase breaks: where a sentence without a mark can be parted, before a word that begins a phrase, in en and zh.

Nothing is parted that is said in one breath: an article and its noun, a name, a number and what it counts. In Chinese,
which has no spaces, a character begins a phrase only where the one before it does not make a word with it: of 75 cuts
in answers of a chat model and in Parlor's own Chinese, 2 fell inside a word of jieba's, one of them wrongly.
"""

from __future__ import annotations

import re

from core.text.script import is_han

_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’][A-Za-z]+)?")


def _set(table: str) -> frozenset[str]:
    return frozenset(table.split())


_BEGINS = _set(
    """
    and or but so because since although though while when whenever where whether if unless until that which who whose
    than as in on at for with without from by about into onto over under after before between through during against
    among around across near within is are was were am has have had can could will would shall should may might must
    do does did to like including usually often also
    """
)
_HOLDS = _set(  # a phrase never ends with one of these
    """
    a an the this that these those my your his her its our their i you he she it we they i'm you're he's she's it's
    we're they're i'll you'll we'll i've you've let's there's that's of to in on at for with from by about into as and
    or but so because if when than not no very too more most quite really just is are was were am be been has have had
    can could will would shall should may might must do does did don't doesn't didn't can't won't isn't aren't mr mrs
    ms dr st vs every each any some all both such what which who how where why there here's what's please let
    over under near between through during against among around across within without like after before until since
    one two three four five six seven eight nine ten hundred thousand million billion
    """
)

# Words that begin a phrase, and the characters that make another word with the first of them.
_BEGINS_ZH = {
    "但": "不非",
    "而": "然从因反进继",
    "因为": "",
    "所以": "之",
    "如果": "",
    "可以": "不也还就都",
    "需要": "不也还就都",
    "应该": "不也还就都",
    "能够": "不",
    "以及": "",
    "并": "合一",
    "通过": "",
    "位于": "",
    "包括": "",
    "例如": "",
    "比如": "",
    "因此": "",
    "由于": "",
    "然后": "",
    "虽然": "",
    "同时": "",
    "通常": "",
    "正在": "",
    "已经": "",
    "主要": "",
    "非常": "",
    "特别": "",
    "是": "但可于就还不总只要正都也而若即算凡老很真便或乃像又却才",
    "在": "现存正实内所不就都也还潜自好旨是能会可放坐站住躺落处",
    "和": "平温柔缓饱共总暖随",
    "或": "抑",
    "会": "机社不就学开协宴聚约都也还才只体理领舞大晚年",
    "有": "没所拥具只还含都也就很共富享占持稀设会能可常最",
    "把": "一火那这",
    "被": "棉",
    "从": "自服",
    "对": "绝相面针反不核校应一",
    "让": "不转谦",
    "就": "成早那这也",
    "也": "",
    "都": "首成大全",
    "还": "归偿退",
}
_LONGEST_ZH = max(map(len, _BEGINS_ZH))
_HOLDS_ZH = frozenset(
    "不没很最太更也都就还只才再又每这那第一二两三四五六七八九十百千几个为以将把被让从对向跟给与和或及别会能可要想"
)
_ENDS_ZH = {"的": ("目", "确话士"), "了": ("为除", "解不"), "们": ("", "")}  # what may not stand before, and after


def breaks(text: str, at: int, final: bool, anywhere: bool) -> bool | None:
    """Whether ``text`` may be parted at ``at``, an index after white space or between wide characters.

    None: what follows has to be known first. ``anywhere``: between any two words that do not belong together, else only
    before one that begins a phrase.
    """
    before, after = text[:at].rstrip()[-1:], text[at : at + 1]
    if not before or not after or "|" in text[:at] or text.rfind("<", 0, at) > text.rfind(">", 0, at):
        return None if before and not (after or final) else False
    if text[at - 1].isspace():
        return _between_words(text, at, final, anywhere)
    return _between_characters(text, at, final, anywhere)


def _between_words(text: str, at: int, final: bool, anywhere: bool) -> bool | None:
    head = text[:at].rstrip()
    if is_han(head[-1]) or is_han(text[at]):  # another language, so another voice: a cut costs nothing
        return head[-1].isalpha() and text[at].isalpha() and head[-1] not in _HOLDS_ZH
    word = _WORD.match(text, at)
    last = re.search(rf"(?:^|(?<=[\s\"“(*_]))({_WORD.pattern})[\"”)*_]*$", head)
    if not word or not last or last[1].lower().replace("’", "'") in _HOLDS:
        return False
    if last[1][0].isupper() and word[0][0].isupper():
        return False
    if word.end() == len(text) and not final:
        return None
    return anywhere or word[0].lower() in _BEGINS


def _between_characters(text: str, at: int, final: bool, anywhere: bool) -> bool | None:
    before = text[at - 1]
    if not (is_han(before) and is_han(text[at])):
        return False
    if len(text) < at + _LONGEST_ZH and not final:
        return None
    if before not in _HOLDS_ZH:
        for length in range(1, _LONGEST_ZH + 1):
            if before not in _BEGINS_ZH.get(text[at : at + length], before):
                return True
    if not (anywhere and before in _ENDS_ZH):
        return False
    earlier, later = _ENDS_ZH[before]
    return text[at - 2 : at - 1] not in [*earlier] and text[at] not in later
