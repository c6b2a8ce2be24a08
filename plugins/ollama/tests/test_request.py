"""The requests that are sent."""

from __future__ import annotations

from wit_world.imports import llm

from request import body
from settings import Settings

from .support import SETTINGS, Case, assistant, call, message, request, result, sent, text, user

PNG = llm.Part_Image(llm.Image(llm.ImageSource_Data(llm.ImageData("image/png", "iVBORw0KGgo=")), None))


class Fields(Case):
    def test_a_short_question_is_sent_as_it_is(self) -> None:
        self.assertEqual(
            body(request(), SETTINGS, True),
            '{"model":"llama3.2","messages":[{"role":"user","content":"Hi"}],"stream":true}',
        )

    def test_parameters_become_options(self) -> None:
        asked = request(max_tokens=7, temperature=0.0, top_p=0.5, top_k=3, stop_sequences=["a", "b"])
        options = {"temperature": 0, "top_p": 0.5, "top_k": 3, "num_predict": 7, "stop": ["a", "b"]}
        self.assertEqual(sent(asked)["options"], options)

    def test_extra_is_merged_and_options_within(self) -> None:
        extra = '{"think":true,"format":{"type":"object"},"options":{"seed":42,"min_p":0.050}}'
        fields = sent(request(temperature=1.0, extra=extra))
        self.assertEqual(fields["think"], True)
        self.assertEqual(fields["format"], {"type": "object"})
        self.assertEqual(fields["options"], {"temperature": 1.0, "seed": 42, "min_p": 0.05})
        self.assertIn('"min_p":0.050}', body(request(extra=extra), SETTINGS, False))

    def test_extra_may_not_set_what_is_set(self) -> None:
        tools = [llm.Tool("f", None, "{}", None)]
        kept = Settings.read({"keep-alive": "5m"}.get)
        for key, value, fields, settings in [
            ("model", '"x"', {}, SETTINGS),
            ("messages", "[]", {}, SETTINGS),
            ("stream", "true", {}, SETTINGS),
            ("tools", "[]", {"tools": tools}, SETTINGS),
            ("options", "1", {"top_k": 1}, SETTINGS),
            ("keep_alive", "-1", {}, kept),
        ]:
            asked = request(extra=f'{{"{key}":{value}}}', **fields)
            self.refused(asked, llm.ErrorKind_InvalidRequest, f"extra.{key}", settings)
        asked = request(max_tokens=1, extra='{"options":{"num_predict":2}}')
        says = self.refused(asked, llm.ErrorKind_InvalidRequest, "extra.options.num_predict")
        self.assertIn("`maxTokens`", says)
        self.refused(request(extra="[]"), llm.ErrorKind_InvalidRequest, "extra")

    def test_what_is_not_set_may_be_set_by_extra(self) -> None:
        self.assertEqual(sent(request(extra='{"keep_alive":"1h","tools":[]}'))["keep_alive"], "1h")

    def test_numbers_that_json_has_no_word_for_are_refused(self) -> None:
        self.refused(request(temperature=float("nan")), llm.ErrorKind_InvalidRequest, "temperature")
        self.refused(request(top_p=float("inf")), llm.ErrorKind_InvalidRequest, "topP")

    def test_tools(self) -> None:
        schema = '{"type":"object","properties":{"n":{"minimum":1.50}}}'
        tools = [
            llm.Tool("f", "does it", schema, None),
            llm.Tool("g", None, "{}", '{"function":{"strict":true},"x":1}'),
        ]
        written = body(request(tools=tools, tool_choice=llm.ToolChoice_Auto()), SETTINGS, False)
        self.assertIn(
            '"tools":[{"type":"function","function":{"name":"f","description":"does it","parameters":' + schema + "}},"
            '{"type":"function","function":{"name":"g","parameters":{},"strict":true},"x":1}]',
            written,
        )

    def test_tools_are_kept_from_a_model_that_may_call_none(self) -> None:
        tools = [llm.Tool("f", None, "{}", None)]
        self.assertNotIn("tools", sent(request(tools=tools, tool_choice=llm.ToolChoice_None_())))

    def test_a_model_cannot_be_made_to_call_a_tool(self) -> None:
        for choice in [llm.ToolChoice_Any(), llm.ToolChoice_Tool("f"), llm.ToolChoice_Other("1")]:
            self.refused(request(tool_choice=choice), llm.ErrorKind_Unsupported, "toolChoice")

    def test_tools_that_are_wrong_are_named(self) -> None:
        for tool, field in [
            (llm.Tool("f", None, "[]", None), "tools[0].inputSchema"),
            (llm.Tool("f", None, "{}", '{"type":"x"}'), "tools[0].extra.type"),
            (llm.Tool("f", None, "{}", '{"function":{"name":"g"}}'), "tools[0].extra.function.name"),
        ]:
            self.refused(request(tools=[tool]), llm.ErrorKind_InvalidRequest, field)


