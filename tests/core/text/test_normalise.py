"""What is written is said as a person would say it, in the language it is written in."""

from __future__ import annotations

import random
import re

import pytest

from core.text.normalise import LanguageRun, spoken


def said(markdown: str, language: str = "") -> str:
    """All runs on one line, each change of language marked: ``我用 [en] Python [zh] 写程序。``"""
    runs = spoken(markdown, language)
    return " ".join(f"[{run.language}] {run.text}" if index else run.text for index, run in enumerate(runs))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("It took 42 days.", "It took forty-two days."),
        ("Pi is 3.14.", "Pi is three point one four."),
        ("1,024 people", "one thousand and twenty-four people."),
        ("-5 points", "minus five points."),
        ("12.5% off", "twelve point five percent off."),
        ("5-10 apples", "five to ten apples."),
        ("10–20%", "ten to twenty percent."),
        ("the 3rd and 21st", "the third and twenty-first."),
        ("In 1999, then 1905, 2006 and 2026.",
         "In nineteen ninety-nine, then nineteen oh five, two thousand and six and twenty twenty-six."),
        ("the 1990s", "the nineteen nineties."),
        ("on 2026-11-22", "on November twenty-second, twenty twenty-six."),
        ("Nov 5, 2024", "November fifth, twenty twenty-four."),
        ("at 10:30, 9:05 a.m. or 5 pm", "at ten thirty, nine oh five A M or five P M."),
        ("at 8:00", "at eight o'clock."),
        ("$23.50", "twenty-three dollars and fifty cents."),
        ("$0.99 or £1.01", "ninety-nine cents or one pound and one penny."),
        ("€5 and ¥10", "five euros and ten yuan."),
        ("$3.5 million", "three point five million dollars."),
        ("5 km, 1 kg, 16GB", "five kilometres, one kilogram, sixteen gigabytes."),
        ("-3 °C", "minus three degrees Celsius."),
        ("Python 3.11 and v1.2.3", "Python three point eleven and one point two point three."),
        ("Call 555-123-4567.", "Call five five five, one two three, four five six seven."),
        ("agent 007", "agent zero zero seven."),
        ("1/2 cup", "one half cup."),
        ("2 + 3 = 5", "two plus three equals five."),
        ("C++ & C#", "C plus plus and C sharp."),
        ("fruit, e.g. apples", "fruit, for example, apples."),
    ],
)  # fmt: skip
def test_numbers_and_signs_in_english(written: str, words: str) -> None:
    assert spoken(written) == [LanguageRun("en", words)]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("一共42天", "一共四十二天。"),
        ("圆周率是3.14。", "圆周率是三点一四。"),
        ("有1,024人", "有一千零二十四人。"),
        ("2026年", "二零二六年。"),
        ("2026年11月22日开会", "二零二六年十一月二十二日开会。"),
        ("2026-01-05开会", "二零二六年一月五日开会。"),
        ("在10:30、9:05或2:00", "在十点三十分、九点零五分或两点。"),
        ("下午见，3:00 pm", "下午见，下午三点。"),
        ("增长了3.5%", "增长了百分之三点五。"),
        ("占5%-10%吧", "占百分之五到十吧。"),
        ("要5-10个", "要五到十个。"),
        ("气温-5°C", "气温零下五摄氏度。"),
        ("价格¥23.5或$5", "价格二十三点五元或五美元。"),
        ("电话13812345678", "电话幺三八，幺二三四，五六七八。"),
        ("速度100 km/h，重5kg", "速度一百千米每小时，重五千克。"),
        ("占1/2", "占二分之一。"),
        ("版本3.11.2", "版本三点一一点二。"),
        ("2个人，12个人，第2章，2月2号", "两个人，十二个人，第二章，二月二号。"),
        ("90年代", "九十年代。"),
        ("你好,世界!", "你好，世界！"),
        ("他说“你好”（真的）……走了", "他说你好，真的，走了。"),
    ],
)
def test_numbers_and_signs_in_chinese(written: str, words: str) -> None:
    assert spoken(written) == [LanguageRun("zh", words)]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (
            "# A title\n\nSome **bold** and *slanted* and ~~old~~ words.",
            "A title. Some bold and slanted and old words.",
        ),
        ("- one\n- [x] two\n\n---\n\n1. three", "one. two. one, three."),
        ("> A quotation", "A quotation."),
        ("| name | price |\n|:--|--:|\n| tea | $2 |", "name, price. tea, two dollars."),
        ("Run `main.py` with `--help`.", "Run main dot py with dash dash help."),
        ("Set `max_tokens` in config.toml.", "Set max tokens in config dot toml."),
        ("See [the guide](https://x.org/a_b?c=1).", "See the guide."),
        ("See https://www.example.com/a/b?c=1.", "See the site example dot com."),
        ("Write to bob@example.com!", "Write to bob at example dot com!"),
        ("Well done 😀👍🏽!", "Well done!"),
        ("A <b>tag</b><br/> here<!-- hidden -->", "A tag here."),
        ("So $E = mc^2$ and $\\frac{a}{b}$.", "So E equals mc squared and a over b."),
        ("Here $\\alpha + \\pi$.", "Here alpha plus pi."),
        ("Then $$\\int_0^1 x\\,dx$$ follows.", "Then a formula follows."),
        ("It costs $5 and $6.", "It costs five dollars and six dollars."),
        ("First:\n```py\nx = 1\n```\nand\n```\ny\n```\nDone.", "First: Here is the code. and. Done."),
        ("这样：\n```py\nx = 1\n```", "这样：代码如下。"),
        ("圆的公式是 $\\sum_{i=1}^n i$", "圆的公式是一个公式。"),
        ("## 标题\n- 第一项\n- **第二项**", "标题。第一项。第二项。"),
        ("| 名称 | 数量 |\n|---|---|\n| 茶 | 2 |", "名称，数量。茶，二。"),
    ],
)
def test_markdown_is_read_and_not_spelled(written: str, words: str) -> None:
    assert said(written) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("我用 Python 写了一个 web 应用。", "我用 [en] Python [zh] 写了一个 [en] web [zh] 应用。"),
        ("iPhone 15 很贵", "iPhone [zh] 十五很贵。"),
        ("我有 GPT4 和 MP3", "我有 [en] GPT four [zh] 和 [en] MP three."),
        ("我喜欢 The Lion King 这部电影。", "我喜欢 [en] The Lion King [zh] 这部电影。"),
        ("The word 你好 means hello.", "The word [zh] 你好 [en] means hello."),
        ("访问 https://example.com 看看", "访问网址 [en] example dot com [zh] 看看。"),
        ("Hello.\n\n你好。", "Hello. [zh] 你好。"),
    ],
)
def test_the_language_follows_the_script(written: str, words: str) -> None:
    assert said(written) == words


