"""A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.

The first build writes the contract's types, with all of their documentation, to `build/types`: editors show it. Keys,
retries, limits and caching are the host's work, and each call runs in an instance of its own, so there is nothing to
remember. Import what you need at the top of the file: there are no files left when the component runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import config, http, llm

from jsontext import Json, Joiner, Mismatch, Object, cleaned, write

T = TypeVar("T")


def told(call: Callable[..., T]) -> Callable[..., T]:
    """Makes every exception the contract's error: any other that gets out is a crash of the component."""

    @wraps(call)
    def within(*arguments: Any) -> T:
        try:
            return cleaned(call(*arguments))
        except Err as err:
            # Ours, or the host's: the question could not be sent, or its answer not be read.
            error = err.value if isinstance(err.value, llm.ProviderError) else not_sent(err.value)
        except Mismatch as mismatch:
            error = bad(str(mismatch)).value
        except Exception as bug:
            error = failure(llm.ErrorKind_Other("plugin"), f"The plugin has a mistake in it: {bug!r}").value
        raise Err(cleaned(error))

    return within


class Chat(exports.Chat):
    """What the host calls."""

    @told
    def describe(self) -> llm.Info:
        """Asked once, when the plugin is loaded. Settings that are wrong are best told here."""
        model = setting("model")
        setting("base-url")
        return llm.Info(
            vendor="plugin-name",
            version="0.1.0",
            default_model=model,
            models=[model],
            features=[llm.Feature_Streaming()],
            extra=None,
        )

    @told
    def complete(self, request: llm.Request) -> llm.Completion:
        with ask(request, stream=False) as reply:
            answer = Object.parse(reply.read_text())
        text = answer.text("text")
        if text is None:
            raise bad("there is no text in it")
        return llm.Completion(
            id=answer.text("id") or "",
            model=answer.text("model") or "",
            parts=[llm.Part_Text(llm.Text(text, None))],
            finish_reason=finish_reason(answer.text("finish")),
            usage=usage(answer),
            native=None,
            extra=None,
        )

    @told
    def open_stream(self, request: llm.Request) -> Deltas:
        """Returns when the vendor has accepted the question; the answer then comes by `Deltas.next`."""
        return Deltas(events(ask(request, stream=True), request.model))


class Deltas(exports.chat.Deltas):
    """A streamed answer on its way."""

    def __init__(self, steps: Iterator[list[llm.Event]]) -> None:
        self.steps = steps

    @told
    def next(self) -> list[llm.Delta]:
        """What is new. Nothing means the end, and is said only after the vendor has said so."""
        return [llm.Delta(event, None) for event in next(self.steps, [])]


def events(reply: http.Reply, model: str) -> Iterator[list[llm.Event]]:
    """What each event of the vendor's tells."""
    new: list[llm.Event] = [llm.Event_Start(llm.Start("", model, None))]
    # The vendor may cut a character in two.
    joiner = Joiner()
    finish: str | None = None
    with reply:
        for said in heard(reply):
            if "error" in said.fields:
                raise failure(llm.ErrorKind_VendorFailed(), said.text("error") or "The vendor reported an error.")
            if text := joiner.join(said.text("text") or ""):
                new.append(llm.Event_Text(llm.TextDelta(0, text)))
            finish = said.text("finish") or finish
            if said.flag("done"):
                yield [*new, *end(joiner, finish, said)]
                return
            if new:
                yield new
            new = []
    # A reason and a body that has ended properly are an end, too.
    if finish is None:
        raise failure(llm.ErrorKind_Interrupted(), "The vendor's answer broke off.")
    yield end(joiner, finish, Object({}))


def end(joiner: Joiner, finish: str | None, said: Object) -> list[llm.Event]:
    left = joiner.rest()
    return [
        *([llm.Event_Text(llm.TextDelta(0, left))] if left else []),
        llm.Event_Usage(usage(said)),
        llm.Event_Finish(llm.Finish(finish_reason(finish), None)),
    ]


def heard(reply: http.Reply) -> Iterator[Object]:
    """The vendor's events. They have one line of data each, so lines are read; for events of several lines the host has
    `next_event`. What stands before the vendor answers with a whole body, under any content type, where a stream was
    asked for: the first line tells."""
    first = True
    while (line := reply.next_line()) is not None:
        line = line.strip("\ufeff \t\r")
        if first and line.startswith(("{", "[", "<", '"')):
            raise no_stream(f"{line}\n{reply.read_text()}")
        first = first and not line
        if line.startswith("data:"):
            yield Object.parse(line.removeprefix("data:"))


def no_stream(body: str) -> Err[llm.ProviderError]:
    try:
        said = Object.parse(body).text("error")
    except Mismatch:
        said = None
    return failure(llm.ErrorKind_BadResponse(), said) if said else bad("a stream was asked for, and none came")


