"""Draw intent: ``wants_picture`` says what a person wants drawn, if anything, by tables of English and Chinese phrases.

A request stands at the start of a sentence, after words of politeness: "could you draw me a cat", "请帮我画一只猫".
Everything else that has to do with drawing (how it is done, who painted what, a conclusion to draw, code that plots)
is talk. ``tests/core/pipeline/router_cases.toml`` holds the cases. Phrases may hold regular expressions; a space stands
for any white space; repetition is bounded, so that no text takes long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


def _words(table: str) -> tuple[str, ...]:
    """The phrases of a table, which stand between commas or on lines of their own."""
    return tuple(re.split(r",\s+|\s*\n\s*", table.strip()))


LONGEST = 1500  # characters; a longer text is something pasted

COMMANDS = _words("/draw, /paint, /image, /imagine, /画图, /画")

GREETINGS = _words("""
    hey, hi, hello, ok, okay, great, thanks, thank you, yes, sure, cool, nice, parlor, please, pls, kindly, now
    then, so, and, also, just, next, quickly, well, alright
""")
REQUESTS = _words("""
    can you, could you, would you, will you, can u, could u, may i ask you to, you could, you can, i want you to
    i'd like you to, i would like you to, i need you to, i'd love you to, let's, go ahead and, try to, try and
    help me, help me to
""")
DRAW = _words("draw, sketch, paint, illustrate, doodle")
DRAWING = _words("drawing, sketching, painting, illustrating, doodling")
MAKE = _words("make, create, generate, produce, render, design, give, show, do, draw, paint")
LONGING = _words("""
    i want, i need, i'd like, i would like, i'd love, i would love, how about, let me see, i want to see
    i'd like to see, i'd love to see, i would like to see, i would love to see, can i have, could i have, can i get
    could i get, may i have, can i see, let me have
""")
FOR_WHOM = _words("me, us, for me, for us")
PICTURES = _words("""
    pictures?, images?, pics?, drawings?, paintings?, sketch, sketches, illustrations?, photos?, photographs?
    portraits?, cartoons?, doodle, watercolou?r, artwork, wallpaper, poster, logo
""")
OF = _words("of, showing, depicting, with, where, in which, that shows, that has, for")
NOT_ADJECTIVES = _words("of, for, about, on, to, with, from, in, ideas?, tips, names?, list, code")
FAREWELLS = _words("please, pls, for me, for us, thanks, thank you, thank you very much, will you, would you")
IDIOMS = (  # what may follow a verb of drawing and is no picture
    r"(?:(?:a|an|any|some|the|your|my|our|clear|useful|valid|logical|final) ){0,3}"
    r"(?:conclusion|inference|distinction|parallel|comparison|analogy|analogie|lesson|moral)s?\b",
    r"(?:up|on|upon|from|near|nearer|closer|back|away|out|in|into|to a close)\b",
    r"(?:blood|fire|breath|power|attention|inspiration|interest|criticism|support|strength|water|lots|straws)"
    r"(?: (?:from|to|away|for)\b|\W*$)",
    r"(?:the|a|that|this) line(?: (?:at|between|there|somewhere|here|in the sand)\b|\W*$)",
    r"(?:a|another|one|two|three|four|five|seven|the|\d+|some|your|my) (?:more |random |tarot )?(?:cards?|straws?)\b",
    r"(?:a|the|my|your) (?:bath|gun|sword|weapon|blood sample|blank|crowd|salary|pension|winner|curtains?|blinds?)\b",
    r"(?:a|an|the|my|your) (?:\w+ )?(?:plan|outline|proposal|strategy|roadmap|argument|proof|contract)\b",
    r"(?:how|why|what|your point|(?:the|this|that) (?:\w+ )?(?:concept|idea|point|difference|principle|importance))\b",
    r"(?:a )(?:\w+ )?picture of (?:how|what|the (?:current|economic|political|market|situation))\b",
    r"(?:(?:a|an|the|my|this|simple|detailed|class|small|nice) ){0,3}(?:\w+ )?"  # better written than painted
    r"(?:charts?|graphs?|plots?|diagrams?|flow-?charts?|flow charts?|histograms?|mind-?maps?|mind maps?|"
    r"wireframes?|timelines?|truth tables?"
    r"|tables? (?:of|comparing)|bounding box(?:es)?)(?!\w)",
    r"(?:a|the) table (?:with|that)\b",
)
REDECORATING = (
    r"(?:the|my|our|your) (?:\w+ )?(?:walls?|house|fence|room|door|kitchen|ceiling|nails|deck|car|town red)\b"
)
TOOLS = _words(r"""
    svg, matplotlib, seaborn, plotly, tikz, latex, mermaid, graphviz, plantuml, pygame, opengl, ascii, html, css
    javascript, typescript, dockerfile, ggplot2?, source code, d3\.js
