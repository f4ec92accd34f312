"""Pictures of pages that hold known words: a settings screen and an invoice, in English and in Chinese.

Each is drawn as an app would draw it, labels at the left and values at the right, with the lines it holds beside it.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from core.types.messages import Image

LATIN = ("DejaVuSans.ttf", "Arial.ttf", "Helvetica.ttc", "segoeui.ttf")
HAN = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "msyh.ttc",
)

SETTINGS = {
    "en": (
        "Display settings",
        (
            ("Brightness", "75%"),
            ("Night light", "Off"),
            ("Resolution", "1920 x 1080 (recommended)"),
            ("Refresh rate", "144 Hz"),
            ("Scale", "125%"),
            ("Screen timeout", "10 minutes"),
            ("Device name", "studio-laptop-07"),
        ),
    ),
    "zh": (
        "显示设置",
        (
            ("亮度", "75%"),
            ("夜间模式", "关闭"),
            ("分辨率", "1920 x 1080（推荐）"),
            ("刷新率", "144 赫兹"),
            ("缩放比例", "125%"),
            ("屏幕超时", "10 分钟"),
            ("设备名称", "工作室笔记本07"),
        ),
    ),
}
INVOICE = {
    "en": (
        "INVOICE",
        (("Invoice number", "INV-2026-0417"), ("Date", "3 March 2026"), ("Bill to", "Harbour Books Ltd")),
        ("Description", "Qty", "Price", "Amount"),
        (
            ("Oak bookshelf", "2", "180.00", "360.00"),
            ("Reading lamp", "5", "42.50", "212.50"),
            ("Delivery", "1", "35.00", "35.00"),
        ),
        (("Subtotal", "607.50"), ("VAT 20%", "121.50"), ("Total due", "EUR 729.00")),
    ),
    "zh": (
        "发票",
        (("发票号码", "20260417"), ("开票日期", "2026年3月3日"), ("购买方", "海港书店有限公司")),
        ("项目名称", "数量", "单价", "金额"),
        (
            ("橡木书架", "2", "180.00", "360.00"),
            ("阅读台灯", "5", "42.50", "212.50"),
            ("送货费", "1", "35.00", "35.00"),
        ),
        (("小计", "607.50"), ("税额", "78.98"), ("价税合计", "686.48 元")),
    ),
}


@dataclass(frozen=True)
class Screen:
    """A picture and the rows of words that stand in it, from the top, each row from the left."""

    image: Image
    rows: tuple[tuple[str, ...], ...] = field(repr=False)

    @property
    def text(self) -> str:
        return "\n".join(" ".join(row) for row in self.rows)


def settings(language: str, dark: bool = False, size: int = 18) -> Screen:
    """A settings screen; ``size`` is the height of its letters in pixels."""
    title, items = SETTINGS[language]
    ground, ink, faint = ("#1e1e22", "#ececf0", "#3a3a42") if dark else ("#fbfbfc", "#202024", "#dcdce2")
    page = _Page(40 * size, round((len(items) * 2.8 + 5) * size), ground, language)
    page.put(2 * size, 1.2 * size, title, ink, round(1.5 * size))
    for number, (label, value) in enumerate(items):
        top = (4.4 + 2.8 * number) * size
        page.draw.line((2 * size, top - 0.8 * size, 38 * size, top - 0.8 * size), fill=faint)
        page.put(2 * size, top, label, ink, size)
        page.put(38 * size, top, value, ink, size, anchor="ra")
    return Screen(page.image(), ((title,), *items))


def invoice(language: str, size: int = 20) -> Screen:
    """An invoice with a head, a table and a sum, black on white."""
    title, head, columns, goods, sums = INVOICE[language]
    page = _Page(42 * size, 30 * size, "white", language)
    page.put(3 * size, 2 * size, title, "black", 2 * size)
    for number, (label, value) in enumerate(head):
        page.put(3 * size, (5.5 + 1.8 * number) * size, label, "#555555", size)
        page.put(12 * size, (5.5 + 1.8 * number) * size, value, "black", size)
    for number, row in enumerate((columns, *goods)):
        top = (12.5 + 2 * number) * size
        page.put(3 * size, top, row[0], "black", size)
        for right, text in zip((23, 31, 39), row[1:], strict=True):
            page.put(right * size, top, text, "black", size, anchor="ra")
        page.draw.line((3 * size, top + 1.5 * size, 39 * size, top + 1.5 * size), fill="#999999")
    for number, (label, value) in enumerate(sums):
        page.put(25 * size, (21.5 + 2 * number) * size, label, "black", size)
        page.put(39 * size, (21.5 + 2 * number) * size, value, "black", size, anchor="ra")
    return Screen(page.image(), ((title,), *head, columns, *goods, *sums))


def png(picture: Pillow.Image, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", **options)
    return file.getvalue()


def opened(image: Image) -> Pillow.Image:
    return Pillow.open(io.BytesIO(image.data))


class _Page:
    """A sheet to write on."""

    def __init__(self, wide: int, high: int, ground: str, language: str) -> None:
        self._picture = Pillow.new("RGB", (wide, high), ground)
        self.draw = ImageDraw.Draw(self._picture)
        self._language = language

    def put(self, x: float, y: float, text: str, ink: str, size: int, anchor: str = "la") -> None:
        self.draw.text((x, y), text, fill=ink, font=font(self._language, size), anchor=anchor)

    def image(self) -> Image:
        return Image(png(self._picture), "image/png")


def font(language: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of this machine with the language's letters. Raises FileNotFoundError when no Chinese one is installed."""
    for name in HAN if language == "zh" else LATIN:
        if Path(name).exists() or not name.startswith("/"):
            try:
                return ImageFont.truetype(name, size, index=2 if "NotoSansCJK" in name else 0)
            except OSError:
                continue
    if language == "zh":
        raise FileNotFoundError("No Chinese font: install fonts-noto-cjk or google-noto-sans-cjk.")
    return ImageFont.load_default(size)
