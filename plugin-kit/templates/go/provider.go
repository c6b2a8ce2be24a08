// A provider: it turns a question into one HTTP request to the vendor, and the vendor's answer into Arete's.
//
// Keys, retries, limits and caching are the host's work; the exchange itself is the work of the package arete beside this file.
package main

import "arete"

type vendor struct{}

func init() { arete.Export(vendor{}) }

func main() {}

// Describe is asked once, when the plugin is loaded. Settings that are wrong are best told here.
func (vendor) Describe() (arete.Info, error) { return arete.Describe("plugin-name", "0.1.0", arete.Streaming) }

// Ask puts a question into the vendor's words. What the vendor has no words for is refused.
func (vendor) Ask(request *arete.Request, stream bool) (arete.Question, error) {
	if err := arete.Only(request, "maxTokens"); err != nil {
		return arete.Question{}, err
	}
	messages, err := arete.Texts(request)
	if err != nil {
		return arete.Question{}, err
	}
	body := arete.Fields{"model": request.Model, "messages": messages, "stream": stream}
	if request.MaxTokens.IsSome() {
		body["max_tokens"] = request.MaxTokens.Some()
	}
	return arete.Question{Path: "/v1/chat", Body: body}, nil
}

// Answer reads a whole answer.
func (vendor) Answer(said arete.Object) (arete.Completion, error) {
	if !said.Has("text") {
		return arete.Completion{}, arete.Bad("there is no text in it")
	}
	return arete.Completion{
		Id: said.String("id"), Model: said.String("model"), Parts: []arete.Part{arete.TextPart(said.String("text"))},
		FinishReason: arete.Finish(words, said.String("finish")), Usage: usage(said),
	}, nil
}

// Event reads one event of a streamed answer.
func (vendor) Event(said arete.Object, stream *arete.Stream) error {
	if said.Has("error") {
		return arete.Fail(arete.VendorFailed, said.String("error"))
	}
	text, _ := said.Text("text")
	stream.Text(0, text)
	if said.Has("finish") {
		stream.Finish(arete.Finish(words, said.String("finish")))
	}
	if said.Has("usage") {
		stream.Usage(usage(said))
	}
	if said.True("done") {
		stream.Done()
	}
	return nil
}

// Reason finds the vendor's words in a refusal.
func (vendor) Reason(said arete.Object) string { return said.String("error") }

var words = map[string]arete.FinishReason{"stop": arete.EndTurn, "length": arete.MaxTokens}

func usage(said arete.Object) arete.Usage {
	counts := said.Object("usage")
	return arete.Usage{InputTokens: arete.Count(counts, "in"), OutputTokens: arete.Count(counts, "out")}
}
