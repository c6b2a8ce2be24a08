"""A streamed answer: lines in, deltas out.

The vendor doesn't number its blocks. A block goes on while lines bring more of the same kind; another kind begins
another block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from wit_world.imports import llm

from answer import Chunk, Ids, finish_reason, is_object, read, tool_use
from errors import Failure, interrupted, no_stream
from jsontext import Joiner, Json, Mismatch, Object, cleaned, extra

_TOLD = ("message", "done", "model", "created_at", "error")
"""Fields of which every object of the vendor's has at least one."""


class Body(Protocol):
    """The methods of a reply that are used here."""

    def next_line(self) -> str | None: ...
    def read_text(self) -> str: ...
    def find_header(self, name: str) -> str | None: ...


class _Kind(Enum):
    THINKING = auto()
    TEXT = auto()


@dataclass
class _Answer:
    """The state of a stream that is being read."""

    ids: Ids
    open: _Kind | None = None
    joiner: Joiner = field(default_factory=Joiner)
    """Joins the open block's characters where the vendor cuts them in two."""
    blocks: int = 0
    calls: int = 0
    reason: str | None = None
    usage: llm.Usage | None = None
    rest: dict[str, Json] = field(default_factory=dict)
    """Fields that the contract has no place for. Each line brings a piece of a list (log probabilities)."""

    def take(self, chunk: Chunk) -> Iterator[llm.Event]:
        """Returns the deltas of one line."""
        yield from self._growing(_Kind.THINKING, chunk.thinking)
        yield from self._growing(_Kind.TEXT, chunk.text)
        for image in chunk.images:
            yield from self._close()
            yield llm.Event_Part(llm.PartDelta(self._whole(), image))
        for call in chunk.tool_calls:
            yield from self._close()
            yield from self._call(tool_use(call, self.calls, self.ids))
        self._say(chunk.rest)
        self.reason = chunk.reason or self.reason
        self.usage = chunk.usage
        if chunk.done:
            yield from self.finish()

    def finish(self) -> Iterator[llm.Event]:
        """Ends the answer."""
        yield from self._close()
        if self.usage is not None:
            yield llm.Event_Usage(self.usage)
        reason = finish_reason(self.reason, called=self.calls > 0)
        yield llm.Event_Finish(llm.Finish(reason, extra(self.rest)))

    def _growing(self, kind: _Kind, text: str) -> Iterator[llm.Event]:
        """Adds text of a kind."""
        if not text:
            return
        if self.open is not kind:
            yield from self._close()
            self.open = kind
            self.blocks += 1
        if text := self.joiner.join(text):
            yield self._piece(kind, text)

    def _close(self) -> Iterator[llm.Event]:
        """Closes the open block."""
        if self.open and (left := self.joiner.rest()):
            yield self._piece(self.open, left)

    def _piece(self, kind: _Kind, text: str) -> llm.Event:
        index = self.blocks - 1
        if kind is _Kind.TEXT:
            return llm.Event_Text(llm.TextDelta(index, text))
        return llm.Event_Thinking(llm.ThinkingDelta(index, text, None))

    def _call(self, tool: llm.ToolUse) -> Iterator[llm.Event]:
        self.calls += 1
        index = self._whole()
        yield llm.Event_ToolUse(llm.ToolUseDelta(index, tool.id, tool.name, tool.input))
        # Arguments that aren't an object can't be sent whole. The host decides once it knows the finish reason.
        arguments = tool.input if tool.input.strip() else "{}"
        if tool.extra is not None and is_object(arguments):
            part = llm.Part_ToolUse(llm.ToolUse(tool.id, tool.name, arguments, tool.extra))
            yield llm.Event_Part(llm.PartDelta(index, part))

    def _whole(self) -> int:
        self.open = None
        self.blocks += 1
        return self.blocks - 1

    def _say(self, rest: dict[str, Json]) -> None:
        for key, value in rest.items():
            said = self.rest.get(key)
            self.rest[key] = said + value if isinstance(said, list) and isinstance(value, list) else value


def deltas(body: Body, question: str, model: str) -> Iterator[list[llm.Delta]]:
    """Yields the deltas of each line that has any. `question` is the body that was sent, `model` the model in it."""
    answer: _Answer | None = None
    while (line := body.next_line()) is not None:
        line = line.strip("\ufeff \t\r")
        if not line:
            continue
        events: list[llm.Event] = []
        if answer is None:
            chunk = _first(line, body)
            answer = _Answer(Ids.of(chunk, question))
            events.append(llm.Event_Start(llm.Start(answer.ids.answer, chunk.model or model, None)))
        else:
            chunk = read(line)
        try:
            for event in answer.take(chunk):
                events.append(event)
        except Failure:
            # Deltas from before the failure come first.
            if events:
                yield _deltas(events)
            raise
        if events:
            yield _deltas(events)
        if chunk.done:
            return
    # A finish reason and a properly ended body end the answer too, without the mark.
    if answer is None or answer.reason is None:
        raise interrupted()
    yield _deltas(list(answer.finish()))


def _first(line: str, body: Body) -> Chunk:
    """The first object. What stands before the vendor may answer with a whole body, which needn't be one line, where a
    stream was asked for."""
    text = line if is_object(line) else f"{line}\n{body.read_text()}"
    try:
        fields = Object.parse(text).fields
    except Mismatch:
        fields = {}
    if not any(key in fields for key in _TOLD):
        raise no_stream(body.find_header("content-type"))
    return read(text, llm.ErrorKind_BadResponse())


def _deltas(events: list[llm.Event]) -> list[llm.Delta]:
    return cleaned([llm.Delta(event, None) for event in events])
