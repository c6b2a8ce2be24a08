"""A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.

The first build writes the contract's types, with all of their documentation, to `build/types`: editors show it. Keys,
retries, limits and caching are the host's work; the exchange itself is the work of the package `arete` beside this file.
Import what you need at the top of the file: there are no files left when the component runs.
"""

from __future__ import annotations

from arete import Deltas, Json, Object, Provider, Question, Stream
from arete import bad, failure, finish, info, llm, only, text_part, texts, usage

__all__ = ["Chat", "Deltas"]

WORDS: dict[str, llm.FinishReason] = {"stop": llm.FinishReason_EndTurn(), "length": llm.FinishReason_MaxTokens()}


class Chat(Provider):
    """What the vendor's words mean."""

    def info(self) -> llm.Info:
        """Asked once, when the plugin is loaded. Settings that are wrong are best told here."""
        return info("plugin-name", "0.1.0", llm.Feature_Streaming())

    def ask(self, request: llm.Request, stream: bool) -> Question:
        """The question in the vendor's words. What the vendor has no words for is refused."""
        only(request, "maxTokens")
        body: dict[str, Json] = {"model": request.model, "messages": texts(request), "stream": stream}
        if request.max_tokens is not None:
            body["max_tokens"] = request.max_tokens
        return Question("/v1/chat", body)

    def answer(self, said: Object) -> llm.Completion:
        """A whole answer."""
        text = said.text("text")
        if text is None:
            raise bad("there is no text in it")
        return llm.Completion(
            id=said.text("id") or "",
            model=said.text("model") or "",
            parts=[text_part(text)],
            finish_reason=finish(WORDS, said.text("finish")),
            usage=counts(said),
            native=None,
            extra=None,
        )

    def event(self, said: Object, stream: Stream) -> None:
        """One event of a streamed answer."""
        if "error" in said.fields:
            raise failure(llm.ErrorKind_VendorFailed(), said.text("error") or "The vendor reported an error.")
        stream.text(0, said.text("text"))
        if (word := said.text("finish")) is not None:
            stream.finish(finish(WORDS, word))
        if "usage" in said.fields:
            stream.usage(counts(said))
        if said.flag("done"):
            stream.done()

    def reason(self, said: Object) -> str | None:
        """The vendor's words in a refusal."""
        return said.text("error")


def counts(said: Object) -> llm.Usage:
    value = said.take("usage")
    return usage(Object(value if isinstance(value, dict) else {}), input="in", output="out")
