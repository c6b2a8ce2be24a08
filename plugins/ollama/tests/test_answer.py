"""Whole answers, and lines of streamed ones."""

from __future__ import annotations

import json
from typing import Any

from wit_world.imports import llm

import answer
import stream
from errors import Failure

from .support import Case

PLAIN = {
    "model": "llama3.2",
    "created_at": "2023-12-12T14:13:43.416799Z",
    "message": {"role": "assistant", "content": "Hello! How are you today?"},
    "done": True,
    "total_duration": 5191566416,
    "load_duration": 2154458,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 383809000,
    "eval_count": 298,
    "eval_duration": 4799921000,
}
CALL = {"function": {"name": "get_current_weather", "arguments": {"format": "celsius", "location": "Paris, FR"}}}
DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2}


def complete(fields: dict[str, Any]) -> llm.Completion:
    return answer.complete(json.dumps(fields), "question", "asked")


def saying(message: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": "m", "created_at": "t", "message": {"role": "assistant", **message}, "done": False, **fields}


class Body:
    """A body as the host gives it."""

    def __init__(self, text: str, content_type: str | None = None) -> None:
        self.left = text.splitlines()
        self.content_type = content_type

    def next_line(self) -> str | None:
        return self.left.pop(0) if self.left else None

    def read_text(self) -> str:
        text = "\n".join(self.left)
        self.left = []
        return text

    def find_header(self, name: str) -> str | None:
        return self.content_type if name == "content-type" else None


def heard(body: Body) -> list[llm.Event]:
    return [delta.event for step in stream.deltas(body, "question", "asked") for delta in step]


def streamed(*lines: dict[str, Any] | str) -> list[llm.Event]:
    return heard(Body("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)))


class Whole(Case):
    def test_a_plain_answer(self) -> None:
        told = complete(PLAIN)
        self.assertEqual(told.parts, [llm.Part_Text(llm.Text("Hello! How are you today?", None))])
        self.assertEqual(told.model, "llama3.2")
        self.assertEqual(told.finish_reason, llm.FinishReason_EndTurn())
        self.assertEqual((told.usage.input_tokens, told.usage.output_tokens), (26, 298))
        counted = json.loads(told.usage.extra)
        durations = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"]
        self.assertEqual(list(counted), durations)
        self.assertEqual(told.extra, '{"created_at":"2023-12-12T14:13:43.416799Z"}')

    def test_ids_are_the_vendors_time(self) -> None:
        later = {**PLAIN, "created_at": "2023-12-12T14:13:43.416800Z"}
        another = {**PLAIN, "model": "qwen3"}
        self.assertEqual(complete(PLAIN).id, complete({**PLAIN, "new": 1}).id)
        ids = {complete(fields).id for fields in (PLAIN, later, another)}
        self.assertEqual(len(ids), 3)
        for id in ids:
            self.assertRegex(id, r"^ollama-[0-9a-f]{24}$")

    def test_without_the_time_ids_are_made_of_the_words(self) -> None:
        timeless = json.dumps({**PLAIN, "created_at": None})
        questions = ["a", "a", "b"]
        self.assertEqual(len({answer.complete(timeless, question, "asked").id for question in questions}), 2)

    def test_thoughts_come_first_and_calls_last(self) -> None:
        told = complete({**PLAIN, **saying({"content": "b", "thinking": "a", "tool_calls": [CALL]}, done=True)})
        thinking, text, call = told.parts
        self.assertEqual(thinking.value.text, "a")
        self.assertEqual(text.value.text, "b")
        self.assertEqual(call.value.name, "get_current_weather")
        self.assertEqual(call.value.input, '{"format":"celsius","location":"Paris, FR"}')
        self.assertEqual(call.value.id, told.id.replace("ollama-", "call_") + "_0")
        self.assertIsNone(call.value.extra)
        self.assertEqual(told.finish_reason, llm.FinishReason_ToolUse())

    def test_what_the_vendor_says_of_a_call_is_kept(self) -> None:
        calls = [
            {"id": "call_a", "type": "function", "function": {"index": 0, "name": "f", "arguments": None}},
            {"id": "call_b", "kind": "x", "function": {"index": 5, "name": "f", "arguments": {"n": 1}}},
        ]
        first, second = complete(saying({"content": "", "tool_calls": calls}, done=True)).parts
        self.assertEqual(first.value, llm.ToolUse("call_a", "f", "{}", None))
        self.assertEqual(second.value, llm.ToolUse("call_b", "f", '{"n":1}', '{"kind":"x","function":{"index":5}}'))

    def test_reasons_to_stop(self) -> None:
        for word, called, reason in [
            ("stop", False, llm.FinishReason_EndTurn()),
            ("stop", True, llm.FinishReason_ToolUse()),
            (None, True, llm.FinishReason_ToolUse()),
            ("length", True, llm.FinishReason_MaxTokens()),
            ("load", False, llm.FinishReason_Other("load")),
        ]:
            self.assertEqual(answer.finish_reason(word, called), reason)

    def test_pictures_are_told_by_how_they_begin(self) -> None:
        pictures = complete(saying({"images": ["iVBORw0KGgoAAA==", "/9j/AAAA", "AAAA"]}, done=True)).parts
        types = [picture.value.source.value.media_type for picture in pictures]
        self.assertEqual(types, ["image/png", "image/jpeg", "application/octet-stream"])

    def test_what_is_new_is_kept(self) -> None:
        told = complete(
            {**PLAIN, "remote_model": "x", "n": 1.0, "message": {"content": "a", "new": [1], "images": None}}
        )
        extra = json.loads(told.extra)
        self.assertEqual((extra["remote_model"], extra["message"]), ("x", {"new": [1]}))

    def test_an_answer_that_is_not_done_is_none(self) -> None:
        with self.assertRaises(Failure) as caught:
            complete({**PLAIN, "done": False})
        self.assertEqual(caught.exception.error.kind, llm.ErrorKind_Interrupted())

    def test_counts_are_rounded_and_what_is_none_stays_in_extra(self) -> None:
        for counts, asked, answered, rest in [
            ('"prompt_eval_count":1.5,"eval_count":125.6', 2, 126, None),
            ('"prompt_eval_count":1e2,"eval_count":4294967295.4', 100, 2**32 - 1, None),
            ('"prompt_eval_count":-1,"eval_count":1.4', None, 1, '{"prompt_eval_count":-1}'),
            ('"prompt_eval_count":4294967296,"eval_count":1e400', None, None, None),
            ('"prompt_eval_count":"7","eval_count":true', None, None, '{"prompt_eval_count":"7","eval_count":true}'),
            ('"prompt_eval_count":[1],"eval_count":null', None, None, '{"prompt_eval_count":[1]}'),
        ]:
            with self.subTest(counts):
                usage = answer.complete(f'{{"done":true,{counts}}}', "", "").usage
                self.assertEqual((usage.input_tokens, usage.output_tokens), (asked, answered))
                self.assertEqual(usage.extra, rest or usage.extra)

    def test_arguments_keep_their_digits_and_may_be_text(self) -> None:
        def called(arguments: str) -> str:
            call = f'{{"function":{{"name":"f","arguments":{arguments}}}}}'
            return answer.complete(f'{{"done":true,"message":{{"tool_calls":[{call}]}}}}', "", "").parts[0].value.input

        for arguments, input in [
            ('{"id": 2512292042121000001, "x": 1.10}', '{"id":2512292042121000001,"x":1.10}'),
            (r'"{\"id\": 2512292042121000001}"', '{"id": 2512292042121000001}'),
            ('" "', "{}"),
            ("null", "{}"),
            (r'{"a\udc00":"\ud83d"}', '{"a\ufffd":"\ufffd"}'),
            (r'"{\"a\":\"\\ud83d\"}"', r'{"a":"\ud83d"}'),
        ]:
            self.assertEqual(called(arguments), input, arguments)

    def test_a_call_that_was_cut_off_keeps_what_came(self) -> None:
        def parts(*functions: dict[str, Any]) -> list[tuple[str, str]]:
            calls = [{"id": "c", "function": {"name": "f", **function}} for function in functions]
            told = complete(saying({"tool_calls": calls}, done=True, done_reason="length"))
            return [
                (part.value.kind, part.value.json) if isinstance(part, llm.Part_Other) else ("f", part.value.input)
                for part in told.parts
            ]

        cut = '{"id":"c","name":"f","input":"{\\"a"}'
        self.assertEqual(parts({}, {"arguments": '{"a'}), [("f", "{}"), ("incomplete_tool_use", cut)])
        self.assertEqual(parts({}), [("incomplete_tool_use", '{"id":"c","name":"f","input":""}')])
        self.assertEqual(parts({"arguments": {}}), [("f", "{}")])
        more = '{"id":"c","name":"f","input":"[","extra":{"function":{"x":1}}}'
        self.assertEqual(parts({"arguments": "[", "x": 1}), [("incomplete_tool_use", more)])

    def test_half_a_surrogate_pair_is_one_sign(self) -> None:
        body = (
            r'{"done":true,"done_reason":"\ud83d","model":"\ud83d","new":"\udc00",'
            r'"message":{"content":"\udc00\udc00a\ud83d","images":["\ud83d"]}}'
        )
        told = answer.complete(body, "", "")
        self.assertEqual(told.parts[0].value.text, "\ufffd\ufffda\ufffd")
        self.assertEqual(told.parts[1].value.source.value.base64, "\ufffd")
        self.assertEqual((told.model, told.finish_reason.value, told.extra), ("\ufffd", "\ufffd", '{"new":"\ufffd"}'))

    def test_a_reason_is_an_end_without_the_mark(self) -> None:
        told = complete({**PLAIN, "done": False, "done_reason": "stop"})
        self.assertEqual(told.finish_reason, llm.FinishReason_EndTurn())

    def test_answers_that_break_the_vendors_promises(self) -> None:
        for body, says in [
            ("<html>", "it should be an object, but is not JSON"),
            ("", "it should be an object, but is empty"),
            ("[]", "it should be an object, but is a list"),
            ('{"message":1}', "`message` should be an object, but is a number"),
            ('{"message":{"content":["secret"]}}', "`message.content` should be a string, but is a list"),
            ('{"done":"yes"}', "`done` should be a boolean, but is a string"),
            ('{"message":{"tool_calls":[1]}}', "`message.tool_calls[0]` should be an object, but is a number"),
            (
                '{"done":true,"message":{"tool_calls":[{"function":{}}]}}',
                "`message.tool_calls[0].function.name` should be a string, but is missing",
            ),
            (
                '{"done":true,"message":{"tool_calls":[{"function":{"name":"f","arguments":"{"}}]}}',
                "`message.tool_calls` should have an object as arguments",
            ),
            (
                '{"done":true,"message":{"tool_calls":[{"function":{"name":"f","arguments":[1]}}]}}',
                "`message.tool_calls` should have an object as arguments",
            ),
            ('{"done":true,"done_reason":"tool_calls"}', "`done_reason` is `tool_calls`, but there is no tool call"),
        ]:
            with self.subTest(body), self.assertRaises(Failure) as caught:
                answer.complete(body, "", "")
            self.assertEqual(caught.exception.error.kind, llm.ErrorKind_BadResponse())
            self.assertIn(f": {says}.", caught.exception.error.message)


class Streamed(Case):
    def test_text_grows_in_one_block(self) -> None:
        start, a, b, usage, finish = streamed(saying({"content": "The"}), saying({"content": " sky"}), DONE)
        self.assertRegex(start.value.id, "^ollama-")
        self.assertEqual(start.value.model, "m")
        self.assertEqual([a.value, b.value], [llm.TextDelta(0, "The"), llm.TextDelta(0, " sky")])
        self.assertEqual(usage.value.output_tokens, 2)
        self.assertEqual(finish.value.reason, llm.FinishReason_EndTurn())

    def test_another_kind_is_another_block(self) -> None:
        events = streamed(
            saying({"content": "", "thinking": "Hm"}),
            saying({"content": "", "thinking": "."}),
            saying({"content": "So"}),
            saying({"content": "", "tool_calls": [CALL]}),
            saying({"content": "", "tool_calls": [CALL]}),
            saying({"content": "Then"}),
            DONE,
        )
        indices = [(type(event).__name__, event.value.index) for event in events[1:-2]]
        self.assertEqual(
            indices,
            [
                ("Event_Thinking", 0),
                ("Event_Thinking", 0),
                ("Event_Text", 1),
                ("Event_ToolUse", 2),
                ("Event_ToolUse", 3),
                ("Event_Text", 4),
            ],
        )
        self.assertNotEqual(events[4].value.id, events[5].value.id)
        self.assertEqual(events[-1].value.reason, llm.FinishReason_ToolUse())

    def test_a_call_with_more_to_it_is_given_whole_too(self) -> None:
        call = {"id": "call_a", "kind": "x", "function": {"name": "f", "arguments": {}}}
        _, delta, part, *_ = streamed(saying({"tool_calls": [call]}), DONE)
        self.assertEqual(delta.value, llm.ToolUseDelta(0, "call_a", "f", "{}"))
        tool_use = llm.ToolUse("call_a", "f", "{}", '{"kind":"x"}')
        self.assertEqual(part.value, llm.PartDelta(0, llm.Part_ToolUse(tool_use)))

    def test_lines_that_tell_nothing_are_passed_over(self) -> None:
        events = streamed("", saying({"content": ""}), " ", saying({"content": "a"}), DONE)
        self.assertEqual([type(event).__name__ for event in events][:2], ["Event_Start", "Event_Text"])

    def test_pieces_of_lists_are_put_together(self) -> None:
        events = streamed(saying({"content": "a"}, logprobs=[1]), saying({"content": "b"}, logprobs=[2]), DONE)
        self.assertEqual(events[-1].value.extra, '{"created_at":"t","logprobs":[1,2]}')

    def test_nothing_is_read_behind_the_end(self) -> None:
        self.assertEqual(len(streamed(DONE, "<html>")), 3)

    def test_a_stream_without_its_end_is_broken_off(self) -> None:
        for lines in ([], [saying({"content": "a"})]):
            with self.assertRaises(Failure) as caught:
                streamed(*lines)
            self.assertEqual(caught.exception.error.kind, llm.ErrorKind_Interrupted())

    def test_a_reason_and_the_end_of_the_body_are_an_end(self) -> None:
        *_, usage, finish = streamed(saying({"content": "a"}, done_reason="length", eval_count=3))
        self.assertEqual((usage.value.output_tokens, finish.value.reason), (3, llm.FinishReason_MaxTokens()))

    def test_half_a_surrogate_pair_does_no_harm(self) -> None:
        line = r'{"message":{"content":"a\ud83d","tool_calls":[{"function":{"name":"f","arguments":{"x":"\udc00"}}}]}}'
        _, text, half, call, *_ = streamed(line, DONE)
        self.assertEqual((text.value.text, half.value), ("a", llm.TextDelta(0, "\ufffd")))
        self.assertEqual(call.value.input, '{"x":"\ufffd"}')

    def test_halves_in_neighbouring_lines_are_joined(self) -> None:
        def texts(*messages: dict[str, str]) -> list[Any]:
            events = streamed(*map(saying, messages), DONE)[1:-2]
            return [event.value for event in events]

        self.assertEqual(
            texts({"content": "hi \ud83d"}, {"content": ""}, {"content": "\ude00 there"}),
            [llm.TextDelta(0, "hi "), llm.TextDelta(0, "😀 there")],
        )
        self.assertEqual(
            texts({"thinking": "\ud83d"}, {"thinking": "\ude00\ud83d"}, {"content": "\ude00\ud83d"}),
            [
                llm.ThinkingDelta(0, "😀", None),
                llm.ThinkingDelta(0, "\ufffd", None),
                llm.TextDelta(1, "\ufffd"),
                llm.TextDelta(1, "\ufffd"),
            ],
        )
        self.assertEqual(texts({"content": "\ud83d"}, {"content": "\ud83d"}), [llm.TextDelta(0, "\ufffd")] * 2)

    def test_what_comes_with_an_error_is_told_before_it(self) -> None:
        body = Body(json.dumps(saying({"content": "a", "tool_calls": [{"function": {}}]})))
        steps = stream.deltas(body, "question", "asked")
        self.assertEqual([type(delta.event).__name__ for delta in next(steps)], ["Event_Start", "Event_Text"])
        self.assertRaises(Failure, next, steps)

    def test_arguments_go_on_as_they_came(self) -> None:
        def told(arguments: Any) -> list[Any]:
            call = {"id": "c", "kind": "x", "function": {"name": "f", "arguments": arguments}}
            return [event.value for event in streamed(saying({"tool_calls": [call]}), DONE)[1:-2]]

        cut = llm.ToolUseDelta(0, "c", "f", '{"a')
        self.assertEqual(told('{"a'), [cut])
        none, whole = told(None)
        self.assertEqual((none.input, whole.part.value.input), ("", "{}"))

    def test_the_content_says_what_came(self) -> None:
        pretty = json.dumps({**PLAIN, "message": {"content": "a"}}, indent=2)
        for content_type in ("application/json", "text/html"):
            _, text, *_ = heard(Body("\ufeff\n" + pretty, content_type))
            self.assertEqual(text.value.text, "a")
        for body in ("<html>\n</html>", '{"detail":\n"no"}', '{"detail":"no"}', "[]", "{"):
            with self.assertRaises(Failure) as caught:
                heard(Body(body, "text/html"))
            self.assertEqual(caught.exception.error.kind, llm.ErrorKind_BadResponse(), body)
            self.assertIn("a stream was asked for, and `text/html` came", caught.exception.error.message)

    def test_an_error_instead_of_a_stream_is_told_once(self) -> None:
        for body in ('{"error":{"message":"no"}}', '{"error":\n"no"}'):
            with self.assertRaises(Failure) as caught:
                heard(Body(body, "application/json"))
            error = caught.exception.error
            self.assertEqual((error.kind, error.message), (llm.ErrorKind_BadResponse(), "no"))

    def test_every_line_may_be_the_error(self) -> None:
        started = [saying({"content": "a"})]
        for before, kind in (([], llm.ErrorKind_BadResponse()), (started, llm.ErrorKind_VendorFailed())):
            with self.assertRaises(Failure) as caught:
                streamed(*before, {"error": "an error was encountered while running the model"})
            error = caught.exception.error
            self.assertEqual(error.kind, kind)
            self.assertEqual(error.message, "an error was encountered while running the model")
        with self.assertRaises(Failure) as caught:
            streamed({"error": "too many", "status": 429, "signin_url": "x"})
        self.assertEqual(caught.exception.error.kind, llm.ErrorKind_RateLimited())
        self.assertEqual(caught.exception.error.extra, '{"signin_url":"x"}')
