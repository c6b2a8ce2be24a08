"""A streamed answer: lines in, deltas out.

The vendor doesn't number its blocks. A block goes on while lines bring more of the same kind; another kind begins
another block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

from wit_world.imports import llm

from answer import Chunk, Ids, finish_reason, read, tool_use
from errors import interrupted
from jsontext import Json, extra


class _Kind(Enum):
    THINKING = auto()
    TEXT = auto()


@dataclass
class _Answer:
    """What has been told so far."""

    ids: Ids
    open: _Kind | None = None
    blocks: int = 0
    calls: int = 0
    rest: dict[str, Json] = field(default_factory=dict)
    """What the vendor said beyond the contract. Of lists (log probabilities) every line brings a piece."""

    def take(self, chunk: Chunk) -> Iterator[llm.Event]:
        """What one line tells."""
        if chunk.thinking:
            yield llm.Event_Thinking(llm.ThinkingDelta(self._growing(_Kind.THINKING), chunk.thinking, None))
        if chunk.text:
            yield llm.Event_Text(llm.TextDelta(self._growing(_Kind.TEXT), chunk.text))
        for image in chunk.images:
            yield llm.Event_Part(llm.PartDelta(self._whole(), image))
        for call in chunk.tool_calls:
            tool = tool_use(call, self.calls, self.ids)
            self.calls += 1
            index = self._whole()
            yield llm.Event_ToolUse(llm.ToolUseDelta(index, tool.id, tool.name, tool.input))
            if tool.extra is not None:
                yield llm.Event_Part(llm.PartDelta(index, llm.Part_ToolUse(tool)))
        self._say(chunk.rest)
        if chunk.done:
            yield llm.Event_Usage(chunk.usage)
            reason = finish_reason(chunk.reason, called=self.calls > 0)
            yield llm.Event_Finish(llm.Finish(reason, extra(self.rest)))

    def _growing(self, kind: _Kind) -> int:
        if self.open is not kind:
            self.open = kind
            self.blocks += 1
        return self.blocks - 1

    def _whole(self) -> int:
        self.open = None
        self.blocks += 1
        return self.blocks - 1

    def _say(self, rest: dict[str, Json]) -> None:
        for key, value in rest.items():
            said = self.rest.get(key)
            self.rest[key] = said + value if isinstance(said, list) and isinstance(value, list) else value


def deltas(lines: Iterator[str], question: str, model: str) -> Iterator[list[llm.Delta]]:
    """The deltas of each line that tells something. `question` is the body that was sent, `model` the one it names."""
    answer: _Answer | None = None
    for line in lines:
        if not line.strip():
            continue
        chunk = read(line)
        events: list[llm.Event] = []
        if answer is None:
            answer = _Answer(Ids.of(chunk, question))
            events.append(llm.Event_Start(llm.Start(answer.ids.answer, chunk.model or model, None)))
        events += answer.take(chunk)
        if events:
            yield [llm.Delta(event, None) for event in events]
        if chunk.done:
            return
    raise interrupted()
