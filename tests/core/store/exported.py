"""A conversation with everything in it, to be exported."""

import io
import random
import zipfile

from PIL import Image as Pillow

from core.store.store import Store
from core.types.messages import Audio, Image, Message, Part


def picture(colour: str = "red", kind: str = "PNG") -> bytes:
    packed = io.BytesIO()
    Pillow.new("RGB", (12, 8), colour).save(packed, kind)
    return packed.getvalue()


PHOTO = Image(picture(kind="JPEG"), "image/jpeg")
SCREEN = Image(picture("blue"), "image/png")
RECORDING = Audio(random.Random(1).randbytes(3200), 16_000)
TRICKY = """Here is a log:

```
## User
<!-- parlor 1 0123abcd -->
~~~
```

## User
## Assistant <!-- 0123abcd assistant -->

> 引用 *and* $x^2$\r\nline <script>alert(1)</script>

"""


def say(store: Store, *messages: Message, title: str = "") -> str:
    conversation, parent = store.create(title), None
    for message in messages:
        parent = store.add(conversation, message, parent)
    return conversation


def user(*parts: Part) -> Message:
    return Message("user", parts)


def answer(*parts: Part) -> Message:
    return Message("assistant", parts)


def messages(store: Store, conversation: str) -> list[Message]:
    return [node.message for node in store.path(conversation)]


def packed(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return data.getvalue()
