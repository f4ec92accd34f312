"""The words around sound: a call over WebRTC, and recordings whose words can be clicked. English and Chinese."""

SOUND: dict[str, tuple[str, str]] = {
    # streamlit-webrtc's own component
    "rtc_start": ("Connect", "接通"),
    "rtc_stop": ("Pause", "暂停"),
    "rtc_select_device": ("Choose the microphone", "选择麦克风"),
    "rtc_media_api_not_available": (
        "This page cannot reach a microphone. On another machine it must be opened with https.",
        "此页面无法使用麦克风。在其他设备上须通过 https 打开。",
    ),
    "rtc_device_ask_permission": ("Allow the microphone in the browser.", "请在浏览器中允许使用麦克风。"),
    "rtc_device_not_available": (
        "No microphone was found, or another program has taken it.",
        "没有找到麦克风，或麦克风正被其他程序占用。",
    ),
    "rtc_device_access_denied": (
        "The microphone was refused. Allow it beside the address, then connect.",
        "麦克风权限被拒绝。请在地址栏旁允许后再接通。",
    ),
    "rtc_mute_microphone": ("Mute", "静音"),
    "rtc_unmute_microphone": ("Unmute", "取消静音"),
    "rtc_select_microphone": ("Microphone", "麦克风"),
    "rtc_lost": (
        "The connection to this browser was lost. The call waits for you.",
        "与此浏览器的连接已断开，通话正在等你回来。",
    ),
    # recordings
    "heard_words": ("Words of the recording: press one to hear it", "录音中的词语：点按即可从该处播放"),
}
