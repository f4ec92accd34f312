"""The words of the interface in English; the other languages' are in ``core/l10n``, under the same keys."""

from __future__ import annotations

import streamlit as st

from core.app.app import parlor
from core.errors import ParlorError
from core.l10n.tables import closest, table
from ui.i18n.call import CALL
from ui.i18n.models import MODELS
from ui.i18n.pictures import PICTURES
from ui.i18n.sound import SOUND

WORDS: dict[str, str] = {
    **CALL,
    **MODELS,
    **PICTURES,
    **SOUND,
    # navigation and the list of conversations
    "new_chat": "New chat",
    "settings": "Settings",
    "import": "Import",
    "search": "Search conversations",
    "no_hits": "Nothing found",
    "no_conversations": "Your conversations will appear here.",
    "today": "Today",
    "yesterday": "Yesterday",
    "week": "Last 7 days",
    "earlier": "Earlier",
    "show_more": "Show more",
    "menu": "More",
    "rename": "Rename",
    "export": "Export…",
    "delete": "Delete",
    "deleted": "Deleted “{title}”",
    "undo": "Undo",
    "untitled": "New conversation",
    "export_title": "Export “{title}”",
    "export_about": (
        "Markdown is for reading. JSON keeps everything: all versions, pictures, recordings and how answers were made."
    ),
    "import_about": "A conversation that Parlor exported: JSON, Markdown or a zip.",
    "import_file": "File",
    "gone": "That conversation is no longer here. It may have been deleted.",
    # the app itself
    "understood": "All right",
    "unknown_model": "A model chosen in Settings cannot be used.",
    # the empty page
    "greeting": "What shall we talk about?",
    "greeting_sub": "Type, speak or show a picture. Everything stays on this machine.",
    "card_explain": "Explain something",
    "card_explain_say": "Why is the sky blue? Explain it in three sentences.",
    "card_code": "Write some code",
    "card_code_say": "Write a Python function that finds duplicate files in a folder.",
    "card_voice": "Talk to me",
    "card_voice_say": "A live call. Interrupt me whenever you like.",
    "card_picture": "Show a screenshot",
    "card_picture_say": "I read the words in it. You can paste one, too.",
    "models_ready": "Ready on this machine",
    "models_missing": "Not installed yet",
    "task_chat": "Chat",
    "task_see": "See",
    "task_hear": "Listen",
    "task_read": "Read pictures",
    "task_speak": "Speak",
    "task_paint": "Draw",
    "task_embed": "Search",
    "task_detect": "Notice speech",
    "task_turn": "Take turns",
    # the chat box
    "box": "Message Parlor",
    "stop": "Stop",
    "stopping": "Stopping…",
    "kept_files": "Kept for your next message",
    "remove": "Remove",
    # a message
    "heard": "Heard",
    "heard_nothing": "No speech was heard in this recording.",
    "words_in_picture": "Words in the picture ({count} lines)",
    "no_words_in_picture": "No words were found in this picture.",
    "show_all": "Show all of it",
    "show_less": "Show less",
    "show_earlier": "Show {count} earlier messages",
    "cut": "This answer ended early. What was said so far is kept.",
    "cut_empty": "Stopped before the first word.",
    "no_picture": "This picture can no longer be shown.",
    "copy": "Copy",
    "copied": "Copied",
    "listen": "Listen",
    "read_aloud": "Read aloud",
    "again": "Answer again",
    "good": "Good answer",
    "bad": "Bad answer",
    "details": "How this was made",
    "edit": "Edit",
    "previous": "Previous version",
    "next": "Next version",
    "send": "Send",
    "cancel": "Cancel",
    "edit_label": "Your message",
    "try_again": "Try again",
    # details
    "d_model": "Model",
    "d_speed": "Speed",
    "d_speed_v": "{rate} tokens/s",
    "d_first": "First token",
    "d_tokens": "Answer",
    "d_tokens_v": "{count} tokens",
    "d_prompt": "Prompt",
    "d_prompt_v": "{count} tokens, {reused} reused",
    "d_seconds": "Time",
    "d_seed": "Seed",
    "d_settings": "Settings",
    "d_sha256": "sha256",
    "d_revision": "Revision",
    "stage_listen": "Listening",
    "stage_read": "Reading pictures",
    "stage_look": "Looking at pictures",
    "stage_load": "Loading",
    "stage_prefill": "Reading the prompt",
    "stage_chat": "Writing",
    "stage_speak": "Speaking",
    "stage_paint": "Drawing",
    "stage_download": "Fetching",
    # a turn under way
    "doing_start": "Thinking…",
    "doing_load": "Loading the model…",
    "doing_listen": "Listening…",
    "doing_read": "Reading the picture…",
    "doing_look": "Looking at the picture…",
    "doing_chat": "Reading the prompt…",
    "doing_speak": "Speaking…",
    "doing_paint": "Drawing…",
    "doing_download": "Fetching…",
    # the player
    "speaking": "Speaking",
    "play": "Play the answer",
    "silence": "Stop speaking",
    # settings
    "s_saved": "Saved",
    "s_general": "General",
    "s_language": "Language",
    "s_language_auto": "As the browser",
    "s_offline": "Offline",
    "s_offline_help": "Parlor makes no network call at all; a download is refused instead.",
    "s_data": "Your data",
    "s_data_help": "Conversations, pictures, recordings and models lie in this folder and nowhere else.",
    "s_models": "Models",
    "s_best": "Best installed",
    "s_none": "None installed",
    "s_voice": "Voice",
    "s_voice_en": "English voice",
    "s_voice_zh": "Chinese voice",
    "s_try": "Try",
    "s_try_en": "Hello, I am your Parlor voice. How do I sound?",
    "s_try_zh": "你好，我是你的 Parlor 语音，听起来怎么样？",
    "s_speed": "Speed",
    "s_speak": "Answer recordings with a voice",
    "s_openers": "Begin with a word while thinking",
    "s_openers_help": "In a call, where the answer takes longer, Parlor first says something like “Well…”.",
    "s_script": "Heard Mandarin is written in",
    "s_simplified": "Simplified characters",
    "s_traditional": "Traditional characters",
    "s_answers": "Answers",
    "s_instructions": "Instructions",
    "s_instructions_help": "Read before every conversation. Leave empty for Parlor's own.",
    "s_instructions_hint": "For example: answer briefly, in plain words.",
    "s_temperature": "Temperature",
    "s_temperature_help": "Higher is more varied; 0 always takes the likeliest word.",
    "s_top_p": "Top-p",
    "s_top_p_help": "Choose among the likeliest words that make up this share.",
    "s_min_p": "Min-p",
    "s_min_p_help": "Drop words less likely than this share of the likeliest one.",
    "s_max_tokens": "Longest answer (tokens)",
    "s_context": "Context (tokens)",
    "s_context_help": (
        "How much of a conversation the model reads at once. More needs more memory; applies at the model's next load."
    ),
    "s_memory": "Memory for models (GB)",
    "s_memory_help": "0 is three quarters of what was free when Parlor started. What is too much then is unloaded.",
    "s_environment": "Set by {name} in the environment; what is chosen here is for this run.",
}


def language() -> str:
    """The interface's language: the person's choice, or the browser's."""
    try:
        chosen = parlor().settings.language
    except ParlorError:  # the page that tells of it needs a language, too
        chosen = ""
    return closest(chosen or st.context.locale or "")


def say(key: str, **facts: object) -> str:
    """The words for ``key`` in the interface's language, with ``facts`` put in."""
    words = table(language()).words.get(key) or WORDS[key]
    return words.format(**facts) if facts else words


def several(*keys: str) -> dict[str, str]:
    """The words for several keys, for a component's script."""
    return {key: say(key) for key in keys}
