"""The words of the live call, in English and in Chinese side by side; ``ui.i18n.words`` takes them into its table."""

from __future__ import annotations

CALL: dict[str, tuple[str, str]] = {
    "call": ("Call", "通话"),
    # what the call is doing
    "call_idle": ("Let's talk", "聊一聊"),
    "call_idle_about": (
        "Speak as you would to a person, in English or Chinese. You can interrupt at any time. "
        "Nothing you say leaves this machine.",
        "像和人说话一样，中文英文都可以，随时可以打断。你说的一切都不会离开这台电脑。",
    ),
    "call_opening": ("Getting ready…", "正在准备…"),
    "call_opening_about": (
        "The models are being loaded. The first call takes longest.",
        "正在加载模型，第一次通话需要稍久一些。",
    ),
    "call_listening": ("Listening", "我在听"),
    "call_hearing": ("Hearing you", "听到你了"),
    "call_thinking": ("Thinking", "思考中"),
    "call_speaking": ("Speaking", "我在说"),
    "call_held": ("On hold", "已暂停"),
    "call_ended": ("Call ended", "通话已结束"),
    "call_ended_about": ("{time}. The whole call is in your conversations.", "时长 {time}，整个通话已保存在对话中。"),
    "call_muted": ("You are muted", "你已静音"),
    # doing something
    "call_start": ("Start talking", "开始通话"),
    "call_again": ("Call again", "再次通话"),
    "call_open": ("Open the conversation", "打开对话"),
    "call_go_on": ("Go on talking", "继续通话"),
    "call_unblock": ("Press to hear", "点击后开始播放"),
    "call_blocked": ("Press to hear", "点击播放"),
    "call_mute": ("Mute", "静音"),
    "call_unmute": ("Unmute", "取消静音"),
    "call_hang": ("Hang up", "挂断"),
    "call_options": ("Microphone, voices and volume", "麦克风、声音与音量"),
    "call_type": ("Type instead…", "也可以打字…"),
    "call_hold": ("Hold to talk", "按住说话"),
    "call_space": ("Space", "空格"),
    "call_push_now": ("Hold the button or the space bar while you speak.", "说话时请按住按钮或空格键。"),
    "call_on": ("Call in progress", "通话中"),
    "call_back": ("Back to the call", "返回通话"),
    "call_in": ("Goes on in “{title}”", "接着“{title}”继续聊"),
    "call_new": ("Start a new conversation instead", "改为新的对话"),
    # pictures
    "call_camera": ("Camera", "摄像头"),
    "call_camera_take": ("Show this", "给它看"),
    "call_camera_close": ("Close", "关闭"),
    "call_camera_denied": (
        "The browser does not let this page use the camera. Allow it beside the address, then press again.",
        "浏览器不允许此页面使用摄像头。请在地址栏旁允许后再试。",
    ),
    "call_camera_none": (
        "There is no camera. Paste or drop a picture instead.",
        "没有找到摄像头。可以粘贴或拖入图片。",
    ),
    "call_camera_taken": (
        "The camera cannot be opened. Another program may be using it: close that, then press again.",
        "无法打开摄像头，可能正被其他程序占用。请关闭该程序后再试。",
    ),
    "call_show_file": ("Show a picture", "给它看图片"),
    "call_drop": ("Drop the picture here", "把图片放在这里"),
    "call_waiting": ("It sees this with your next words", "随你下一句话一起看"),
    "call_shown": ("A picture that you showed", "你展示的图片"),
    "call_picture": ("A picture that was drawn", "画好的图片"),
    "call_drawing": ("Drawing…", "正在画…"),
    "call_no_picture": (
        "“{name}” is no picture that the browser can open. Save it as PNG or JPEG.",
        "浏览器无法打开图片“{name}”。请另存为 PNG 或 JPEG。",
    ),
    # what is said, and the time it took
    "call_captions": ("What has been said", "通话内容"),
    "call_hint": ("Just say something, for example", "直接说就好，比如"),
    "call_hint_1": ("Tell me about the moon in two sentences.", "用两句话说说月亮。"),
    "call_hint_2": ("Draw a red fox in the snow.", "画一只雪地里的红狐狸。"),
    "call_hint_3": ("Or paste a screenshot and ask what it says.", "也可以粘贴一张截图，问问上面写了什么。"),
    "call_cut": ("interrupted", "被打断"),
    "call_time": (
        "From the end of your words to the first sound of the answer",
        "从你说完到听见回答的时间",
    ),
    "call_stage_silence": ("Your pause", "你停下来"),
    "call_stage_judge": ("Was that all?", "判断是否说完"),
    "call_stage_hear": ("Hearing", "听写"),
    "call_stage_write": ("First word", "想出第一个词"),
    "call_stage_speak": ("Voice", "合成语音"),
    "call_stage_wait": ("In case you go on", "等你是否继续"),
    "call_stage_carry": ("To your ear", "送到耳边"),
    "call_stage_words": ("The answer itself", "正式的回答"),
    # the same in the details of an answer, under the names that core/call/answer.py keeps them by
    "stage_call silence": ("Pause", "停顿"),
    "stage_call judge": ("Judging the end", "判断说完"),
    "stage_call hear": ("Hearing", "听写"),
    "stage_call write": ("First word", "第一个词"),
    "stage_call speak": ("First sound", "第一声"),
    "stage_call wait": ("Waiting", "等待"),
    "stage_call carry": ("Carrying", "传送"),
    "stage_call total": ("Voice to voice", "从说完到听见"),
    "stage_call words": ("To the answer itself", "到正式回答"),
    # choices
    "call_microphone": ("Microphone", "麦克风"),
    "call_default": ("The system's own", "系统默认"),
    "call_volume": ("Volume", "音量"),
    "call_push": ("Push to talk", "按键说话"),
    "call_push_about": ("It listens only while you hold a key.", "只在按住时才听。"),
    "call_transport": ("Connection", "连接方式"),
    "call_auto": ("Automatic", "自动"),
    "call_by_socket": ("Direct", "直连"),
    "call_by_webrtc": ("WebRTC", "WebRTC"),
    "call_by_socket_about": (
        "Direct: the fastest way on this machine. It works offline and on every page.",
        "直连：在本机上最快，可离线使用，切换页面也不中断。",
    ),
    "call_by_webrtc_about": (
        "WebRTC: for another machine over HTTPS. It evens out a shaky network; no outside server is asked.",
        "WebRTC：适合从其他电脑经 HTTPS 使用，能适应不稳定的网络，不经过任何外部服务器。",
    ),
    # what stands in the way
    "call_to_chat": ("Record in the chat instead", "改用聊天中的录音"),
    "call_insecure": (
        "Browsers give the microphone to secure pages only, and this one came over plain HTTP.",
        "浏览器只允许安全页面使用麦克风，而此页面是通过普通 HTTP 打开的。",
    ),
    "call_insecure_do": (
        "Open it on the machine it runs on, at http://localhost:{port}, or start it there with "
        "“python start.py --https”. A recorded file can be sent in the chat.",
        "请在运行 Parlor 的电脑上打开 http://localhost:{port}，或在那台电脑上用“python start.py --https”启动。"
        "也可以在聊天中发送录音文件。",
    ),
    "call_denied": (
        "The browser does not let this page use the microphone.",
        "浏览器不允许此页面使用麦克风。",
    ),
    "call_denied_chrome": (
        "Press the symbol at the left of the address, switch Microphone on, then try again.",
        "点击地址栏左侧的图标，打开“麦克风”，然后重试。",
    ),
    "call_denied_edge": (
        "Press the lock at the left of the address, set Microphone to Allow, then try again.",
        "点击地址栏左侧的锁形图标，将“麦克风”设为“允许”，然后重试。",
    ),
    "call_denied_firefox": (
        "Press the crossed-out microphone at the left of the address, remove the block, then try again.",
        "点击地址栏左侧带斜线的麦克风图标，清除“已阻止”，然后重试。",
    ),
    "call_denied_safari": (
        "In the menu Safari choose Settings for this website, set Microphone to Allow, then try again.",
        "在 Safari 菜单中选择“此网站的设置”，将“麦克风”设为“允许”，然后重试。",
    ),
    "call_denied_system": (
        "The system keeps the microphone from the browser: allow it in the system's privacy settings, then try again.",
        "操作系统禁止浏览器使用麦克风：请在系统的隐私设置中允许，然后重试。",
    ),
    "call_none": ("No microphone was found.", "没有找到麦克风。"),
    "call_none_do": (
        "Plug one in, or switch it on in the system's sound settings, then try again.",
        "请插入麦克风，或在系统声音设置中启用，然后重试。",
    ),
    "call_taken": ("The microphone cannot be opened.", "无法打开麦克风。"),
    "call_taken_do": (
        "Another program may hold it, such as a meeting. Close that or choose another microphone, then try again.",
        "它可能正被会议或录音等程序占用。请关闭该程序或选择其他麦克风，然后重试。",
    ),
    "call_failed": ("The call could not be started.", "无法开始通话。"),
    "call_unplugged": ("“{name}” was unplugged. The call goes on.", "“{name}”已断开，通话仍在继续。"),
    "call_unplugged_do": ("Choose another microphone:", "请选择其他麦克风："),
    "call_unplugged_none": (
        "Plug it in again, or type meanwhile.",
        "请重新插入；在此期间可以打字。",
    ),
    "call_silenced": ("“{name}” was silenced by the system.", "“{name}”被系统静音了。"),
    "call_silenced_do": (
        "Look for a switch on it or a key on the keyboard, or choose another microphone.",
        "请检查麦克风开关或键盘上的静音键，或选择其他麦克风。",
    ),
    "call_deaf": ("No sound at all comes from “{name}”.", "“{name}”没有任何声音。"),
    "call_deaf_do": (
        "Is it switched off, or is another one the right one?",
        "它是否关闭了？或者应该选择另一个麦克风？",
    ),
    "call_closed": ("Parlor does not answer.", "Parlor 没有响应。"),
    "call_closed_do": (
        "If it was closed, start it again. What was said is kept, and this page connects by itself.",
        "如果它已关闭，请重新启动。说过的内容都已保存，此页面会自动重新连接。",
    ),
    "call_gone": ("The call is over: Parlor was closed in the middle of it.", "通话已结束：Parlor 中途被关闭了。"),
    "call_gone_do": ("What was said until then is kept.", "在那之前说过的内容都已保存。"),
    "call_busy": ("Another call is going on, in another tab or on another device.", "另一个标签页或设备正在通话。"),
    "call_busy_do": ("Only one at a time. You can go on with it here.", "同一时间只能有一个通话，你可以在这里接着聊。"),
    "call_take": ("Take it over", "在这里继续"),
    "call_moved": ("The call went on in another tab.", "通话已转到另一个标签页。"),
    "call_moved_do": ("This one has let go of the microphone.", "此页面已释放麦克风。"),
}
