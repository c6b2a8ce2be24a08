package arete

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"wit_component/arete_provider_http"

	"arete/jsontext"
)

// ask sends a question. What comes back has been accepted; a refusal is an error.
func ask(vendor Vendor, request *Request, stream bool) (*arete_provider_http.Reply, error) {
	question, err := vendor.Ask(request, stream)
	if err != nil {
		return nil, err
	}
	base, err := Setting("base-url")
	if err != nil {
		return nil, err
	}
	text, err := body(request, question.Body)
	if err != nil {
		return nil, err
	}
	accept := "application/json"
	if stream {
		accept = "text/event-stream"
	}
	headers := []arete_provider_http.Header{{Name: "content-type", Value: "application/json"}, {Name: "accept", Value: accept}}
	for name, value := range question.Headers {
		headers = append(headers, arete_provider_http.Header{Name: name, Value: value})
	}
	sent := arete_provider_http.Send(arete_provider_http.HttpRequest{
		Method: "POST", Url: strings.TrimRight(base, "/") + question.Path, Headers: headers, Body: Some(arete_provider_http.MakeBodyText(text)),
	})
	if sent.IsErr() {
		return nil, unanswered(sent.Err())
	}
	reply := sent.Ok()
	if status := reply.Status(); status < 200 || 299 < status {
		defer reply.Drop()
		return nil, refusal(vendor, reply, status)
	}
	return reply, nil
}

var kinds = map[uint16]Kind{
	401: Credentials, 402: Billing, 403: Credentials, 404: NotFound, 408: Timeout, 413: TooLarge, 429: RateLimited,
	503: Overloaded, 504: Timeout, 529: Overloaded,
}

// refusal returns the error of an answer whose status isn't a success. Its body may be anything: what stands before the vendor
// may answer with a page of its own.
func refusal(vendor Vendor, reply *arete_provider_http.Reply, status uint16) error {
	kind, known := kinds[status]
	switch {
	case known:
	case 400 <= status && status <= 499:
		kind = InvalidRequest
	case 500 <= status:
		kind = VendorFailed
	default:
		kind = BadResponse
	}
	message := ""
	if read := reply.ReadText(); read.IsOk() {
		message = reason(vendor, read.Ok())
	}
	if message == "" {
		message = fmt.Sprintf("The vendor answered HTTP %d without a reason.", status)
	}
	failure := Fail(kind, message)
	failure.Status = Some(status)
	// The vendor's advice, which the host follows.
	if advice := reply.FindHeader("x-should-retry"); advice.IsSome() {
		failure.Extra = Some(jsontext.Write(Fields{"x-should-retry": firstLetters(advice.Some(), 100)}))
	}
	if wait := reply.FindHeader("retry-after"); wait.IsSome() {
		if seconds, err := strconv.ParseFloat(strings.TrimSpace(wait.Some()), 64); err == nil && seconds >= 0 {
			failure.RetryAfterMs = Some(uint32(min(math.Ceil(seconds*1000), math.MaxUint32)))
		}
	}
	return failure
}

// reason returns the vendor's words in a body. Nothing of a body is certain.
func reason(vendor Vendor, body string) string {
	said, ok := jsontext.Parse(body)
	if !ok {
		return ""
	}
	return vendor.Reason(said)
}

func firstLetters(text string, most int) string {
	if len(text) > most {
		text = text[:most]
	}
	return text
}

// unanswered returns what kept a question from being sent, or its answer from being read.
func unanswered(failure arete_provider_http.HttpError) error {
	switch failure.Tag() {
	case arete_provider_http.HttpErrorDenied:
		return Fail(Denied, failure.Denied())
	case arete_provider_http.HttpErrorInvalid:
		return Fail(InvalidRequest, failure.Invalid())
	case arete_provider_http.HttpErrorConnection:
		return Fail(Connection, failure.Connection())
	case arete_provider_http.HttpErrorTimeout:
		return Fail(Timeout, failure.Timeout())
	case arete_provider_http.HttpErrorInterrupted:
		return Fail(Interrupted, failure.Interrupted())
	case arete_provider_http.HttpErrorTooLarge:
		return Fail(BadResponse, failure.TooLarge())
	case arete_provider_http.HttpErrorNotText:
		return Fail(BadResponse, failure.NotText())
	default:
		return Fail(Other("http"), failure.Other())
	}
}
