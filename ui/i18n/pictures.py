"""The words around drawn pictures and what they are drawn with, in English and in Chinese."""

from __future__ import annotations

PICTURES: dict[str, tuple[str, str]] = {
    "variations": ("Variations", "更多变化"),
    "repaint": ("Change the prompt", "修改提示词"),
    "redraw": ("Draw again", "重新画"),
    "stage_prompt": ("Writing the prompt", "撰写提示词"),
    "doing_prompt": ("Writing the prompt…", "正在撰写提示词…"),
    "p_steps": ("{count} steps", "{count} 步"),
    "p_guidance": ("guidance {value}", "引导 {value}"),
    "p_seed": ("seed {seed}", "种子 {seed}"),
    "p_save": ("Save the picture, with how it was made", "保存图片（含生成信息）"),
    "p_prompt": ("Prompt", "提示词"),
    "p_negative": ("What it should not show", "不希望出现的内容"),
    "p_steps_label": ("Steps", "步数"),
    "p_guidance_label": ("Guidance", "引导强度"),
    "p_draw": ("Draw", "画"),
    "s_pictures": ("Pictures", "图片"),
    "s_paint_size": ("Size", "尺寸"),
    "s_paint_own": ("The model's own", "模型默认"),
    "s_paint_steps": ("Steps (0: the model's own)", "步数（0 为模型默认）"),
    "s_paint_guidance": ("Guidance (-1: the model's own)", "引导强度（-1 为模型默认）"),
    "s_paint_guidance_help": (
        "How closely a picture follows its prompt. Turbo models need none.",
        "图片贴近提示词的程度。Turbo 模型无需引导。",
    ),
    "s_paint_style": ("Style", "风格"),
    "s_paint_no_style": ("None", "无"),
    "s_enhance": ("Write the prompt for me", "帮我写提示词"),
    "s_enhance_help": (
        "The chat model turns a short or Chinese wish into an English prompt with more to see in it. "
        "You see the prompt, and can change it.",
        "对话模型会把简短的或中文的愿望写成更具体的英文提示词。提示词会显示出来，也可以修改。",
    ),
    "s_reference": ("Voice of a recording", "参考声音"),
    "s_reference_none": ("The model's own voice", "模型自带声音"),
    "s_reference_add": ("Add a voice", "添加声音"),
    "s_reference_about": (
        "A model that can (XTTS) speaks in the voice of a recording, 6 to 30 seconds of one person. "
        "Nothing of it leaves this machine.",
        "支持的模型（XTTS）可以用录音中的声音说话：一个人的 6 到 30 秒录音。录音不会离开这台电脑。",
    ),
    "s_reference_name": ("Name", "名称"),
    "s_reference_file": ("Recording", "录音"),
    "s_reference_consent": (
        "This is my own voice, or its owner has agreed that I use it here.",
        "这是我自己的声音，或声音的主人已同意我在此使用。",
    ),
    "s_reference_save": ("Save the voice", "保存声音"),
    "s_reference_remove": ("Remove this voice", "删除此声音"),
    "s_gpu": ("GPU memory for models (GB)", "模型可用显存（GB）"),
    "s_gpu_help": ("0 is nine tenths of what was free when Parlor started.", "0 表示启动时空闲显存的九成。"),
    "s_keep": ("Keep idle models loaded (minutes)", "空闲模型保持加载（分钟）"),
    "s_keep_help": (
        "0 keeps them as long as there is room. An unloaded model takes a moment to come back.",
        "0 表示只要有空间就一直保持。卸载的模型再次使用时需要片刻加载。",
    ),
    "s_speaker": ("Speaker", "说话人"),
}
