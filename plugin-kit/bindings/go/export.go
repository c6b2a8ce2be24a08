package export_arete_provider_chat

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	witTypes "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/arete_provider_llm"
)

// Provider is what the component exports.
type Provider interface {
	Describe() witTypes.Result[arete_provider_llm.Info, arete_provider_llm.ProviderError]
	Complete(request arete_provider_llm.Request) witTypes.Result[arete_provider_llm.Completion, arete_provider_llm.ProviderError]
	OpenStream(request arete_provider_llm.Request) witTypes.Result[Stream, arete_provider_llm.ProviderError]
}

// Stream is a streamed answer.
type Stream interface {
	Next() witTypes.Result[[]arete_provider_llm.Delta, arete_provider_llm.ProviderError]
	Close()
}

var exported Provider

// The collector asks the host for the time, and nothing may be asked while the host itself puts a value into this memory, which
// would start a collection like any allocation. So collections are made between values only, by [collect].
func init() { debug.SetGCPercent(-1) }

// Bytes of objects up to which nothing is collected. Most calls end before.
const collectFrom = 16 << 20

var (
	collectAt uint64 = collectFrom
	objects          = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
)

// collect frees memory if there are twice as many objects as after the last time.
func collect() {
	metrics.Read(objects)
	if objects[0].Value.Uint64() < collectAt {
		return
	}
	runtime.GC()
	metrics.Read(objects)
	collectAt = max(collectFrom, 2*objects[0].Value.Uint64())
}

// Export makes a provider the component's. It is called in an `init` function, before the host calls anything.
func Export(provider Provider) { exported = provider }

// Deltas is a streamed answer in the host's hands.
type Deltas struct {
	pinner runtime.Pinner
	handle int32
	stream Stream
}

func (self *Deltas) OnDrop() { self.stream.Close() }

func (self *Deltas) Next() witTypes.Result[[]arete_provider_llm.Delta, arete_provider_llm.ProviderError] {
	collect()
	return self.stream.Next()
}

func Describe() witTypes.Result[arete_provider_llm.Info, arete_provider_llm.ProviderError] {
	return exported.Describe()
}

func Complete(request arete_provider_llm.Request) witTypes.Result[arete_provider_llm.Completion, arete_provider_llm.ProviderError] {
	collect()
	return exported.Complete(request)
}

func OpenStream(request arete_provider_llm.Request) witTypes.Result[*Deltas, arete_provider_llm.ProviderError] {
	collect()
	opened := exported.OpenStream(request)
	if opened.IsErr() {
		return witTypes.Err[*Deltas, arete_provider_llm.ProviderError](opened.Err())
	}
	return witTypes.Ok[*Deltas, arete_provider_llm.ProviderError](&Deltas{stream: opened.Ok()})
}
