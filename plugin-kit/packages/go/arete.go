// Package arete is what providers for Arete in Go share. A provider maps a question to its vendor's words, and the vendor's words
// to an answer: see [Vendor]. The exchange itself, refusals, streams and their ends are here.
package arete

import (
	"fmt"

	witTypes "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/arete_provider_config"
	"wit_component/arete_provider_llm"

	"arete/jsontext"
)

// The contract's records, which wit/provider.wit explains.
type (
	Completion    = arete_provider_llm.Completion
	Event         = arete_provider_llm.Event
	Feature       = arete_provider_llm.Feature
	FinishReason  = arete_provider_llm.FinishReason
	Info          = arete_provider_llm.Info
	Message       = arete_provider_llm.Message
	Part          = arete_provider_llm.Part
	ProviderError = arete_provider_llm.ProviderError
	Request       = arete_provider_llm.Request
	Text          = arete_provider_llm.Text
	Usage         = arete_provider_llm.Usage
)

// Object is a JSON object of the vendor's.
type Object = jsontext.Object

// Fields is a JSON object to be sent.
type Fields = map[string]any

// Vendor maps between the contract and one vendor's API.
type Vendor interface {
	// Describe says what the provider is. Settings that are wrong are best told here.
	Describe() (Info, error)
	// Ask puts a question into the vendor's words.
	Ask(request *Request, stream bool) (Question, error)
	// Answer reads a whole answer.
	Answer(said Object) (Completion, error)
	// Event reads one event of a streamed answer, and tells what it means to the stream.
	Event(said Object, stream *Stream) error
	// Reason returns the vendor's own words in the body of a refusal, and the empty string where there are none.
	Reason(said Object) string
}

// Question is a request to the vendor.
type Question struct {
	// Path follows the operator's setting `base-url`.
	Path string
	// Headers are sent beside those that say what kind of text is sent and taken. Keys are the host's to add.
	Headers map[string]string
	// Body is sent as JSON, with the fields that the caller gave under `extra`.
	Body Fields
}

// Failure is an error of the contract.
type Failure struct{ ProviderError }

func (f *Failure) Error() string { return f.Message }

// Fail returns an error of a kind, such as `arete.VendorFailed`.
func Fail(kind Kind, message string) *Failure {
	return &Failure{ProviderError{Kind: kind(), Message: jsontext.Clean(message)}}
}

// Bad returns the error for an answer that isn't what the vendor's API promises.
func Bad(why string) *Failure {
	return Fail(BadResponse, "The vendor's answer isn't what its API promises: "+why+".")
}

// AtFault returns an error that names a field of the caller's request.
func AtFault(kind Kind, field, says string) *Failure {
	failure := Fail(kind, fmt.Sprintf("`%s` %s.", field, says))
	failure.Field = Some(jsontext.Clean(field))
	return failure
}

// Kind makes the kind of an error.
type Kind = func() arete_provider_llm.ErrorKind

// The kinds of errors.
var (
	InvalidRequest Kind = arete_provider_llm.MakeErrorKindInvalidRequest
	Unsupported    Kind = arete_provider_llm.MakeErrorKindUnsupported
	Credentials    Kind = arete_provider_llm.MakeErrorKindCredentials
	Billing        Kind = arete_provider_llm.MakeErrorKindBilling
	NotFound       Kind = arete_provider_llm.MakeErrorKindNotFound
	TooLarge       Kind = arete_provider_llm.MakeErrorKindTooLarge
	RateLimited    Kind = arete_provider_llm.MakeErrorKindRateLimited
	Overloaded     Kind = arete_provider_llm.MakeErrorKindOverloaded
	VendorFailed   Kind = arete_provider_llm.MakeErrorKindVendorFailed
	Timeout        Kind = arete_provider_llm.MakeErrorKindTimeout
	Connection     Kind = arete_provider_llm.MakeErrorKindConnection
	Interrupted    Kind = arete_provider_llm.MakeErrorKindInterrupted
	BadResponse    Kind = arete_provider_llm.MakeErrorKindBadResponse
	Denied         Kind = arete_provider_llm.MakeErrorKindDenied
	Unconfigured   Kind = arete_provider_llm.MakeErrorKindUnconfigured
)

// Other returns a kind of error that the contract has no name for.
func Other(name string) Kind {
	return func() arete_provider_llm.ErrorKind { return arete_provider_llm.MakeErrorKindOther(name) }
}

// Some returns a value for a field that may be absent. The zero value of such a field is absent.
func Some[T any](value T) witTypes.Option[T] { return witTypes.Some(value) }

// Setting returns a setting of the operator's.
func Setting(key string) (string, error) {
	value := arete_provider_config.Get(key)
	if value.IsNone() {
		return "", Fail(Unconfigured, fmt.Sprintf("The setting `%s` is missing.", key))
	}
	return value.Some(), nil
}

// Describe returns what there is to say of a provider with the settings `base-url` and `model`.
func Describe(vendor, version string, features ...Feature) (Info, error) {
	model, err := Setting("model")
	if err != nil {
		return Info{}, err
	}
	_, err = Setting("base-url")
	return Info{Vendor: vendor, Version: version, DefaultModel: Some(model), Models: []string{model}, Features: features}, err
}

// TextPart returns a part of an answer.
func TextPart(text string) Part { return arete_provider_llm.MakePartText(Text{Text: text}) }

// Finish returns the reason of a word of the vendor's, by a table of the words that have an equal in the contract.
func Finish(words map[string]FinishReason, word string) FinishReason {
	if reason, known := words[word]; known {
		return reason
	}
	if word == "" {
		word = "unknown"
	}
	return arete_provider_llm.MakeFinishReasonOther(word)
}

// The reasons why an answer ends, for the table of [Finish].
var (
	EndTurn               = arete_provider_llm.MakeFinishReasonEndTurn()
	MaxTokens             = arete_provider_llm.MakeFinishReasonMaxTokens()
	StopSequence          = arete_provider_llm.MakeFinishReasonStopSequence()
	ToolUse               = arete_provider_llm.MakeFinishReasonToolUse()
	Refusal               = arete_provider_llm.MakeFinishReasonRefusal()
	PauseTurn             = arete_provider_llm.MakeFinishReasonPauseTurn()
	ContextWindowExceeded = arete_provider_llm.MakeFinishReasonContextWindowExceeded()
)

// Streaming is the feature of a vendor whose answers can be streamed.
var Streaming = arete_provider_llm.MakeFeatureStreaming()

// Count returns a count of the vendor's, for the fields of [Usage].
func Count(said Object, key string) witTypes.Option[uint32] {
	if count, ok := said.Count(key); ok {
		return Some(count)
	}
	return witTypes.Option[uint32]{}
}
