"""Errors of a model that cannot be opened, in both languages.

``install_again`` is for models that Parlor itself fetches whole, ``check_files`` for folders that may be the person's.
"""

from __future__ import annotations

from core.errors import EngineFailed


def install_again(name: str, error: Exception) -> EngineFailed:
    return EngineFailed(
        f"{name} cannot be opened: {error}. Remove the model and install it again.",
        f"无法打开 {name}：{error}。请删除该模型后重新安装。",
    )


def check_files(name: str, error: Exception) -> EngineFailed:
    return EngineFailed(
        f"{name} cannot be opened: {error}. Check its files with `python start.py models verify`.",
        f"无法打开 {name}：{error}。请用 `python start.py models verify` 校验其文件。",
    )
