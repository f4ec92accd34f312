"""The words around sound: a call over WebRTC, and recordings whose words can be clicked, in English."""

SOUND: dict[str, str] = {
    # streamlit-webrtc's own component
    "rtc_start": "Connect",
    "rtc_stop": "Pause",
    "rtc_select_device": "Choose the microphone",
    "rtc_media_api_not_available": (
        "This page cannot reach a microphone. On another machine it must be opened with https."
    ),
    "rtc_device_ask_permission": "Allow the microphone in the browser.",
    "rtc_device_not_available": "No microphone was found, or another program has taken it.",
    "rtc_device_access_denied": "The microphone was refused. Allow it beside the address, then connect.",
    "rtc_mute_microphone": "Mute",
    "rtc_unmute_microphone": "Unmute",
    "rtc_select_microphone": "Microphone",
    "rtc_lost": "The connection to this browser was lost. The call waits for you.",
    # recordings
    "heard_words": "Words of the recording: press one to hear it",
}
