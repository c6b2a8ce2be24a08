"""What providers for Arete in Python share. A provider maps a question to its vendor's words, and the vendor's words to an
answer: see `Provider`. The exchange itself, refusals, streams and their ends are here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import config, http, llm

from .jsontext import Joiner, Json, Mismatch, Object, cleaned, write

__all__ = [
    "Deltas", "Json", "Object", "Provider", "Question", "Stream",
    "at_fault", "bad", "failure", "finish", "info", "llm", "only", "setting", "text_part", "texts", "usage",
]  # fmt: skip

T = TypeVar("T")


@dataclass
class Question:
    """A request to the vendor."""

    path: str
    """What follows the operator's setting `base-url`."""
    body: dict[str, Json]
    """Sent as JSON, with the fields that the caller gave under `extra`."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent beside those that say what kind of text is sent and taken. Keys are the host's to add."""


def told(call: Callable[..., T]) -> Callable[..., T]:
    """Makes every exception the contract's error: any other that gets out is a crash of the component."""

    @wraps(call)
    def within(*arguments: Any) -> T:
        try:
            return cleaned(call(*arguments))
        except Err as err:
            # Ours, or the host's: the question could not be sent, or its answer not be read.
            error = err.value if isinstance(err.value, llm.ProviderError) else _unanswered(err.value)
        except Mismatch as mismatch:
            error = bad(str(mismatch)).value
        except Exception as bug:
            error = failure(llm.ErrorKind_Other("plugin"), f"The plugin has a mistake in it: {bug!r}").value
        raise Err(cleaned(error))

    return within


class Provider(exports.Chat):
    """Maps between the contract and one vendor's API. The class `Chat` of a provider extends it."""

    def info(self) -> llm.Info:
        """Says what the provider is. Settings that are wrong are best told here."""
        raise NotImplementedError

    def ask(self, request: llm.Request, stream: bool) -> Question:
        """Puts a question into the vendor's words."""
        raise NotImplementedError

    def answer(self, said: Object) -> llm.Completion:
        """Reads a whole answer."""
        raise NotImplementedError

    def event(self, said: Object, stream: Stream) -> None:
        """Reads one event of a streamed answer, and tells what it means to the stream."""
        raise NotImplementedError

    def reason(self, said: Object) -> str | None:
        """Finds the vendor's own words in the body of a refusal."""
        raise NotImplementedError

    @told
    def describe(self) -> llm.Info:
        return self.info()

    @told
    def complete(self, request: llm.Request) -> llm.Completion:
        with _ask(self, request, stream=False) as reply:
            return self.answer(Object.parse(reply.read_text()))

    @told
    def open_stream(self, request: llm.Request) -> Deltas:
        """Returns when the vendor has accepted the question; the answer then comes by `Deltas.next`."""
        return Deltas(Stream(self, request.model).steps(_ask(self, request, stream=True)))


class Deltas(exports.chat.Deltas):
    """A streamed answer in the host's hands."""

    def __init__(self, steps: Iterator[list[llm.Event]]) -> None:
        self._steps = steps

    @told
    def next(self) -> list[llm.Delta]:
        """What is new. Nothing means the end, and is said only after the vendor has said so."""
        return [llm.Delta(event, None) for event in next(self._steps, [])]


class Stream:
    """A streamed answer, to which a vendor's mapping tells what its events mean."""

    def __init__(self, provider: Provider, model: str) -> None:
        self._provider = provider
        self._model = model
        self._told: list[llm.Event] = []
        self._begun = self._done = False
        self._usage: llm.Usage | None = None
        self._finish: llm.FinishReason | None = None
        # A vendor may cut a character in two.
        self._joiners: dict[int, Joiner] = {}

    def start(self, id: str, model: str) -> None:
        """Tells the id and the model of the answer, where the vendor names them. Otherwise it begins with its first event."""
        if not self._begun:
            self._begun = True
            self._told.append(llm.Event_Start(llm.Start(id, model, None)))

    def text(self, index: int, piece: str | None) -> None:
        """Tells more of a block of text."""
        self._text(index, self._joiners.setdefault(index, Joiner()).join(piece or ""))

    def tell(self, event: llm.Event) -> None:
        """Tells any event of the contract."""
        self.start("", self._model)
        self._told.append(event)

    def usage(self, usage: llm.Usage) -> None:
        """Tells what the answer cost so far."""
        self._usage = usage

    def finish(self, reason: llm.FinishReason) -> None:
        """Tells why the answer stops. The end of the body is its end then."""
        self._finish = reason

    def done(self) -> None:
        """Tells that the vendor's mark of the end has come."""
        self._done = True

    def steps(self, reply: http.Reply) -> Iterator[list[llm.Event]]:
        with reply:
            for data in _heard(self._provider, reply):
                try:
                    said = Object.parse(data)
                except Mismatch:
                    if self._finish is None:
                        raise
                    break  # Some vendors end with a word, such as [DONE].
                self._provider.event(said, self)
                self.start("", self._model)
                if self._done:
                    break
                yield self._take()
        # A reason and a body that has ended properly are an end, too.
        if self._finish is None and not self._done:
            raise failure(llm.ErrorKind_Interrupted(), "The vendor's answer broke off.")
        for index, joiner in self._joiners.items():
            self._text(index, joiner.rest())
        if self._usage is not None:
            self.tell(llm.Event_Usage(self._usage))
        self.tell(llm.Event_Finish(llm.Finish(self._finish or finish({}, None), None)))
        yield self._take()

    def _text(self, index: int, text: str) -> None:
        if text:
            self.tell(llm.Event_Text(llm.TextDelta(index, text)))

    def _take(self) -> list[llm.Event]:
        taken, self._told = self._told, []
        return taken


