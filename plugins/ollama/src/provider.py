"""The provider for models that run on one's own machines, by Ollama's own API.

This file only asks and listens. What is sent is made in `request` and `messages`; what comes is read in `answer`,
`stream` and `errors`, all without I/O, so that tests can feed them the vendor's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import PurePath
from typing import TypeVar

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import config, http, llm, log

import answer
import stream
from errors import Failure, failure, refusal
from request import body
from settings import Settings

VERSION = "0.1.0"

T = TypeVar("T")


def contained(call: Callable[..., T]) -> Callable[..., T]:
    """Turns every failure into the contract's error: an exception that escaped would crash the component."""

    @wraps(call)
    def within(*arguments: object) -> T:
        try:
            return call(*arguments)
        except Failure as told:
            error = told.error
        except Err as refused:
            error = of_http(refused.value).error
        except Exception as bug:  # Whatever it is, the caller is told and the log says where.
            error = of_bug(bug).error
        raise Err(error)

    return within


class Chat(exports.Chat):
    """The functions that the host calls."""

    @contained
    def describe(self) -> llm.Info:
        settings = Settings.read(config.get)
        return llm.Info(
            vendor="ollama",
            version=VERSION,
            default_model=settings.model,
            models=settings.models,
            features=[
                llm.Feature_Streaming(),
                llm.Feature_Images(),
                llm.Feature_Tools(),
                llm.Feature_Thinking(),
            ],
            extra=None,
        )

    @contained
    def complete(self, request: llm.Request) -> llm.Completion:
        reply, question = ask(request, False)
        with reply:
            return answer.complete(reply.read_text(), question, request.model)

    @contained
    def open_stream(self, request: llm.Request) -> Deltas:
        reply, question = ask(request, True)
        return Deltas(listen(reply, question, request.model))


class Deltas(exports.chat.Deltas):
    """A streamed answer that is being read."""

    def __init__(self, steps: Iterator[list[llm.Delta]]) -> None:
        self.steps = steps

    @contained
    def next(self) -> list[llm.Delta]:
        return next(self.steps, [])


def ask(request: llm.Request, streaming: bool) -> tuple[http.Reply, str]:
    """Sends the request. Returns the reply, whose status is a success, and the body that was sent; raises a refusal."""
    settings = Settings.read(config.get)
    question = body(request, settings, streaming)
    headers = [
        http.Header("content-type", "application/json"),
        http.Header("accept", "application/x-ndjson" if streaming else "application/json"),
    ]
    reply = http.send(http.HttpRequest("POST", settings.url, headers, http.Body_Text(question)))
    status = reply.status()
    if 200 <= status <= 299:
        return reply, question
    with reply:
        raise refusal(status, reply.find_header, words(reply))


def words(reply: http.Reply) -> str:
    """Reads the body of a refusal; if that fails, the refusal is reported without it."""
    try:
        return reply.read_text()
    except Err:
        return ""


def listen(reply: http.Reply, question: str, model: str) -> Iterator[list[llm.Delta]]:
    """The deltas of a streamed answer. The connection is closed with them."""
    with reply:
        yield from stream.deltas(reply, question, model)


def of_http(error: http.HttpError) -> Failure:
    """Turns an error of the host's HTTP, in sending or reading, into a failure."""
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
    return failure(kind, error.value)


def of_bug(bug: Exception) -> Failure:
    """A mistake in this plugin. Where it is goes into the log; what the exception says doesn't, as it may hold words
    of a prompt."""
    trace = bug.__traceback__
    places = []
    while trace is not None:
        places.append(f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    fields = [log.Field("exception", type(bug).__name__), log.Field("at", " ".join(places[-8:]))]
    log.write(log.Level.ERROR, "the plugin has met something it wasn't made for", fields)
    says = f"The plugin for Ollama failed by a mistake of its own ({type(bug).__name__}); its log says where."
    return failure(llm.ErrorKind_Other("plugin"), says)
