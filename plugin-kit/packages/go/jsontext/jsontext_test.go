package jsontext

import "testing"

func TestHalvesAreJoinedOrReplaced(t *testing.T) {
	text, ok := Unquote([]byte(`"\ud83d\ude00 \ud83d \ude00 \\ud83d\n"`))
	if !ok || Clean(text) != "😀 \ufffd \ufffd \\ud83d\n" {
		t.Errorf("%q", Clean(text))
	}
	var joiner Joiner
	for _, step := range [][2]string{{`"hi \ud83d"`, "hi "}, {`""`, ""}, {`"\ude00 there \ud83d"`, "😀 there "}, {`"x"`, "\ufffdx"}, {`"\ud83d"`, ""}} {
		piece, _ := Unquote([]byte(step[0]))
		if told := joiner.Join(piece); told != step[1] {
			t.Errorf("%s: %q", step[0], told)
		}
	}
	if rest := joiner.Rest(); rest != "\ufffd" {
		t.Errorf("%q", rest)
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	object, ok := Parse(`{"id": 1234567890123456789, "price": 1.10, "words": "<b>"}`)
	if !ok || Write(object) != `{"id":1234567890123456789,"price":1.10,"words":"<b>"}` {
		t.Error(Write(object))
	}
	for text, count := range map[string]uint32{"7": 7, "1.5": 2, "4294967295": 4294967295} {
		object, _ := Parse(`{"n": ` + text + `}`)
		if found, ok := object.Count("n"); !ok || found != count {
			t.Error(text, found)
		}
	}
	for _, text := range []string{"-1", "1e10", `"7"`, "null", "true"} {
		object, _ := Parse(`{"n": ` + text + `}`)
		if found, ok := object.Count("n"); ok {
			t.Error(text, found)
		}
	}
	for _, text := range []string{"", "[]", "null", `{"a": 1`, "7"} {
		if _, ok := Parse(text); ok {
			t.Error(text)
		}
	}
}