def _heard(provider: Provider, reply: http.Reply) -> Iterator[str]:
    """The data of the vendor's events. What stands before the vendor answers with a whole body, under any content type, where
    a stream was asked for, and no event would be in it: so the first one is read line by line."""
    data: list[str] = []
    begun = False
    while (line := reply.next_line()) is not None:
        if not begun:
            line = line.lstrip("\ufeff \t\r")
            begun = line != ""
            if line.startswith(("{", "[", "<", '"')):
                raise _no_stream(provider, f"{line}\n{reply.read_text()}")
        line = line.rstrip("\r")
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            break
    if data:
        yield "\n".join(data)
    while events := reply.next_events():
        yield from (event.data for event in events)


def _no_stream(provider: Provider, body: str) -> Err[llm.ProviderError]:
    # Of a kind that isn't tried again: the vendor names none.
    said = _reason(provider, body)
    return failure(llm.ErrorKind_BadResponse(), said) if said else bad("a stream was asked for, and none came")


def _reason(provider: Provider, body: str) -> str | None:
    """The vendor's words in a body, of which nothing is certain."""
    try:
        return provider.reason(Object.parse(body))
    except Mismatch:
        return None


def _ask(provider: Provider, request: llm.Request, stream: bool) -> http.Reply:
    """Sends a question. What comes back has been accepted; a refusal is an error."""
    question = provider.ask(request, stream)
    accept = "text/event-stream" if stream else "application/json"
    headers = {"content-type": "application/json", "accept": accept, **question.headers}
    url = setting("base-url").rstrip("/") + question.path
    sent = [http.Header(name, value) for name, value in headers.items()]
    reply = http.send(http.HttpRequest("POST", url, sent, http.Body_Text(_body(request, question.body))))
    if 200 <= reply.status() <= 299:
        return reply
    with reply:
        raise _refusal(provider, reply)


def _body(request: llm.Request, own: dict[str, Json]) -> str:
    """The text of a question, with the fields that only the vendor knows: callers give them under `extra`."""
    try:
        extra = Object.parse(request.extra or "{}").fields
    except Mismatch as mismatch:
        raise at_fault(llm.ErrorKind_InvalidRequest(), "extra", mismatch.says) from None
    for key in extra:
        if key in own:
            raise at_fault(llm.ErrorKind_InvalidRequest(), f"extra.{key}", "has a field of its own")
    return write({**own, **extra})


KINDS: dict[int, llm.ErrorKind] = {
    401: llm.ErrorKind_Credentials(),
    402: llm.ErrorKind_Billing(),
    403: llm.ErrorKind_Credentials(),
    404: llm.ErrorKind_NotFound(),
    408: llm.ErrorKind_Timeout(),
    413: llm.ErrorKind_TooLarge(),
    429: llm.ErrorKind_RateLimited(),
    503: llm.ErrorKind_Overloaded(),
    504: llm.ErrorKind_Timeout(),
    529: llm.ErrorKind_Overloaded(),
}


def _refusal(provider: Provider, reply: http.Reply) -> Err[llm.ProviderError]:
    """An answer with a status that isn't a success. Its body may be anything: what stands before the vendor may answer
    with a page of its own."""
    status = reply.status()
    kind: llm.ErrorKind
    if status in KINDS:
        kind = KINDS[status]
    elif 400 <= status <= 499:
        kind = llm.ErrorKind_InvalidRequest()
    else:
        kind = llm.ErrorKind_VendorFailed() if 500 <= status else llm.ErrorKind_BadResponse()
    try:
        said = _reason(provider, reply.read_text())
    except Err:
        said = None  # Its words can't be read: it is still that refusal.
    err = failure(kind, said or f"The vendor answered HTTP {status} without a reason.")
    err.value.status = status
    if (advice := reply.find_header("x-should-retry")) is not None:
        err.value.extra = write({"x-should-retry": advice[:100]})  # The host follows it.
    seconds = reply.find_header("retry-after")
    if seconds is not None and seconds.isascii() and seconds.isdigit():
        err.value.retry_after_ms = min(int(seconds[:9]) * 1000, 2**32 - 1)
    return err


