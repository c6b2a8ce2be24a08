package arete

import (
	"strings"

	"wit_component/arete_provider_http"
	"wit_component/arete_provider_llm"

	"arete/jsontext"
)

// Stream is a streamed answer, to which a vendor tells what its events mean.
type Stream struct {
	vendor Vendor
	reply  *arete_provider_http.Reply
	model  string
	// told are the events that haven't been handed over yet.
	told []Event
	// failed is what is told after them.
	failed error
	// waiting are events of the vendor's that came together.
	waiting     []string
	open, begun bool
	finish      FinishReason
	reasoned    bool
	done        bool
	usage       *Usage
	// joiners hold halves of characters, by the index of their block.
	joiners map[uint32]*jsontext.Joiner
	blocks  []uint32
}

// Start tells the id and the model of the answer, where the vendor names them. Otherwise the stream begins with its first event.
func (s *Stream) Start(id, model string) {
	if s.begun {
		return
	}
	s.begun = true
	s.told = append(s.told, arete_provider_llm.MakeEventStart(arete_provider_llm.Start{Id: id, Model: model}))
}

// Text tells more of a block of text.
func (s *Stream) Text(index uint32, piece string) {
	joiner := s.joiners[index]
	if joiner == nil {
		joiner = &jsontext.Joiner{}
		s.joiners[index] = joiner
		s.blocks = append(s.blocks, index)
	}
	s.text(index, joiner.Join(piece))
}

func (s *Stream) text(index uint32, text string) {
	if text != "" {
		s.Tell(arete_provider_llm.MakeEventText(arete_provider_llm.TextDelta{Index: index, Text: text}))
	}
}

// Tell tells any event of the contract.
func (s *Stream) Tell(event Event) {
	s.Start("", s.model)
	s.told = append(s.told, event)
}

// Usage tells what the answer cost so far.
func (s *Stream) Usage(usage Usage) { s.usage = &usage }

// Finish tells why the answer stops. The end of the body is its end then.
func (s *Stream) Finish(reason FinishReason) { s.finish, s.reasoned = reason, true }

// Done tells that the vendor's mark of the end has come.
func (s *Stream) Done() { s.done = true }

// next returns what is new. Nothing means the end, and is said only after the vendor has said so.
func (s *Stream) next() ([]Event, error) {
	for len(s.told) == 0 && s.failed == nil && s.vendor != nil {
		s.failed = s.listen()
	}
	told := s.told
	s.told = nil
	if len(told) == 0 {
		return nil, s.failed
	}
	return told, nil
}

// listen reads the next event.
func (s *Stream) listen() error {
	if len(s.waiting) == 0 {
		if err := s.read(); err != nil {
			return err
		}
	}
	if len(s.waiting) == 0 {
		// A reason and a body that has ended properly are an end, too.
		if !s.reasoned {
			return Fail(Interrupted, "The vendor's answer broke off.")
		}
		return s.end()
	}
	data := s.waiting[0]
	s.waiting = s.waiting[1:]
	said, ok := jsontext.Parse(data)
	if !ok {
		// Some vendors end with a word, such as [DONE].
		if s.reasoned {
			return s.end()
		}
		return Bad("an event of it isn't a JSON object")
	}
	if err := s.vendor.Event(said, s); err != nil {
		return err
	}
	s.Start("", s.model)
	if s.done {
		return s.end()
	}
	return nil
}

func (s *Stream) end() error {
	s.vendor = nil
	for _, index := range s.blocks {
		s.text(index, s.joiners[index].Rest())
	}
	if s.usage != nil {
		s.Tell(arete_provider_llm.MakeEventUsage(*s.usage))
	}
	if !s.reasoned {
		s.finish = Finish(nil, "")
	}
	s.Tell(arete_provider_llm.MakeEventFinish(arete_provider_llm.Finish{Reason: s.finish}))
	return nil
}

// read waits for the next events. What stands before the vendor answers with a whole body, under any content type, where a stream
// was asked for, and no event would be in it: so the first one is read line by line.
func (s *Stream) read() error {
	if !s.open {
		s.open = true
		return s.first()
	}
	read := s.reply.NextEvents()
	if read.IsErr() {
		return unanswered(read.Err())
	}
	for _, event := range read.Ok() {
		s.waiting = append(s.waiting, event.Data)
	}
	return nil
}

func (s *Stream) first() error {
	var data []string
	for begun := false; ; {
		read := s.reply.NextLine()
		if read.IsErr() {
			return unanswered(read.Err())
		}
		if read.Ok().IsNone() {
			break
		}
		line := read.Ok().Some()
		if !begun {
			line = strings.TrimLeft(line, "\ufeff \t\r")
			begun = line != ""
			if strings.IndexAny(line, "{[<\"") == 0 {
				return s.noStream(line)
			}
		}
		line = strings.TrimSuffix(line, "\r")
		if more, isData := strings.CutPrefix(line, "data:"); isData {
			data = append(data, strings.TrimPrefix(more, " "))
		} else if line == "" && data != nil {
			break
		}
	}
	if data != nil {
		s.waiting = append(s.waiting, strings.Join(data, "\n"))
	}
	return nil
}

func (s *Stream) noStream(line string) error {
	read := s.reply.ReadText()
	if read.IsErr() {
		return unanswered(read.Err())
	}
	// Of a kind that isn't tried again: the vendor names none.
	if words := reason(s.vendor, line+"\n"+read.Ok()); words != "" {
		return Fail(BadResponse, words)
	}
	return Bad("a stream was asked for, and none came")
}
