"""The two languages of the site: the words of its frame, and the Chinese of what the description of the API says in English."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SITE = REPOSITORY / "docs" / "site"


class SiteError(Exception):
    """What is wrong with the sources."""


@dataclass(frozen=True)
class Language:
    """`key` is the directory, `code` for HTML, `django` that of the translations; `says` are the words of the frame by name."""

    key: str
    code: str
    django: str
    shown: str
    says: Mapping[str, str]


EN = Language("en", "en", "en", "English", {
    "name": "Yuefu API", "skip": "Skip to the content", "contents": "Contents",
    "begin": "Begin", "guides": "Guides", "concepts": "Concepts", "reference": "Reference",
    "routes": "All routes", "objects": "Objects", "errors": "Errors", "find": "Find",
    "routes_about": "Every address of the API, made from its description,", "objects_about": "What is sent and what is answered.",
    "errors_about": "Every problem has a stable code; `type` is the address of its page. The same"
    " request can only succeed later by itself where it is *retryable*.",
    "scope": "Scope", "any": "any key", "keyed": "needs an Idempotency-Key", "may_key": "takes an Idempotency-Key",
    "parameters": "Parameters", "body": "Body", "answer": "Answer", "problems": "Problems", "example": "Example", "file": "a file",
    "member": "Member", "type": "Type", "about": "Meaning", "required": "required", "where": "In", "code": "Code", "status": "Status",
    "advice": "What to do", "retryable": "Retryable", "yes": "yes", "no": "no", "title": "Title", "no_members": "No members: {}.",
    "default": "usually", "array": "list of {}", "map": "texts by name", "or": " or ", "browser": "browsers may ask it with a publishable key",
})  # fmt: skip
ZH = Language("zh", "zh-Hans", "zh-hans", "中文", {
    "name": "月付 API", "skip": "跳到正文", "contents": "目录",
    "begin": "入门", "guides": "指南", "concepts": "概念", "reference": "参考",
    "routes": "全部接口", "objects": "对象", "errors": "错误码", "find": "查找",
    "routes_about": "API 的全部地址，由接口描述文件生成：", "objects_about": "请求体与返回体的全部对象。",
    "errors_about": "每个问题都有稳定的代码，`type` 是说明页的地址。只有标明“可重试”的，才可能在原样重发后自行成功。",
    "scope": "权限", "any": "任何密钥", "keyed": "必须带 Idempotency-Key", "may_key": "可带 Idempotency-Key",
    "parameters": "参数", "body": "请求体", "answer": "返回", "problems": "可能的问题", "example": "示例", "file": "文件",
    "member": "成员", "type": "类型", "about": "含义", "required": "必填", "where": "位置", "code": "代码", "status": "状态码",
    "advice": "如何处理", "retryable": "可重试", "yes": "是", "no": "否", "title": "标题", "no_members": "没有成员：{}。",
    "default": "默认", "array": "{} 的列表", "map": "名称到文本的映射", "or": " 或 ", "browser": "浏览器可用可公开密钥调用",
})  # fmt: skip
LANGUAGES = (EN, ZH)

_PATTERNS = (
    (re.compile(r"The id of an? .+: only older ones\."), "一个对象的编号：只返回比它更早的。"),
    (re.compile(r"The id of an? .+: only newer ones, those next to it\."), "一个对象的编号：只返回比它更新、且紧邻它的。"),
    (re.compile(r"A page of .+, newest first\."), "列表的一页，最新的在前。"),
)


class Wording:
    """What a text of the description is in a language. Whatever has no Chinese is kept in `missing`, and no site is built then."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self.missing: set[str] = set()
        self._known = json.loads((SITE / "zh" / "reference.json").read_text("utf-8")) if language is ZH else {}

    def __call__(self, text: str) -> str:
        text = " ".join(text.split())
        if self.language is EN or not text:
            return text
        known = self._known.get(text) or next((chinese for pattern, chinese in _PATTERNS if pattern.fullmatch(text)), None)
        if known is None:
            self.missing.add(text)
        return known or text