def _unanswered(error: http.HttpError) -> llm.ProviderError:
    """What kept the question from being sent, or its answer from being read."""
    kind: llm.ErrorKind
    match error:
        case http.HttpError_Denied():
            kind = llm.ErrorKind_Denied()
        case http.HttpError_Invalid():
            kind = llm.ErrorKind_InvalidRequest()
        case http.HttpError_Connection():
            kind = llm.ErrorKind_Connection()
        case http.HttpError_Timeout():
            kind = llm.ErrorKind_Timeout()
        case http.HttpError_Interrupted():
            kind = llm.ErrorKind_Interrupted()
        case http.HttpError_TooLarge() | http.HttpError_NotText():
            kind = llm.ErrorKind_BadResponse()
        case _:
            kind = llm.ErrorKind_Other("http")
    return failure(kind, error.value).value


def only(request: llm.Request, *known: str) -> None:
    """Refuses a question that has fields beyond its model, its messages and those that are named, such as `maxTokens`. An
    answer that passed over half of the question would be worse than none."""
    given = {
        "maxTokens": request.max_tokens is not None,
        "temperature": request.temperature is not None,
        "topP": request.top_p is not None,
        "topK": request.top_k is not None,
        "stopSequences": request.stop_sequences != [],
        "tools": request.tools != [],
    }
    for name, is_given in given.items():
        if is_given and name not in known:
            raise _unsupported(name)


ROLES: dict[type, str] = {llm.Role_System: "system", llm.Role_User: "user", llm.Role_Assistant: "assistant"}


def texts(request: llm.Request) -> list[Json]:
    """The messages of a question as objects with a `role` and the text as `content`, for a vendor that takes nothing else.
    Answers without words, which vendors refuse, are left out."""
    messages: list[Json] = []
    for index, message in enumerate(request.messages):
        role = ROLES.get(type(message.role))
        if role is None:
            raise _unsupported(f"messages[{index}].role")
        content = ""
        for part in message.content:
            if not isinstance(part, llm.Part_Text):
                raise _unsupported(f"messages[{index}].content")
            content += part.value.text
        if role != "assistant" or content.strip():
            messages.append({"role": role, "content": content})
    return messages


def _unsupported(field: str) -> Err[llm.ProviderError]:
    return at_fault(llm.ErrorKind_Unsupported(), field, "isn't something that this vendor can do")


def info(vendor: str, version: str, *features: llm.Feature) -> llm.Info:
    """What there is to say of a provider with the settings `base-url` and `model`."""
    model = setting("model")
    setting("base-url")
    return llm.Info(vendor, version, model, [model], list(features), None)


def text_part(text: str) -> llm.Part:
    """A part of an answer."""
    return llm.Part_Text(llm.Text(text, None))


def finish(words: dict[str, llm.FinishReason], word: str | None) -> llm.FinishReason:
    """The reason of a word of the vendor's, by a table of the words that have an equal in the contract."""
    return words.get(word or "") or llm.FinishReason_Other(word or "unknown")


def usage(said: Object | None, *, input: str, output: str) -> llm.Usage:
    """The counts of these names. One that makes no sense is left out: the answer is worth more."""
    counts = said or Object({})
    return llm.Usage(counts.count(input), counts.count(output), None, None, None, None)


def failure(kind: llm.ErrorKind, message: str) -> Err[llm.ProviderError]:
    """An error of the contract, to be raised."""
    return Err(llm.ProviderError(kind, message, None, None, None, None, None, None))


def at_fault(kind: llm.ErrorKind, field: str, says: str) -> Err[llm.ProviderError]:
    """An error that names a field of the caller's request, to be raised."""
    err = failure(kind, f"`{field}` {says}.")
    err.value.field = field
    return err


def bad(why: str) -> Err[llm.ProviderError]:
    """The error for an answer that isn't what the vendor's API promises, to be raised."""
    return failure(llm.ErrorKind_BadResponse(), f"The vendor's answer isn't what its API promises: {why}.")


def setting(key: str) -> str:
    """A setting of the operator's."""
    value = config.get(key)
    if value is None:
        raise failure(llm.ErrorKind_Unconfigured(), f"The setting `{key}` is missing.")
    return value
