// Package jsontext reads and writes JSON without losing anything: numbers keep the digits that they have, and a character that
// was cut into two escapes is put together again when both halves have come.
package jsontext

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Object is a JSON object, each of its values as text.
type Object map[string]json.RawMessage

// Parse reads the text of an object. It reports false if the text is none.
func Parse(text string) (Object, bool) {
	var object Object
	if json.Unmarshal([]byte(text), &object) != nil || object == nil {
		return nil, false
	}
	return object, true
}

// Has reports whether the object has a field that isn't null.
func (o Object) Has(key string) bool {
	value := o[key]
	return len(value) != 0 && string(value) != "null"
}

// Text returns a field that is a string. It may hold half of a character: see [Clean] and [Joiner].
func (o Object) Text(key string) (string, bool) { return Unquote(o[key]) }

// String returns a field that is a string, and the empty string for any other.
func (o Object) String(key string) string {
	text, _ := o.Text(key)
	return Clean(text)
}

// True reports whether a field is true.
func (o Object) True(key string) bool { return string(o[key]) == "true" }

// Object returns a field that is an object, and an empty one for any other.
func (o Object) Object(key string) Object {
	object, _ := Parse(string(o[key]))
	return object
}

// List returns the values of a field that is a list.
func (o Object) List(key string) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(o[key], &list) != nil {
		return nil
	}
	return list
}

// Count returns a field that is a count, rounded. It reports false for what is no count: an answer isn't thrown away for what
// is counted beside it.
func (o Object) Count(key string) (uint32, bool) {
	number, err := strconv.ParseFloat(string(o[key]), 64)
	if err != nil || !(0 <= number && number <= math.MaxUint32) {
		return 0, false
	}
	return uint32(math.Round(number)), true
}

// Write returns the text of a value, with U+FFFD for each half of a character.
func Write(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return "null"
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// Unquote returns the text of a JSON string. Half of a character, which JSON can spell and UTF-8 can't, becomes the three bytes
// that it would have.
func Unquote(value json.RawMessage) (string, bool) {
	if len(value) < 2 || value[0] != '"' || !json.Valid(value) {
		return "", false
	}
	var out strings.Builder
	for inside := string(value[1 : len(value)-1]); inside != ""; {
		escape := strings.IndexByte(inside, '\\')
		if escape < 0 {
			out.WriteString(inside)
			break
		}
		out.WriteString(inside[:escape])
		if inside[escape+1] != 'u' {
			out.WriteByte(unescaped(inside[escape+1]))
			inside = inside[escape+2:]
			continue
		}
		first := unit(inside[escape:])
		inside = inside[escape+6:]
		if low := unit(inside); utf16.IsSurrogate(first) && utf16.DecodeRune(first, low) != utf8.RuneError {
			out.WriteRune(utf16.DecodeRune(first, low))
			inside = inside[6:]
		} else if utf16.IsSurrogate(first) {
			out.WriteString(half(first))
		} else {
			out.WriteRune(first)
		}
	}
	return out.String(), true
}

// Clean returns a text with U+FFFD for each half of a character. The contract takes no other text.
func Clean(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for at := 0; at < len(text); {
		letter, size := utf8.DecodeRuneInString(text[at:])
		if letter == utf8.RuneError && size == 1 && isHalf(text[at:]) {
			size = 3
		}
		out.WriteRune(letter)
		at += size
	}
	return out.String()
}

// Joiner joins a text that comes in pieces, which may end in the middle of a character. The first half is held back until the
// other one has come.
type Joiner struct{ half string }

// Join returns what can be told once a piece has come.
func (j *Joiner) Join(piece string) string {
	if piece == "" {
		return ""
	}
	if j.half != "" && isHalf(piece) {
		if letter := utf16.DecodeRune(unhalf(j.half), unhalf(piece)); letter != utf8.RuneError {
			piece, j.half = string(letter)+piece[3:], ""
		}
	}
	text := j.half + piece
	j.half = ""
	if last := len(text) - 3; last >= 0 && isHalf(text[last:]) && unhalf(text[last:]) < 0xDC00 {
		text, j.half = text[:last], text[last:]
	}
	return Clean(text)
}

// Rest returns what is held back, at the end of the text.
func (j *Joiner) Rest() string {
	rest := Clean(j.half)
	j.half = ""
	return rest
}

func unescaped(letter byte) byte {
	switch letter {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return letter
	}
}

// unit returns the code of an escape such as \ud83d, and 0 for any other text.
func unit(text string) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	code, err := strconv.ParseUint(text[2:6], 16, 16)
	if err != nil {
		return 0
	}
	return rune(code)
}

func half(unit rune) string {
	return string([]byte{0xE0 | byte(unit>>12), 0x80 | byte(unit>>6)&0x3F, 0x80 | byte(unit)&0x3F})
}

func isHalf(text string) bool { return len(text) >= 3 && text[0] == 0xED && text[1] >= 0xA0 }

func unhalf(text string) rune {
	return rune(text[0]&0x0F)<<12 | rune(text[1]&0x3F)<<6 | rune(text[2]&0x3F)
}