class Messages(Case):
    def test_roles_keep_their_places(self) -> None:
        conversation = [
            message(llm.Role_System(), text("Be kind.")),
            user(text("a"), text("b")),
            assistant(text("c")),
            message(llm.Role_System(), text("Be brief.")),
            message(llm.Role_Other("tool"), text("d"), extra='{"tool_name":"f"}'),
        ]
        self.assertEqual(
            sent(request(*conversation))["messages"],
            [
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": "a\n\nb"},
                {"role": "assistant", "content": "c"},
                {"role": "system", "content": "Be brief."},
                {"role": "tool", "content": "d", "tool_name": "f"},
            ],
        )

    def test_texts_that_are_empty_are_left_out_where_something_else_is(self) -> None:
        empty = llm.ResultPart_Text(llm.Text("", None))
        full = llm.ResultPart_Text(llm.Text("22", None))
        conversation = [
            user(text(""), text("a"), text(" ", '{"cache_control":{}}')),
            assistant(text(""), call("1", "f")),
            user(result("1", empty, full), text("\n")),
            assistant(text(" ")),
            user(text("")),
        ]
        sent_messages = sent(request(*conversation))["messages"]
        said = [(message["role"], message["content"]) for message in sent_messages]
        self.assertEqual(said, [("user", "a"), ("assistant", ""), ("tool", "22"), ("user", "")])

    def test_pictures_stand_beside_the_text(self) -> None:
        (sent_message,) = sent(request(user(PNG, text("What is this?"), PNG)))["messages"]
        images = ["iVBORw0KGgo=", "iVBORw0KGgo="]
        self.assertEqual(sent_message, {"role": "user", "content": "What is this?", "images": images})

    def test_a_call_and_its_results_go_back(self) -> None:
        thought = llm.Part_Thinking(llm.Thinking("A tool will know.", "signed elsewhere", None))
        ok = llm.ResultPart_Text(llm.Text("22°C", None))
        picture = llm.ResultPart_Image(PNG.value)
        conversation = [
            user(text("How warm?")),
            assistant(thought, text("Let me see."), call("1", "f", '{"n":1.10}'), call("2", "g", "{}", '{"x":1}')),
            user(result("2", ok, picture), result("1", is_error=True), text("Well?"), PNG),
        ]
        self.assertEqual(
            sent(request(*conversation))["messages"][1:],
            [
                {
                    "role": "assistant",
                    "content": "Let me see.",
                    "thinking": "A tool will know.",
                    "tool_calls": [
                        {"id": "1", "function": {"name": "f", "arguments": {"n": 1.1}}},
                        {"id": "2", "function": {"name": "g", "arguments": {}}, "x": 1},
                    ],
                },
                {
                    "role": "tool",
                    "content": "22°C",
                    "images": ["iVBORw0KGgo="],
                    "tool_name": "g",
                    "tool_call_id": "2",
                },
                {"role": "tool", "content": "Error: ", "tool_name": "f", "tool_call_id": "1"},
                {"role": "user", "content": "Well?", "images": ["iVBORw0KGgo="]},
            ],
        )
        self.assertIn('"arguments":{"n":1.10}', body(request(*conversation), SETTINGS, False))

    def test_what_the_vendor_has_no_place_for_is_named(self) -> None:
        link = llm.Part_Image(llm.Image(llm.ImageSource_Url("https://example.com/a.png"), None))
        other = llm.OtherPart("document", "{}")
        for part, field in [
            (link, "messages[0].content[0]"),
            (llm.Part_Other(other), "messages[0].content[0]"),
            (text("a", '{"cache_control":{}}'), "messages[0].content[0].extra"),
            (llm.Part_Thinking(llm.Thinking("a", None, "{}")), "messages[0].content[0].extra"),
        ]:
            self.refused(request(user(part)), llm.ErrorKind_Unsupported, field)
        conversation = [assistant(call("1", "f")), user(result("1", llm.ResultPart_Other(other)))]
        self.refused(request(*conversation), llm.ErrorKind_Unsupported, "messages[1].content[0].content[0]")
        several = [assistant(call("1", "f")), user(result("1"), text("a"), extra='{"x":1}')]
        self.refused(request(*several), llm.ErrorKind_Unsupported, "messages[1].extra")

    def test_what_is_wrong_is_named(self) -> None:
        for part, field in [
            (result("1"), "messages[0].content[0].toolUseId"),
            (call("1", "f", "[]"), "messages[0].content[0].input"),
            (call("1", "f", "{}", '{"id":"2"}'), "messages[0].content[0].extra.id"),
        ]:
            self.refused(request(user(part)), llm.ErrorKind_InvalidRequest, field)
        asked = request(user(text("a"), extra='{"content":"b"}'))
        self.refused(asked, llm.ErrorKind_InvalidRequest, "messages[0].extra.content")
