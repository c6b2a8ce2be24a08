"""One object of the vendor's answer: the whole of a plain one, or a line of a streamed one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wit_world.imports import llm

from errors import broken, in_band, interrupted
from jsontext import Json, Mismatch, Object, cleaned, extra, write

_COUNTED = ("_count", "_duration")
"""The endings of the names of counts. Durations are in nanoseconds."""

_MEDIA_TYPES = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif", "UklGR": "image/webp"}
"""The first base64 characters of each type of picture. The vendor doesn't name the type."""


@dataclass(frozen=True)
class Ids:
    """IDs for answers and calls: the vendor gives none.

    A component's random numbers may be the same in every run. The vendor's clock never is: its answers say to the
    nanosecond when they were made. So the same answer has the same names, and any other has others.
    """

    digest: str

    @classmethod
    def of(cls, chunk: Chunk, question: str) -> Ids:
        """For the first object that came back. Where something in between drops the time, the body that was sent and
        the words that came have to do."""
        made_at = chunk.rest.get("created_at")
        made_of = [chunk.model, made_at] if made_at else [question, chunk.thinking, chunk.text]
        return cls(hashlib.sha256(write(list(made_of)).encode()).hexdigest()[:24])

    @property
    def answer(self) -> str:
        """Returns the ID of the answer."""
        return f"ollama-{self.digest}"

    def call(self, index: int) -> str:
        """Returns the ID of a tool call."""
        return f"call_{self.digest}_{index}"


@dataclass
class Chunk:
    """The content of one object."""

    model: str | None
    thinking: str
    text: str
    images: list[llm.Part]
    tool_calls: list[Object]
    done: bool
    reason: str | None
    usage: llm.Usage
    rest: dict[str, Json]
    """Fields that the contract has no place for."""


def read(text: str, otherwise: llm.ErrorKind | None = None) -> Chunk:
    """Reads one object. `otherwise` is the kind of an error that is only a message."""
    try:
        fields = Object.parse(text)
        if fields.fields.get("error") is not None:
            raise in_band(fields, otherwise)
        return _chunk(fields)
    except Mismatch as mismatch:
        raise broken(mismatch) from None


def complete(body: str, question: str, model: str) -> llm.Completion:
    """Reads the body of an answer that isn't streamed."""
    chunk = read(body)
    if not chunk.done and not chunk.reason:
        raise interrupted()
    ids = Ids.of(chunk, question)
    parts: list[llm.Part] = []
    if chunk.thinking:
        parts.append(llm.Part_Thinking(llm.Thinking(chunk.thinking, None, None)))
    if chunk.text:
        parts.append(llm.Part_Text(llm.Text(chunk.text, None)))
    parts += chunk.images
    calls = [tool_use(call, index, ids) for index, call in enumerate(chunk.tool_calls)]
    reason = finish_reason(chunk.reason, called=bool(calls))
    parts += [_whole(call, reason, last=call is calls[-1]) for call in calls]
    completion = llm.Completion(
        id=ids.answer,
        model=chunk.model or model,
        parts=parts,
        finish_reason=reason,
        usage=chunk.usage,
        native=None,
        extra=extra(chunk.rest),
    )
    return cleaned(completion)


def tool_use(call: Object, index: int, ids: Ids) -> llm.ToolUse:
    """A tool call. `type` and `index` are left out where they say what is said already. The arguments may be no object
    yet: where the answer was cut off in them, they are what came of their text."""
    try:
        function = call.object("function")
        name = function.text("name") if function else None
        if function is None or name is None:
            raise Mismatch(f"{call.at}.function.name", "should be a string, but is missing")
        arguments = function.take("arguments")
        if function.fields.get("index") == index:
            function.take("index")
        if call.fields.get("type") == "function":
            call.take("type")
        id = call.text("id") or ids.call(index)
    except Mismatch as mismatch:
        raise broken(mismatch) from None
    rest = call.rest()
    if function.rest():
        rest["function"] = function.rest()
    # Gateways may give the arguments as text.
    text = "" if arguments is None else arguments if isinstance(arguments, str) else write(arguments)
    return llm.ToolUse(id, name, text, extra(rest))


def is_object(text: str) -> bool:
    """Returns true if this is the text of a JSON object."""
    try:
        Object.parse(text)
    except Mismatch:
        return False
    return True


def finish_reason(word: str | None, called: bool) -> llm.FinishReason:
    """Returns the finish reason. The vendor also says `stop` for a stop sequence and a tool call, and old versions say
    nothing."""
    match word:
        case "length":
            return llm.FinishReason_MaxTokens()
        case None | "" | "stop":
            return llm.FinishReason_ToolUse() if called else llm.FinishReason_EndTurn()
        case "tool_calls":
            if not called:
                raise broken(Mismatch("done_reason", "is `tool_calls`, but there is no tool call"))
            return llm.FinishReason_ToolUse()
        case _:
            return llm.FinishReason_Other(word)


def _whole(call: llm.ToolUse, reason: llm.FinishReason, last: bool) -> llm.Part:
    """A call with arguments that are an object; or, if the answer was cut off in them, with what came of their text. In
    a stream the host decides on this."""
    given = bool(call.input.strip())
    if not given and not (last and isinstance(reason, llm.FinishReason_MaxTokens)):
        return llm.Part_ToolUse(llm.ToolUse(call.id, call.name, "{}", call.extra))
    if given and is_object(call.input):
        return llm.Part_ToolUse(call)
    if isinstance(reason, llm.FinishReason_EndTurn | llm.FinishReason_ToolUse):
        raise broken(Mismatch("message.tool_calls", "should have an object as arguments"))
    came: dict[str, Json] = {"id": call.id, "name": call.name, "input": call.input}
    if call.extra is not None:
        came["extra"] = Object.parse(call.extra).fields
    return llm.Part_Other(llm.OtherPart("incomplete_tool_use", write(came)))


def _chunk(fields: Object) -> Chunk:
    model = fields.text("model")
    message = fields.object("message") or Object({}, "message")
    if message.fields.get("role") == "assistant":
        message.take("role")
    thinking = message.text("thinking") or ""
    text = message.text("content") or ""
    images = [_image(image, f"message.images[{index}]") for index, image in enumerate(message.values("images"))]
    tool_calls = message.objects("tool_calls")
    done = fields.flag("done") or False
    reason = fields.text("done_reason")
    usage = _usage(fields)
    rest = fields.rest()
    if message.rest():
        rest["message"] = message.rest()
    return Chunk(model, thinking, text, images, tool_calls, done, reason, usage, rest)


def _usage(fields: Object) -> llm.Usage:
    asked = fields.count("prompt_eval_count")
    answered = fields.count("eval_count")
    counted = {key: fields.take(key) for key in list(fields.rest()) if key.endswith(_COUNTED)}
    return llm.Usage(asked, answered, None, None, None, extra(counted))


def _image(base64: Json, at: str) -> llm.Part:
    if not isinstance(base64, str):
        raise Mismatch(at, "should be a string")
    types = (media_type for start, media_type in _MEDIA_TYPES.items() if base64.startswith(start))
    media_type = next(types, "application/octet-stream")
    return llm.Part_Image(llm.Image(llm.ImageSource_Data(llm.ImageData(media_type, base64)), None))
