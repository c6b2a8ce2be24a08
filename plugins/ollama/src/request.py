"""The contract's request as the body of `POST /api/chat`.

Nothing is set that the caller or the operator didn't set: what a model does by default is its owner's choice.
"""

from __future__ import annotations

import math

from wit_world.imports import llm

from errors import invalid, unsupported
from jsontext import Json, Mismatch, Object, write
from merge import merge
from messages import messages
from settings import Settings


def body(request: llm.Request, settings: Settings, stream: bool) -> str:
    """Writes the body."""
    fields: dict[str, Json] = {"model": request.model, "messages": messages(request.messages), "stream": stream}
    if tools := _tools(request):
        fields["tools"] = tools
    if options := _options(request):
        fields["options"] = options
    if settings.keep_alive is not None:
        fields["keep_alive"] = settings.keep_alive
    merge(fields, request.extra, "extra", within="options")
    return write(fields)


def _options(request: llm.Request) -> dict[str, Json]:
    options: dict[str, Json] = {
        "temperature": _number("temperature", request.temperature),
        "top_p": _number("topP", request.top_p),
        "top_k": request.top_k,
        "num_predict": request.max_tokens,
        "stop": list(request.stop_sequences) or None,
    }
    return {key: value for key, value in options.items() if value is not None}


def _number(field: str, number: float | None) -> float | None:
    """Refuses a number that isn't finite, which JSON can't express."""
    if number is not None and not math.isfinite(number):
        raise invalid(field, "should be a finite number")
    return number


def _tools(request: llm.Request) -> list[Json]:
    """Applies the tool choice. The vendor can't be made to call a tool, but it calls none if it gets none."""
    match request.tool_choice:
        case None | llm.ToolChoice_Auto():
            return [_tool(tool, f"tools[{index}]") for index, tool in enumerate(request.tools)]
        case llm.ToolChoice_None_():
            return []
        case _:
            raise unsupported("toolChoice", "can only be `auto` or `none`: Ollama leaves the choice to the model")


def _tool(tool: llm.Tool, at: str) -> Json:
    try:
        schema = Object.parse(tool.input_schema).fields
    except Mismatch as mismatch:
        raise invalid(f"{at}.inputSchema", mismatch.says) from None
    function: dict[str, Json] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = schema
    fields: dict[str, Json] = {"type": "function", "function": function}
    merge(fields, tool.extra, f"{at}.extra", within="function")
    return fields
