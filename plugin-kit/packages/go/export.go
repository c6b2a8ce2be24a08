package arete

import (
	"errors"
	"fmt"

	witTypes "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/arete_provider_llm"
	"wit_component/export_arete_provider_chat"
	// The functions of the component.
	_ "wit_component/wit_exports"

	"arete/jsontext"
)

// Export makes a vendor the component's provider. It is called once, in an `init` function.
func Export(vendor Vendor) { export_arete_provider_chat.Export(provider{vendor}) }

type provider struct{ vendor Vendor }

func (p provider) Describe() witTypes.Result[Info, ProviderError] { return told(p.vendor.Describe) }

func (p provider) Complete(request Request) witTypes.Result[Completion, ProviderError] {
	return told(func() (Completion, error) {
		reply, err := ask(p.vendor, &request, false)
		if err != nil {
			return Completion{}, err
		}
		defer reply.Drop()
		read := reply.ReadText()
		if read.IsErr() {
			return Completion{}, unanswered(read.Err())
		}
		said, ok := jsontext.Parse(read.Ok())
		if !ok {
			return Completion{}, Bad("it isn't a JSON object")
		}
		return p.vendor.Answer(said)
	})
}

// OpenStream returns when the vendor has accepted the question; the answer then comes by Next.
func (p provider) OpenStream(request Request) witTypes.Result[export_arete_provider_chat.Stream, ProviderError] {
	return told(func() (export_arete_provider_chat.Stream, error) {
		reply, err := ask(p.vendor, &request, true)
		if err != nil {
			return nil, err
		}
		joiners := map[uint32]*jsontext.Joiner{}
		return &stream{&Stream{vendor: p.vendor, reply: reply, model: request.Model, joiners: joiners}}, nil
	})
}

// stream is a streamed answer as the host reads it.
type stream struct{ *Stream }

func (s *stream) Next() witTypes.Result[[]arete_provider_llm.Delta, ProviderError] {
	return told(func() ([]arete_provider_llm.Delta, error) {
		events, err := s.next()
		deltas := make([]arete_provider_llm.Delta, len(events))
		for index, event := range events {
			deltas[index].Event = event
		}
		return deltas, err
	})
}

// Close is called when the caller has left, or has all.
func (s *stream) Close() { s.reply.Drop() }

// told makes every error one of the contract's; a panic that got out would be a crash of the component.
func told[T any](work func() (T, error)) (result witTypes.Result[T, ProviderError]) {
	defer func() {
		if mistake := recover(); mistake != nil {
			result = failed[T](fmt.Errorf("The plugin has a mistake in it: %v", mistake))
		}
	}()
	value, err := work()
	if err != nil {
		return failed[T](err)
	}
	return witTypes.Ok[T, ProviderError](value)
}

func failed[T any](err error) witTypes.Result[T, ProviderError] {
	var failure *Failure
	if !errors.As(err, &failure) {
		failure = Fail(Other("plugin"), err.Error())
	}
	return witTypes.Err[T, ProviderError](failure.ProviderError)
}
