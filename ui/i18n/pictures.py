"""The words around drawn pictures and what they are drawn with, in English."""

from __future__ import annotations

PICTURES: dict[str, str] = {
    "variations": "Variations",
    "repaint": "Change the prompt",
    "redraw": "Draw again",
    "stage_prompt": "Writing the prompt",
    "doing_prompt": "Writing the prompt…",
    "p_steps": "{count} steps",
    "p_guidance": "guidance {value}",
    "p_seed": "seed {seed}",
    "p_save": "Save the picture, with how it was made",
    "p_prompt": "Prompt",
    "p_negative": "What it should not show",
    "p_steps_label": "Steps",
    "p_guidance_label": "Guidance",
    "p_draw": "Draw",
    "s_pictures": "Pictures",
    "s_paint_size": "Size",
    "s_paint_own": "The model's own",
    "s_paint_steps": "Steps (0: the model's own)",
    "s_paint_guidance": "Guidance (-1: the model's own)",
    "s_paint_guidance_help": "How closely a picture follows its prompt. Turbo models need none.",
    "s_paint_style": "Style",
    "s_paint_no_style": "None",
    "s_enhance": "Write the prompt for me",
    "s_enhance_help": (
        "The chat model turns a short or Chinese wish into an English prompt with more to see in it. "
        "You see the prompt, and can change it."
    ),
    "s_reference": "Voice of a recording",
    "s_reference_none": "The model's own voice",
    "s_reference_add": "Add a voice",
    "s_reference_about": (
        "A model that can (XTTS) speaks in the voice of a recording, 6 to 30 seconds of one person. "
        "Nothing of it leaves this machine."
    ),
    "s_reference_name": "Name",
    "s_reference_file": "Recording",
    "s_reference_consent": "This is my own voice, or its owner has agreed that I use it here.",
    "s_reference_save": "Save the voice",
    "s_reference_remove": "Remove this voice",
    "s_gpu": "GPU memory for models (GB)",
    "s_gpu_help": "0 is nine tenths of what was free when Parlor started.",
    "s_keep": "Keep idle models loaded (minutes)",
    "s_keep_help": "0 keeps them as long as there is room. An unloaded model takes a moment to come back.",
    "s_speaker": "Speaker",
}
