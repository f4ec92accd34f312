"""The words of the interface, in English and in Chinese side by side. A key missing here is a KeyError in the tests."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.errors import ParlorError
from core.types.messages import Language
from ui.i18n.call import CALL
from ui.i18n.models import MODELS
from ui.i18n.pictures import PICTURES
from ui.i18n.sound import SOUND

WORDS: dict[str, tuple[str, str]] = {
    **CALL,
    **MODELS,
    **PICTURES,
    **SOUND,
    # navigation and the list of conversations
    "new_chat": ("New chat", "新对话"),
    "settings": ("Settings", "设置"),
    "import": ("Import", "导入"),
    "search": ("Search conversations", "搜索对话"),
    "no_hits": ("Nothing found", "没有找到"),
    "no_conversations": ("Your conversations will appear here.", "你的对话会显示在这里。"),
    "today": ("Today", "今天"),
    "yesterday": ("Yesterday", "昨天"),
    "week": ("Last 7 days", "过去 7 天"),
    "earlier": ("Earlier", "更早"),
    "show_more": ("Show more", "显示更多"),
    "menu": ("More", "更多"),
    "rename": ("Rename", "重命名"),
    "export": ("Export…", "导出…"),
    "delete": ("Delete", "删除"),
    "deleted": ("Deleted “{title}”", "已删除“{title}”"),
    "undo": ("Undo", "撤销"),
    "untitled": ("New conversation", "新的对话"),
    "export_title": ("Export “{title}”", "导出“{title}”"),
    "export_about": (
        "Markdown is for reading. JSON keeps everything: all versions, pictures, recordings and how answers were made.",
        "Markdown 便于阅读；JSON 保留一切：所有版本、图片、录音以及每个回答的生成方式。",
    ),
    "import_about": (
        "A conversation that Parlor exported: JSON, Markdown or a zip.",
        "由 Parlor 导出的对话：JSON、Markdown 或 zip。",
    ),
    "import_file": ("File", "文件"),
    "gone": ("That conversation is no longer here. It may have been deleted.", "找不到该对话，可能已被删除。"),
    # the app itself
    "understood": ("All right", "知道了"),
    "unknown_model": ("A model chosen in Settings cannot be used.", "设置中选择的模型无法使用。"),
    # the empty page
    "greeting": ("What shall we talk about?", "今天想聊些什么？"),
    "greeting_sub": (
        "Type, speak or show a picture. Everything stays on this machine.",
        "打字、说话或给我看图片，一切都留在这台电脑上。",
    ),
    "card_explain": ("Explain something", "解释一件事"),
    "card_explain_say": (
        "Why is the sky blue? Explain it in three sentences.",
        "天空为什么是蓝色的？请用三句话解释。",
    ),
    "card_code": ("Write some code", "写一段代码"),
    "card_code_say": (
        "Write a Python function that finds duplicate files in a folder.",
        "写一个 Python 函数，找出文件夹中的重复文件。",
    ),
    "card_voice": ("Talk to me", "和我说话"),
    "card_voice_say": ("A live call. Interrupt me whenever you like.", "实时通话，随时可以打断我。"),
    "card_picture": ("Show a screenshot", "给我看截图"),
    "card_picture_say": ("I read the words in it. You can paste one, too.", "我会读出其中的文字，也可以直接粘贴。"),
    "models_ready": ("Ready on this machine", "本机已就绪"),
    "models_missing": ("Not installed yet", "尚未安装"),
    "task_chat": ("Chat", "对话"),
    "task_see": ("See", "看图"),
    "task_hear": ("Listen", "听"),
    "task_read": ("Read pictures", "读图中文字"),
    "task_speak": ("Speak", "说"),
    "task_paint": ("Draw", "画"),
    "task_embed": ("Search", "检索"),
    "task_detect": ("Notice speech", "察觉说话"),
    "task_turn": ("Take turns", "轮流说话"),
    # the chat box
    "box": ("Message Parlor", "给 Parlor 发消息"),
    "stop": ("Stop", "停止"),
    "stopping": ("Stopping…", "正在停止…"),
    "kept_files": ("Kept for your next message", "已保留，随下一条消息发送"),
    "remove": ("Remove", "移除"),
    # a message
    "heard": ("Heard", "听到"),
    "heard_nothing": ("No speech was heard in this recording.", "这段录音里没有听到说话。"),
    "words_in_picture": ("Words in the picture ({count} lines)", "图片中的文字（{count} 行）"),
    "no_words_in_picture": ("No words were found in this picture.", "图片中没有找到文字。"),
    "show_all": ("Show all of it", "显示全文"),
    "show_less": ("Show less", "收起"),
    "show_earlier": ("Show {count} earlier messages", "显示更早的 {count} 条消息"),
    "cut": ("This answer ended early. What was said so far is kept.", "回答提前结束，已有内容已保存。"),
    "cut_empty": ("Stopped before the first word.", "在写出第一个词之前停止了。"),
    "no_picture": ("This picture can no longer be shown.", "这张图片已无法显示。"),
    "copy": ("Copy", "复制"),
    "copied": ("Copied", "已复制"),
    "listen": ("Listen", "播放语音"),
    "read_aloud": ("Read aloud", "朗读"),
    "again": ("Answer again", "重新回答"),
    "good": ("Good answer", "回答得好"),
    "bad": ("Bad answer", "回答得不好"),
    "details": ("How this was made", "生成详情"),
    "edit": ("Edit", "编辑"),
    "previous": ("Previous version", "上一个版本"),
    "next": ("Next version", "下一个版本"),
    "send": ("Send", "发送"),
    "cancel": ("Cancel", "取消"),
    "edit_label": ("Your message", "你的消息"),
    "try_again": ("Try again", "重试"),
    # details
    "d_model": ("Model", "模型"),
    "d_speed": ("Speed", "速度"),
    "d_speed_v": ("{rate} tokens/s", "{rate} 词元/秒"),
    "d_first": ("First token", "首词延迟"),
    "d_tokens": ("Answer", "回答"),
    "d_tokens_v": ("{count} tokens", "{count} 词元"),
    "d_prompt": ("Prompt", "提示"),
    "d_prompt_v": ("{count} tokens, {reused} reused", "{count} 词元，复用 {reused}"),
    "d_seconds": ("Time", "用时"),
    "d_seed": ("Seed", "种子"),
    "d_settings": ("Settings", "设置"),
    "d_sha256": ("sha256", "sha256"),
    "d_revision": ("Revision", "版本"),
    "stage_listen": ("Listening", "聆听"),
    "stage_read": ("Reading pictures", "读图"),
    "stage_look": ("Looking at pictures", "看图"),
    "stage_load": ("Loading", "加载"),
    "stage_prefill": ("Reading the prompt", "读取提示"),
    "stage_chat": ("Writing", "写作"),
    "stage_speak": ("Speaking", "朗读"),
    "stage_paint": ("Drawing", "作画"),
    "stage_download": ("Fetching", "下载"),
    # a turn under way
    "doing_start": ("Thinking…", "思考中…"),
    "doing_load": ("Loading the model…", "正在加载模型…"),
    "doing_listen": ("Listening…", "正在听…"),
    "doing_read": ("Reading the picture…", "正在读图…"),
    "doing_look": ("Looking at the picture…", "正在看图…"),
    "doing_chat": ("Reading the prompt…", "正在读取提示…"),
    "doing_speak": ("Speaking…", "正在朗读…"),
    "doing_paint": ("Drawing…", "正在作画…"),
    "doing_download": ("Fetching…", "正在下载…"),
    # the player
    "speaking": ("Speaking", "正在朗读"),
    "play": ("Play the answer", "播放回答"),
    "silence": ("Stop speaking", "停止朗读"),
    # settings
    "s_saved": ("Saved", "已保存"),
    "s_general": ("General", "通用"),
    "s_language": ("Language", "界面语言"),
    "s_language_auto": ("As the browser", "跟随浏览器"),
    "s_offline": ("Offline", "离线"),
    "s_offline_help": (
        "Parlor makes no network call at all; a download is refused instead.",
        "Parlor 不进行任何网络访问；下载会被直接拒绝。",
    ),
    "s_data": ("Your data", "你的数据"),
    "s_data_help": (
        "Conversations, pictures, recordings and models lie in this folder and nowhere else.",
        "对话、图片、录音和模型都只保存在此文件夹中。",
    ),
    "s_models": ("Models", "模型"),
    "s_best": ("Best installed", "已安装的最佳模型"),
    "s_none": ("None installed", "尚未安装"),
    "s_voice": ("Voice", "语音"),
    "s_voice_en": ("English voice", "英语语音"),
    "s_voice_zh": ("Chinese voice", "中文语音"),
    "s_try": ("Try", "试听"),
    "s_try_en": (
        "Hello, I am your Parlor voice. How do I sound?",
        "Hello, I am your Parlor voice. How do I sound?",
    ),
    "s_try_zh": ("你好，我是你的 Parlor 语音，听起来怎么样？", "你好，我是你的 Parlor 语音，听起来怎么样？"),
    "s_speed": ("Speed", "语速"),
    "s_speak": ("Answer recordings with a voice", "用语音回答录音"),
    "s_openers": ("Begin with a word while thinking", "思考时先应一声"),
    "s_openers_help": (
        "In a call, where the answer takes longer, Parlor first says something like “Well…”.",
        "通话中如果回答需要更久，Parlor 会先说“嗯……”之类的话。",
    ),
    "s_script": ("Heard Mandarin is written in", "普通话听写为"),
    "s_simplified": ("Simplified characters", "简体"),
    "s_traditional": ("Traditional characters", "繁体"),
    "s_answers": ("Answers", "回答"),
    "s_instructions": ("Instructions", "指示"),
    "s_instructions_help": (
        "Read before every conversation. Leave empty for Parlor's own.",
        "每次对话前都会先读。留空则使用 Parlor 自带的指示。",
    ),
    "s_instructions_hint": ("For example: answer briefly, in plain words.", "例如：请用平实的语言简短回答。"),
    "s_temperature": ("Temperature", "温度"),
    "s_temperature_help": (
        "Higher is more varied; 0 always takes the likeliest word.",
        "越高越多样；0 总是选最可能的词。",
    ),
    "s_top_p": ("Top-p", "Top-p"),
    "s_top_p_help": (
        "Choose among the likeliest words that make up this share.",
        "只在累计概率达到此值的词中选择。",
    ),
    "s_min_p": ("Min-p", "Min-p"),
    "s_min_p_help": (
        "Drop words less likely than this share of the likeliest one.",
        "舍弃概率低于最可能词该比例的词。",
    ),
    "s_max_tokens": ("Longest answer (tokens)", "最长回答（词元）"),
    "s_context": ("Context (tokens)", "上下文（词元）"),
    "s_context_help": (
        "How much of a conversation the model reads at once. More needs more memory; applies at the model's next load.",
        "模型一次能读多少对话内容。越大越占内存；下次加载模型时生效。",
    ),
    "s_memory": ("Memory for models (GB)", "模型可用内存（GB）"),
    "s_memory_help": (
        "0 is three quarters of what was free when Parlor started. What is too much then is unloaded.",
        "0 表示启动时空闲内存的四分之三。超出的模型会被卸载。",
    ),
    "s_environment": (
        "Set by {name} in the environment; what is chosen here is for this run.",
        "由环境变量 {name} 设定；此处的选择仅本次有效。",
    ),
}


def language() -> Language:
    """The interface's language: the person's choice, or the browser's."""
    try:
        chosen = parlor().settings.language
    except ParlorError:  # the page that tells of it needs a language, too
        chosen = ""
    chosen = chosen or st.context.locale or "en"
    return "zh" if chosen.lower().startswith("zh") else "en"


def say(key: str, **facts: object) -> str:
    """The words for ``key`` in the interface's language, with ``facts`` put in."""
    words = WORDS[key][language() == "zh"]
    return words.format(**facts) if facts else words


def several(*keys: str) -> dict[str, str]:
    """The words for several keys, for a component's script."""
    return {key: say(key) for key in keys}
