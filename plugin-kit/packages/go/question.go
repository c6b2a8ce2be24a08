package arete

import (
	"fmt"
	"strings"

	"wit_component/arete_provider_llm"

	"arete/jsontext"
)

// Only refuses a question that has fields beyond its model, its messages and those that are named, such as `maxTokens`. An answer
// that passed over half of the question would be worse than none.
func Only(request *Request, known ...string) error {
	given := []struct {
		field string
		given bool
	}{
		{"maxTokens", request.MaxTokens.IsSome()},
		{"temperature", request.Temperature.IsSome()},
		{"topP", request.TopP.IsSome()},
		{"topK", request.TopK.IsSome()},
		{"stopSequences", len(request.StopSequences) != 0},
		{"tools", len(request.Tools) != 0},
	}
	for _, it := range given {
		if it.given && !contains(known, it.field) {
			return unsupported(it.field)
		}
	}
	return nil
}

// Texts returns the messages of a question as objects with a `role` and the text as `content`, for a vendor that takes nothing
// else. Answers without words, which vendors refuse, are left out.
func Texts(request *Request) ([]Fields, error) {
	told := []Fields{}
	for index, message := range request.Messages {
		place := fmt.Sprintf("messages[%d]", index)
		role, known := roles[message.Role.Tag()]
		if !known {
			return nil, unsupported(place + ".role")
		}
		var content strings.Builder
		for _, part := range message.Content {
			if part.Tag() != arete_provider_llm.PartText {
				return nil, unsupported(place + ".content")
			}
			content.WriteString(part.Text().Text)
		}
		if role != "assistant" || strings.TrimSpace(content.String()) != "" {
			told = append(told, Fields{"role": role, "content": content.String()})
		}
	}
	return told, nil
}

var roles = map[uint8]string{
	arete_provider_llm.RoleSystem:    "system",
	arete_provider_llm.RoleUser:      "user",
	arete_provider_llm.RoleAssistant: "assistant",
}

func unsupported(field string) error {
	return AtFault(Unsupported, field, "isn't something that this vendor can do")
}

// body returns the text of a question, with the fields that only the vendor knows: callers give them under `extra`.
func body(request *Request, own Fields) (string, error) {
	extra, ok := jsontext.Parse(request.Extra.SomeOr("{}"))
	if !ok {
		return "", AtFault(InvalidRequest, "extra", "should be a JSON object")
	}
	for key, value := range extra {
		if _, taken := own[key]; taken {
			return "", AtFault(InvalidRequest, "extra."+key, "has a field of its own")
		}
		own[key] = value
	}
	return jsontext.Write(own), nil
}

func contains(all []string, one string) bool {
	for _, each := range all {
		if each == one {
			return true
		}
	}
	return false
}