@pytest.mark.parametrize(("language", "words"), [("", "forty-two."), ("en", "forty-two."), ("zh", "四十二。")])
def test_the_given_language_settles_what_the_script_does_not(language: str, words: str) -> None:
    assert said("42", language) == words


@pytest.mark.parametrize(
    ("written", "words"),
    [("The capital of France ", "The capital of France"), ("法国的首都 ", "法国的首都"), ("Yes. ", "Yes."),
     ("One.\ntwo ", "One. two"), ("It costs 5 dollars and ", "It costs five dollars and")],
)  # fmt: skip
def test_what_goes_on_gets_no_mark_at_its_end(written: str, words: str) -> None:
    assert said(written) == words


def test_code_alone_is_announced_in_the_given_language() -> None:
    assert said("```py\nprint(1)\n```", "en") == "Here is the code."
    assert said("```py\nprint(1)\n```", "zh") == "代码如下。"


@pytest.mark.parametrize("figures", [16, 40, 5000])
def test_a_long_ordinal_is_said_figure_by_figure(figures: int) -> None:
    assert said(f"the {'7' * figures}th") == "the " + "seven " * (figures - 1) + "seventh."


@pytest.mark.parametrize("nothing", ["", " \n", "---", "😀", "**", "|---|---|", "...", "<br>", "![](x.png)", "。"])
def test_nothing_to_say(nothing: str) -> None:
    assert spoken(nothing) == []


@pytest.mark.parametrize("seed", range(60))
def test_any_text_becomes_words_only(seed: int) -> None:
    chance = random.Random(seed)
    bits = [
        *"aB19.,%$€-/:~^&|#*_`()[]<>{}\\\n 好的年月个儿。！",
        "1,000",
        "10:30",
        "$x^2$",
        "3.14",
        "km",
        "😀",
        "http://a.b/c",
    ]
    text = "".join(chance.choice(bits) for _ in range(200))
    for run in spoken(text, chance.choice(["", "en", "zh"])):
        if run.language == "zh":
            assert re.fullmatch("[㐀-䶿一-鿿豈-﫿，。！？；：、]+", run.text)
        else:
            assert not re.search(r"[0-9`*|<>{}\\#一-鿿]", run.text)