""")
MEANS = _words(r"""
    python, turtle, canvas, c, c\+\+, c#, java, rust, swift, php, r, excel, matlab, code, emojis?, words, text
    a sentence, go, processing, unity, blender, photoshop, sql
""")
TEXT_WORK = _words("""
    translate, proofread, summari[sz]e, explain, rewrite, rephrase, paraphrase, correct, spell, write, describe
    repeat, say, define
""")

GREETINGS_ZH = _words("你好, 您好, 嗨, 嘿, 好的, 好, 好吧, 谢谢, 那, 那就, 那么, 现在, 然后, 接着, 再, 快, 来")
REQUESTS_ZH = _words("""
    请, 请你, 请帮我, 帮我, 帮忙, 麻烦, 麻烦你, 给我, 给我们, 替我, 为我, 为我们, 帮, 劳驾, 拜托你, 能不能, 可不可以
    可以, 能否, 可否, 能, 你能, 你能不能, 你可以, 你可不可以, 你来, 随便, 直接, 我想让你, 我想请你, 我要你, 我希望你
    我需要你, 让我们, 我们来, 试着, 尝试
""")
DRAW_ZH = _words("画出, 画, 绘制, 绘出, 素描, 手绘, 描绘")
MAKE_ZH = _words("生成, 制作, 创作, 设计, 创建, 渲染, 绘制")
HAVE_ZH = _words(
    "来, 再来, 给我, 给我们, 整, 弄, 搞, 做, 给, 要, 我要, 我想要, 想要, 我想看, 看, 出, 发, 画, 需要, 我需要"
)
PLAIN_ZH = _words("图片, 图像, 图, 图画, 画")
KINDS_ZH = _words("""
    照片, 插画, 插图, 画像, 画作, 海报, 壁纸, 头像, 漫画, 油画, 国画, 水墨画, 水彩画, 简笔画, 素描, 素描画, 肖像
    写真, 标志, logo, 效果图, 封面图, 配图, 山水画, 表情包, 贺卡
""")
NOT_DRAW_ZH = _words("""
    面, 家, 风, 展, 质, 笔, 框, 布, 室, 廊, 像, 册, 报, 法, 饼, 蛇添足, 龙点睛, 皮, 外音, 师, 作, 的, 得, 完, 了, 不
    地为牢, 上, 等号, 一?[下个]?重点, 中, 里, 幅, 着, 画, 过, 好了, 错, 卷, 坛, 派, 种, 纸, 板, 一?个?圆满
    一?个?句号, 在, 是, 眉, 符
""")
TALK_ZH = _words(r"""
    怎么, 如何, 怎样, 为什么, 为何, 什么意思, 是什么, 教我, 教程, 步骤, 教学, 翻译, 解释, 润色, 改写, 代码, 程序
    函数, 脚本, matplotlib, svg, html, css, javascript, tikz, mermaid, graphviz, plantuml
    ascii, 字符画, 用文字, 用语言, 折线图, 柱状图, 饼图, 散点图, 直方图, 条形图
    流程图, 思维导图, 时序图, 架构图, 类图, 甘特图, 热力图, 图表, 表格, 示意图, 结构图, 关系图, er图, uml, 曲线图
    辅助线, 拓扑图, 脑图, docker, 报表, 雷达图, 箱线图, 状态图, 框图, 坐标系, 数轴, 谁画, 组织图, 时间线, 线框图
    k线图
    用\s*(?:python|turtle|canvas|excel|matlab|java|latex|word|ppt|c\+\+|r语言)
""")
ENDINGS_ZH = _words("""
    吧, 吗, 呗, 呀, 啊, 哦, 嘛, 呢, 谢谢, 谢谢你, 好吗, 好不好, 可以吗, 行吗, 行不行, 怎么样, 给我, 给我看, 给我看看
    看看, 谢啦, 多谢, 拜托
