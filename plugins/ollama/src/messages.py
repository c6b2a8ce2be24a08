"""The conversation as the vendor's messages.

The vendor's messages are flat: one string, a list of pictures, the thoughts, the tool calls; and what a tool gave is a
message of its own. So one message of the contract may become several of the vendor's, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from wit_world.imports import llm

from errors import invalid, unsupported
from jsontext import Json, Mismatch, Object
from merge import merge

P = TypeVar("P", bound="llm.Part | llm.ResultPart")

_BETWEEN_TEXTS = "\n\n"
"""Separates texts of one message: the vendor takes a single string."""


@dataclass
class _Message:
    """A message of the vendor that is being put together."""

    role: str
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    images: list[Json] = field(default_factory=list)
    tool_calls: list[Json] = field(default_factory=list)

    def fields(self) -> dict[str, Json]:
        fields: dict[str, Json] = {"role": self.role, "content": _BETWEEN_TEXTS.join(self.texts)}
        if self.thoughts:
            fields["thinking"] = _BETWEEN_TEXTS.join(self.thoughts)
        if self.images:
            fields["images"] = self.images
        if self.tool_calls:
            fields["tool_calls"] = self.tool_calls
        return fields


def messages(conversation: Iterable[llm.Message]) -> list[Json]:
    """All messages, in order. The vendor tells tools by name, so the names of calls are kept for their results."""
    tools: dict[str, str] = {}
    every: list[Json] = []
    for index, message in enumerate(conversation):
        every.extend(_message(message, f"messages[{index}]", tools))
    return every


def _message(message: llm.Message, at: str, tools: dict[str, str]) -> list[Json]:
    role = _role(message.role)
    if isinstance(message.role, llm.Role_Assistant) and all(map(_is_empty, message.content)):
        return []
    made: list[dict[str, Json]] = []
    growing: _Message | None = None
    for index, part in _without_empty(message.content):
        place = f"{at}.content[{index}]"
        if isinstance(part, llm.Part_ToolResult):
            if growing:
                made.append(growing.fields())
                growing = None
            made.append(_tool_result(part.value, place, tools))
        else:
            growing = growing or _Message(role)
            _add(growing, part, place, tools)
    if growing:
        made.append(growing.fields())
    if message.extra is not None and len(made) != 1:
        raise unsupported(f"{at}.extra", "can't be sent: this message becomes several of Ollama's")
    for fields in made:
        merge(fields, message.extra, f"{at}.extra")
    return list(made)


def _add(message: _Message, part: llm.Part, at: str, tools: dict[str, str]) -> None:
    match part:
        case llm.Part_Text(text):
            message.texts.append(_text(text, at))
        case llm.Part_Thinking(thinking):
            _no_extra(thinking.extra, at)
            message.thoughts.append(thinking.text)
        case llm.Part_Image(image):
            message.images.append(_image(image, at))
        case llm.Part_ToolUse(tool_use):
            tools[tool_use.id] = tool_use.name
            message.tool_calls.append(_tool_call(tool_use, at))
        case llm.Part_Other(other):
            raise unsupported(at, f"is a block of the kind `{other.kind}`, which Ollama doesn't take")
        case _:
            raise unsupported(at, "is of a kind that Ollama doesn't take")


def _tool_call(tool_use: llm.ToolUse, at: str) -> Json:
    try:
        arguments = Object.parse(tool_use.input).fields
    except Mismatch as mismatch:
        raise invalid(f"{at}.input", mismatch.says) from None
    fields: dict[str, Json] = {"id": tool_use.id, "function": {"name": tool_use.name, "arguments": arguments}}
    merge(fields, tool_use.extra, f"{at}.extra", within="function")
    return fields


def _tool_result(result: llm.ToolResult, at: str, tools: dict[str, str]) -> dict[str, Json]:
    name = tools.get(result.tool_use_id)
    if name is None:
        raise invalid(f"{at}.toolUseId", "should be the id of a tool call earlier in the conversation")
    message = _Message("tool")
    for index, part in _without_empty(result.content):
        place = f"{at}.content[{index}]"
        match part:
            case llm.ResultPart_Text(text):
                message.texts.append(_text(text, place))
            case llm.ResultPart_Image(image):
                message.images.append(_image(image, place))
            case _:
                raise unsupported(place, "is of a kind that Ollama doesn't take")
    fields = message.fields()
    if result.is_error:
        # The vendor has no field for a failed tool, and the model has to know.
        fields["content"] = f"Error: {fields['content']}"
    fields |= {"tool_name": name, "tool_call_id": result.tool_use_id}
    merge(fields, result.extra, f"{at}.extra")
    return fields


def _without_empty(parts: list[P]) -> list[tuple[int, P]]:
    """Returns the parts and their places, without empty texts unless there is nothing else."""
    told = [(index, part) for index, part in enumerate(parts) if not _is_empty(part)]
    return told or list(enumerate(parts))


def _is_empty(part: llm.Part | llm.ResultPart) -> bool:
    return isinstance(part, llm.Part_Text | llm.ResultPart_Text) and not part.value.text.strip()


def _text(text: llm.Text, at: str) -> str:
    _no_extra(text.extra, at)
    return text.text


def _image(image: llm.Image, at: str) -> Json:
    _no_extra(image.extra, at)
    match image.source:
        case llm.ImageSource_Data(data):
            return data.base64
        case _:
            raise unsupported(at, "is a picture by its address: Ollama takes pictures only in the question itself")


def _no_extra(extra: str | None, at: str) -> None:
    if extra is not None:
        raise unsupported(f"{at}.extra", "can't be sent: Ollama's messages are flat and keep nothing with a block")


def _role(role: llm.Role) -> str:
    """Sends a role that isn't known here as it is: the vendor may know it, and its error is clear if it doesn't."""
    match role:
        case llm.Role_System():
            return "system"
        case llm.Role_User():
            return "user"
        case llm.Role_Assistant():
            return "assistant"
        case llm.Role_Other(word):
            return word
