"""Endpointing and backchannels by words, English and Chinese: ``patience`` is the silence that ends a turn, seconds."""

from __future__ import annotations

import re

from core.text.script import HAN, HANGUL, has_han

# Seconds of silence after which a turn is over: it sounds finished and reads so; one of the two; neither. Not known
# yet: as one of the two.
QUICK = 0.2
DOUBTFUL = 1.0
PATIENT = 2.0
FINISHED = 0.65  # of smart-turn's score; at its authors' 0.5 10 % of 60 turns are taken for two instead of 8 %

_WORDS = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*|\d+|[" + HAN + HANGUL + "]")


def _set(table: str) -> frozenset[str]:
    return frozenset(re.split(r",\s+|\s*\n\s*", table.strip()))


# A turn that ends with one of these goes on.
_OPEN = _set("""
    um, umm, uh, uhm, uhh, er, erm, hmm, mm, and, or, but, so, because, cause, since, although, though, while, whereas
    if, unless, until, whenever, whose, than, the, a, an, to, of, for, with, from, into, about, between, my, your
    its, our, their, every, each, i, i'm, we, we're, they, they're, he, she, it's, there's, can, could, would, should
    will, shall, may, might, must, let, let's, also, plus, then, well, maybe, perhaps, actually, basically, very
    including, namely, versus
""")
_OPEN_PHRASES = re.compile(
    r"\b(?:let me (?:see|think)|hold on|wait a (?:second|moment|minute)|hang on|how about|what about|you know|i mean"
    r"|i (?:want|need|would like|'d like|'m going|am going|have) to|going to|want to|such as|for example|first of all"
    r"|kind of|sort of|in order to|as well as|due to|according to"
    r"|(?:can|could|would|will) you (?:please|tell me|help me))\W*$|\bbetween\W*$",
    re.IGNORECASE,
)
# A clause that another one follows: "If it rains tomorrow", 如果明天下雨.
_CONDITION = re.compile(
    r"^\W*(?:(?:and|but|so|well|okay|ok),?\s+)?"
    r"(?:if|although|unless|because|whenever|even though|as soon as|once i|once you|once we"
    r"|(?:when|while|after|before|since) (?:i|you|we|they|he|she|it|the|my|your|our|their|his|her|there|people)) "
    r"[^,，?!]{1,60}$"
    r"|^(?:如果|要是|假如|虽然|尽管|因为|由于|即使|只要|既然)[^，,。？?！!就都才也吗呢]{1,12}[。.]?$",
    re.IGNORECASE,
)
_OPEN_ZH = re.compile(
    r"(?:嗯|呃|额|唔|那个|这个|那么|然后|还有|以及|和|跟|与|或者|或|但是|但|可是|不过|因为|所以|如果|要是|虽然|即使|除非|比如|比如说"
    r"|例如|就是|就是说|也就是|问一下|问一问|我想问|我想知道|你能不能|能不能|我想|我要|我要去|我想去|我想要|我需要|我觉得|让我想想|让我想一下|等一下|等等|关于|对于|从|在|把|被|给|向|往|为了|的话"
    r"|一个|一些|首先|其次|另外|此外|而且|并且|甚至|包括|请|请问|帮我|我们|你们|他们)[，,。.、…\s]*$"
)
_TRAILING = re.compile(r"(?:[,，、;；:：]|\.\.\.|…|-|—)\s*$")

# Figures that are being read out in groups: more of them come.
_FIGURES = re.compile(
    r"(?:\d|zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|[零〇幺一二两三四五六七八九])"
    r"(?:[\s,.，。、-]*(?:\d|zero|oh|one|two|three|four|five|six|seven|eight|nine|double|triple|[零〇幺一二两三四五六七八九]))*"
    r"[\s.,，。、-]*$",
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\d|zero|oh|one|two|three|four|five|six|seven|eight|nine|[零〇幺一二两三四五六七八九]", re.IGNORECASE
)
_NUMBERED = re.compile(
    r"\b(?:phone|telephone|mobile|cell|number|call(?: me)?(?: at| on)|code|card|account|pin|password|serial|fax)\b"
    r"|电话|手机|号码|卡号|账号|帐号|密码|验证码|编号|传真|学号|单号",
    re.IGNORECASE,
)
_WHOLE = {"en": 10, "zh": 11}  # figures of a telephone number

