"""The words of the live call in English; ``ui.i18n.words`` takes them into its table."""

from __future__ import annotations

CALL: dict[str, str] = {
    "call": "Call",
    # what the call is doing
    "call_idle": "Let's talk",
    "call_idle_about": (
        "Speak as you would to a person, in English or Chinese. You can interrupt at any time. "
        "Nothing you say leaves this machine."
    ),
    "call_opening": "Getting ready…",
    "call_opening_about": "The models are being loaded. The first call takes longest.",
    "call_listening": "Listening",
    "call_hearing": "Hearing you",
    "call_thinking": "Thinking",
    "call_speaking": "Speaking",
    "call_held": "On hold",
    "call_ended": "Call ended",
    "call_ended_about": "{time}. The whole call is in your conversations.",
    "call_muted": "You are muted",
    # doing something
    "call_start": "Start talking",
    "call_again": "Call again",
    "call_open": "Open the conversation",
    "call_go_on": "Go on talking",
    "call_unblock": "Press to hear",
    "call_blocked": "Press to hear",
    "call_mute": "Mute",
    "call_unmute": "Unmute",
    "call_hang": "Hang up",
    "call_options": "Microphone, voices and volume",
    "call_type": "Type instead…",
    "call_hold": "Hold to talk",
    "call_space": "Space",
    "call_push_now": "Hold the button or the space bar while you speak.",
    "call_on": "Call in progress",
    "call_back": "Back to the call",
    "call_in": "Goes on in “{title}”",
    "call_new": "Start a new conversation instead",
    # pictures
    "call_camera": "Camera",
    "call_camera_take": "Show this",
    "call_camera_close": "Close",
    "call_camera_denied": (
        "The browser does not let this page use the camera. Allow it beside the address, then press again."
    ),
    "call_camera_none": "There is no camera. Paste or drop a picture instead.",
    "call_camera_taken": "The camera cannot be opened. Another program may be using it: close that, then press again.",
    "call_show_file": "Show a picture",
    "call_drop": "Drop the picture here",
    "call_waiting": "It sees this with your next words",
    "call_shown": "A picture that you showed",
    "call_picture": "A picture that was drawn",
    "call_drawing": "Drawing…",
    "call_no_picture": "“{name}” is no picture that the browser can open. Save it as PNG or JPEG.",
    # what is said, and the time it took
    "call_captions": "What has been said",
    "call_hint": "Just say something, for example",
    "call_hint_1": "Tell me about the moon in two sentences.",
    "call_hint_2": "Draw a red fox in the snow.",
    "call_hint_3": "Or paste a screenshot and ask what it says.",
    "call_cut": "interrupted",
    "call_time": "From the end of your words to the first sound of the answer",
    "call_stage_silence": "Your pause",
    "call_stage_judge": "Was that all?",
    "call_stage_hear": "Hearing",
    "call_stage_write": "First word",
    "call_stage_speak": "Voice",
    "call_stage_wait": "In case you go on",
    "call_stage_carry": "To your ear",
    "call_stage_words": "The answer itself",
    # the same in the details of an answer, under the names that core/call/answer.py keeps them by
    "stage_call silence": "Pause",
    "stage_call judge": "Judging the end",
    "stage_call hear": "Hearing",
    "stage_call write": "First word",
    "stage_call speak": "First sound",
    "stage_call wait": "Waiting",
    "stage_call carry": "Carrying",
    "stage_call total": "Voice to voice",
    "stage_call words": "To the answer itself",
    # choices
    "call_microphone": "Microphone",
    "call_default": "The system's own",
    "call_volume": "Volume",
    "call_push": "Push to talk",
    "call_push_about": "It listens only while you hold a key.",
    "call_transport": "Connection",
    "call_auto": "Automatic",
    "call_by_socket": "Direct",
    "call_by_webrtc": "WebRTC",
    "call_by_socket_about": "Direct: the fastest way on this machine. It works offline and on every page.",
    "call_by_webrtc_about": (
        "WebRTC: for another machine over HTTPS. It evens out a shaky network; no outside server is asked."
    ),
    # what stands in the way
    "call_to_chat": "Record in the chat instead",
    "call_insecure": "Browsers give the microphone to secure pages only, and this one came over plain HTTP.",
    "call_insecure_do": (
        "Open it on the machine it runs on, at http://localhost:{port}, or start it there with "
        "“python start.py --https”. A recorded file can be sent in the chat."
    ),
    "call_denied": "The browser does not let this page use the microphone.",
    "call_denied_chrome": "Press the symbol at the left of the address, switch Microphone on, then try again.",
    "call_denied_edge": "Press the lock at the left of the address, set Microphone to Allow, then try again.",
    "call_denied_firefox": (
        "Press the crossed-out microphone at the left of the address, remove the block, then try again."
    ),
    "call_denied_safari": (
        "In the menu Safari choose Settings for this website, set Microphone to Allow, then try again."
    ),
    "call_denied_system": (
        "The system keeps the microphone from the browser: allow it in the system's privacy settings, then try again."
    ),
    "call_none": "No microphone was found.",
    "call_none_do": "Plug one in, or switch it on in the system's sound settings, then try again.",
    "call_taken": "The microphone cannot be opened.",
    "call_taken_do": (
        "Another program may hold it, such as a meeting. Close that or choose another microphone, then try again."
    ),
    "call_failed": "The call could not be started.",
    "call_unplugged": "“{name}” was unplugged. The call goes on.",
    "call_unplugged_do": "Choose another microphone:",
    "call_unplugged_none": "Plug it in again, or type meanwhile.",
    "call_silenced": "“{name}” was silenced by the system.",
    "call_silenced_do": "Look for a switch on it or a key on the keyboard, or choose another microphone.",
    "call_deaf": "No sound at all comes from “{name}”.",
    "call_deaf_do": "Is it switched off, or is another one the right one?",
    "call_closed": "Parlor does not answer.",
    "call_closed_do": "If it was closed, start it again. What was said is kept, and this page connects by itself.",
    "call_gone": "The call is over: Parlor was closed in the middle of it.",
    "call_gone_do": "What was said until then is kept.",
    "call_busy": "Another call is going on, in another tab or on another device.",
    "call_busy_do": "Only one at a time. You can go on with it here.",
    "call_take": "Take it over",
    "call_moved": "The call went on in another tab.",
    "call_moved_do": "This one has let go of the microphone.",
}