def ask(request: llm.Request, stream: bool) -> http.Reply:
    """Asks the vendor. What comes back has been accepted; a refusal is an error."""
    headers = [
        http.Header("content-type", "application/json"),
        http.Header("accept", "text/event-stream" if stream else "application/json"),
    ]
    url = setting("base-url").rstrip("/") + "/v1/chat"
    reply = http.send(http.HttpRequest("POST", url, headers, http.Body_Text(body(request, stream))))
    if 200 <= reply.status() <= 299:
        return reply
    with reply:
        raise refusal(reply)


def body(request: llm.Request, stream: bool) -> str:
    """The question in the vendor's words. What the vendor has no words for is refused: an answer that passed over half
    of the question would be worse than none."""
    unsupported = {
        "temperature": request.temperature is not None,
        "topP": request.top_p is not None,
        "topK": request.top_k is not None,
        "stopSequences": request.stop_sequences != [],
        "tools": request.tools != [],
    }
    for field, given in unsupported.items():
        if given:
            raise at_fault(llm.ErrorKind_Unsupported(), field, "isn't something that this vendor can do")
    messages = [message(index, each) for index, each in enumerate(request.messages)]
    # Vendors refuse answers of theirs without words.
    told: list[Json] = [{**each} for each in messages if each["role"] != "assistant" or each["content"].strip()]
    own: dict[str, Json] = {"model": request.model, "messages": told, "stream": stream}
    if request.max_tokens is not None:
        own["max_tokens"] = request.max_tokens
    # Fields that only the vendor knows: callers give them under `extra`. Their numbers keep the digits that they have.
    try:
        extra = Object.parse(request.extra or "{}").fields
    except Mismatch as mismatch:
        raise at_fault(llm.ErrorKind_InvalidRequest(), "extra", mismatch.says) from None
    for key in extra:
        if key in ("model", "messages", "stream", "max_tokens"):
            raise at_fault(llm.ErrorKind_InvalidRequest(), f"extra.{key}", "has a field of its own")
    return write({**own, **extra})


ROLES: dict[type, str] = {llm.Role_System: "system", llm.Role_User: "user", llm.Role_Assistant: "assistant"}


def message(index: int, message: llm.Message) -> dict[str, str]:
    def refuse(field: str) -> Err[llm.ProviderError]:
        field = f"messages[{index}].{field}"
        return at_fault(llm.ErrorKind_Unsupported(), field, "isn't something that this vendor can do")

    role = ROLES.get(type(message.role))
    if role is None:
        raise refuse("role")
    content = ""
    for part in message.content:
        if not isinstance(part, llm.Part_Text):
            raise refuse("content")
        content += part.value.text
    return {"role": role, "content": content}


def finish_reason(word: str | None) -> llm.FinishReason:
    match word:
        case "stop":
            return llm.FinishReason_EndTurn()
        case "length":
            return llm.FinishReason_MaxTokens()
        case _:
            return llm.FinishReason_Other(word or "unknown")


def usage(answer: Object) -> llm.Usage:
    """A count that makes no sense is left out: the answer is worth more."""
    value = answer.take("usage")
    counts = Object(value if isinstance(value, dict) else {})
    return llm.Usage(counts.count("in"), counts.count("out"), None, None, None, None)


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


def refusal(reply: http.Reply) -> Err[llm.ProviderError]:
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
        said = Object.parse(reply.read_text()).text("error")
    except (Err, Mismatch):
        said = None  # Its words can't be read: it is still that refusal.
    err = failure(kind, said or f"The vendor answered HTTP {status} without a reason.")
    err.value.status = status
    if (advice := reply.find_header("x-should-retry")) is not None:
        err.value.extra = write({"x-should-retry": advice[:100]})  # The host follows it.
    seconds = reply.find_header("retry-after")
    if seconds is not None and seconds.isascii() and seconds.isdigit():
        err.value.retry_after_ms = min(int(seconds[:9]) * 1000, 2**32 - 1)
    return err


def not_sent(error: http.HttpError) -> llm.ProviderError:
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


def failure(kind: llm.ErrorKind, message: str) -> Err[llm.ProviderError]:
    """An error of the contract, to be raised."""
    return Err(llm.ProviderError(kind, message, None, None, None, None, None, None))


def at_fault(kind: llm.ErrorKind, field: str, says: str) -> Err[llm.ProviderError]:
    err = failure(kind, f"`{field}` {says}.")
    err.value.field = field
    return err


def bad(why: str) -> Err[llm.ProviderError]:
    return failure(llm.ErrorKind_BadResponse(), f"The vendor's answer isn't what its API promises: {why}.")


def setting(key: str) -> str:
    value = config.get(key)
    if value is None:
        raise failure(llm.ErrorKind_Unconfigured(), f"The setting `{key}` is missing.")
    return value