""")


def wants_picture(text: str) -> str | None:
    """What ``text`` asks to have drawn, in its own words; None when it asks for no picture."""
    text = text.strip()
    if len(text) > LONGEST:
        return None
    command = _COMMAND.fullmatch(text)
    if command:
        return _thing(command["thing"])
    text = _CHINESE_END.sub("", _ENGLISH_END.sub("", text))
    if _TALK.search(_plain(text)):
        return None
    found = (_request_from(text, start, whole) for start, whole in _starts(text))
    return next((thing for thing in found if thing), None)


def _starts(text: str) -> Iterator[tuple[int, bool]]:
    """Where a request may begin: the first and the last sentence, and (False) any clause after a comma."""
    sentences = [0, *(match.end() for match in re.finditer(r"[.!?](?=\s)\s*|[。！？；\n]\s*", text))]
    yield 0, True
    yield sentences[-1], True
    for match in re.finditer(r"[，,]\s*", text):
        yield match.end(), False


def _request_from(text: str, start: int, whole: bool) -> str | None:
    """The thing asked for from ``start`` on; in the middle of a sentence only an outright Chinese request counts."""
    for pattern in (*_ENGLISH, *_CHINESE) if whole else _CHINESE:
        match = pattern.match(_plain(text), start)
        if match and (whole or match["asked"]):
            spans = (match.span(name) for name in match.groupdict() if name != "asked")
            return _thing("".join(text[first:last] for first, last in spans if first >= 0))
    return None


def _plain(text: str) -> str:
    """``text`` with its characters at their places, as the tables write them."""
    return text.translate(_AS_WRITTEN)


def _thing(words: str) -> str | None:
    words = words.strip(" \t\n,.:;!?，。：；！？~～")
    return words if any(map(str.isalnum, words)) and words.lower() not in FOR_WHOM else None


_AS_WRITTEN = str.maketrans(
    "’畫請幫給個圖張製繪創設計貓麼為師傳統線條類關係結構麻煩謝嗎這隻裡裏",
    "'画请帮给个图张制绘创设计猫么为师传统线条类关系结构麻烦谢吗这只里里",
)


def _any(phrases: Iterable[str]) -> str:
    """One of ``phrases``, longest first."""
    return "(?:" + "|".join(sorted(phrases, key=len, reverse=True)).replace(" ", r"\s+") + ")"


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)


_GREETED = rf"(?:{_any(GREETINGS)}\b[\s,!.:]*){{0,4}}"
_ASKED = rf"{_GREETED}(?:{_any(REQUESTS)}\s+)?(?:(?:please|kindly|just|now|also|maybe|quickly|try to)\s+){{0,2}}"
_FOR = rf"(?:(?:{_any(FOR_WHOM)}|(?:him|her|them)(?=\s+(?:a|an|some|another|the|two)\b))\s+)?"
_PICTURE_OF = (
    r"(?:(?:a|an|another|one|more|some|the|two|three|four|new|my|\d+)\s+){0,3}"
    rf"(?:(?!{_any(NOT_ADJECTIVES)}\s)[\w'-]+\s+){{0,4}}?{_any(PICTURES)}\s+{_any(OF)}\s+"
)
_ENGLISH = _compiled(
    rf"{_ASKED}{_any(MAKE)}\s+{_FOR}{_PICTURE_OF}(?P<thing>\S.*)",
    rf"{_ASKED}{_any(DRAW)}\s+{_FOR}(?P<thing>\S.*)",
    rf"{_GREETED}(?:would you mind|do you mind|how about)\s+{_any(DRAWING)}\s+{_FOR}(?P<thing>\S.*)",
    rf"{_GREETED}{_any(LONGING)}\s+{_PICTURE_OF}(?P<thing>\S.*)",
)
_GREETED_ZH = rf"(?:{_any(GREETINGS_ZH)}[，,、！!\s]*){{0,3}}"
_ASKED_ZH = rf"{_GREETED_ZH}(?P<asked>(?:{_any(REQUESTS_ZH)}\s*){{0,4}}){_GREETED_ZH}"
_NUMBER_ZH = r"[一二两三四五六几半多\d]*"
_CHINESE = _compiled(
    rf"{_ASKED_ZH}(?:{_any(MAKE_ZH)}{_NUMBER_ZH}[张幅副个份组套款只些]?|{_any(HAVE_ZH)}{_NUMBER_ZH}[张幅副个份组套款])\s*"
    rf"(?:(?P<kind>[^，。！？,!?]{{0,80}}?{_any(KINDS_ZH)})|(?P<thing>[^，。！？,!?]{{1,80}}?)\s*的?\s*{_any(PLAIN_ZH)})"
    r"(?=$|[，。！？,!?~～\s])(?P<more>.*)",
    rf"{_ASKED_ZH}{_any(DRAW_ZH)}(?!{_any(NOT_DRAW_ZH)})(?:一下|[个只])?\s*(?P<thing>\S.*)",
)
_COMMAND = re.compile(rf"(?:{_any(COMMANDS)})(?![a-z])(?P<thing>.*)", re.IGNORECASE | re.DOTALL)
_TALK = re.compile(
    rf"\b{_any([*DRAW, *DRAWING])}\s+(?:(?:me|us) )?{_any(IDIOMS)}|\bpaint(?:ing)?\s+{REDECORATING}"
    rf"|\b{_any(TOOLS)}(?!\w)"
    rf"|\b(?:in|with|using|via)\s+(?:(?:a|an|the|some|pure|plain|my)\s+){{0,2}}{_any(MEANS)}(?![\w-])"
    rf"|^\W*{_GREETED}(?:{_any(REQUESTS)}\s+)?{_any(TEXT_WORK)}\b|{_any(TALK_ZH)}".replace(" ", r"\s+"),
    re.IGNORECASE,
)
_ENGLISH_END = re.compile(rf"[\s,]*\b{_any(FAREWELLS)}[\s.!?]*$", re.IGNORECASE)
_CHINESE_END = re.compile(rf"[\s，,]*{_any(ENDINGS_ZH)}[\s。！!？?~～]*$", re.IGNORECASE)