_AGREEING = _set("""
    uh-huh, uh huh, uhuh, mm-hmm, mm hmm, mhm, mmhm, mmm, mm, hm, hmm, huh, ah, aha, oh, ooh, wow, yeah, yep, yup, yes
    ya, ok, okay, right, sure, i see, got it, of course, exactly, indeed, true, really, cool, great, nice, good
    interesting, oh i see, oh okay, all right, alright, uh, um, makes sense, i know, fair enough, absolutely, oh really
    嗯, 嗯嗯, 嗯哼, 哦, 噢, 喔, 啊, 哎, 唉, 诶, 呃, 哇, 哈, 哈哈, 对, 对对, 对对对, 对啊, 对呀, 是, 是啊, 是的
    是吗, 好, 好的, 好好, 好啊, 行, 可以, 明白, 明白了, 知道, 知道了, 懂了, 了解, 原来如此, 原来是这样, 这样啊, 是这样
    没错, 真的, 真的吗, 不错, 有意思, 当然, 的确, 确实
""")
_STOPS = _set("""
    stop, stop it, stop talking, stop stop, please stop, ok stop, okay stop, be quiet, quiet, shut up, silence, enough
    that's enough, never mind, nevermind, cancel, pause, hush, shh, thank you that's enough, wait, hold on, hang on
    停, 停下, 停一下, 停停, 停停停, 别说了, 不要说了, 别讲了, 不用说了, 安静, 闭嘴, 够了, 好了别说了, 暂停, 取消, 算了
    打住, 等一下, 等等, 等会儿
""")
# Single words that are meant to interrupt; any other one is a murmur that may well have been misheard.
_CALLING = _set("""
    no, nope, why, what, how, when, where, who, which, hey, hello, hi, parlor, sorry, but, next, again, repeat, louder
    slower, faster, quieter, help, skip, continue, english, chinese, draw, please, listen, really, actually
    不, 不是, 不对, 不行, 不要, 为什么, 什么, 怎么, 哪, 哪里, 谁, 喂, 你好, 但是, 可是, 错, 错了, 下一, 继续, 再说
    重复, 大声, 慢点, 快点, 小声, 帮我, 画, 英语, 中文, 跳过
""")
ECHOED = 0.75  # share of the words that stand in what is being said
SHORT = 3  # words: fewer are too few to know an echo by


def patience(finished: float | None, text: str, language: str = "") -> float:
    """Seconds of silence after which the turn is over.

    ``finished`` is smart-turn's score, 0 to 1, None while it is not known; ``text`` what was said so far.
    """
    sounds, reads = finished is not None and finished >= FINISHED, not unfinished(text, language)
    if sounds and reads:
        return QUICK
    return DOUBTFUL if sounds or reads else PATIENT


def unfinished(text: str, language: str = "") -> bool:
    """Whether ``text`` ends in the middle of a sentence, of a list, or of a number that is being read out."""
    text = text.strip()
    if not text:
        return False
    cues = (_TRAILING, _OPEN_PHRASES, _CONDITION)
    if any(cue.search(text) for cue in cues) or _reading_out(text, language):
        return True
    if has_han(text[-4:]):
        return bool(_OPEN_ZH.search(text))
    words = _words(text)
    return bool(words) and words[-1] in _OPEN and not text.endswith(("?", "!"))


def agrees(text: str) -> bool:
    """Whether ``text`` says no more than that somebody listens: uh-huh, 嗯, I see."""
    return bool(text.strip()) and all(
        _plain(part) in _AGREEING for part in re.split(r"[,，.。!！?？、;；]+", text) if _plain(part)
    )


def murmurs(text: str) -> bool:
    """Whether ``text``, spoken over an answer, is too little to take the floor: one word that calls for nothing."""
    words = _words(text)
    if not words or "?" in text or "？" in text:
        return False
    little = len(words) <= (2 if has_han(text) else 1)
    return little and _plain(text) not in _STOPS | _CALLING


def stops(text: str) -> bool:
    """Whether ``text`` asks for nothing but silence."""
    return _plain(text) in _STOPS


def echoes(text: str, sounding: str) -> bool:
    """Whether ``text``, heard through the microphone, is what is being said: ``sounding``."""
    heard, said = _words(text), set(_words(sounding))
    if len(heard) < SHORT or not said:
        return False
    return sum(word in said for word in heard) >= ECHOED * len(heard)


def _reading_out(text: str, language: str) -> bool:
    found = _FIGURES.search(text)
    if not found:
        return False
    figures = len(_FIGURE.findall(found[0]))
    whole = _WHOLE["zh" if language == "zh" or has_han(text) else "en"]
    groups = len(re.findall(r"\d[\d.]*", found[0]))
    return 2 <= figures < whole and bool(_NUMBERED.search(text) or groups >= 2)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s'’-]", " ", text.lower()).replace("’", "'").split())


def _words(text: str) -> list[str]:
    return [word.lower().replace("’", "'") for word in _WORDS.findall(text)]
