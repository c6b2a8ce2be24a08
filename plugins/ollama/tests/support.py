"""Helpers that many tests need."""

from __future__ import annotations

import json
from typing import Any
from unittest import TestCase

from wit_world.imports import llm

from errors import Failure
from request import body
from settings import Settings

SETTINGS = Settings.read({}.get)


def text(words: str, extra: str | None = None) -> llm.Part:
    return llm.Part_Text(llm.Text(words, extra))


def message(role: llm.Role, *parts: llm.Part, extra: str | None = None) -> llm.Message:
    return llm.Message(role, list(parts), extra)


def user(*parts: llm.Part, extra: str | None = None) -> llm.Message:
    return message(llm.Role_User(), *parts, extra=extra)


def assistant(*parts: llm.Part) -> llm.Message:
    return message(llm.Role_Assistant(), *parts)


def call(id: str, name: str, input: str = "{}", extra: str | None = None) -> llm.Part:
    return llm.Part_ToolUse(llm.ToolUse(id, name, input, extra))


def result(id: str, *content: llm.ResultPart, is_error: bool = False) -> llm.Part:
    return llm.Part_ToolResult(llm.ToolResult(id, list(content), is_error, None))


def request(*messages: llm.Message, **fields: Any) -> llm.Request:
    empty: dict[str, Any] = dict.fromkeys(
        ["max_tokens", "temperature", "top_p", "top_k", "tool_choice", "native", "extra"]
    )
    known = {"model": "llama3.2", "stop_sequences": [], "tools": []}
    return llm.Request(**{**empty, **known, "messages": list(messages) or [user(text("Hi"))], **fields})


def sent(asked: llm.Request, settings: Settings = SETTINGS, stream: bool = False) -> Any:
    return json.loads(body(asked, settings, stream))


class Case(TestCase):
    """A test case with assertions about failures."""

    maxDiff = None

    def refused(self, asked: llm.Request, kind: type, field: str, settings: Settings = SETTINGS) -> str:
        """The request is refused, and the refusal names the field."""
        with self.assertRaises(Failure) as caught:
            body(asked, settings, False)
        error = caught.exception.error
        self.assertIsInstance(error.kind, kind)
        self.assertEqual(error.field, field)
        self.assertIn(f"`{field}`", error.message)
        return error.message
