package batches

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/genbatch/genbatch/internal/apijson"
)

// Lines writes the requests of one job. A job may have demands on all its lines together.
// Lines is for one goroutine.
type Lines struct {
	importer *importer // of Vertex AI; nil for Google AI
	model    string    // of the lines so far
	text     bytes.Buffer
}

// Lines returns what writes the requests of one job as lines.
func (s *Service) Lines() *Lines {
	l := &Lines{}
	if s.vertex != nil {
		l.importer = newImporter()
	}
	return l
}

// An UnfitError says why a row cannot be sent in a batch, though it may be sent by itself.
type UnfitError struct{ Reason string }

func (e *UnfitError) Error() string { return e.Reason }

func unfit(format string, args ...any) *UnfitError {
	return &UnfitError{fmt.Sprintf(format, args...)}
}

// Append appends the line of a request, with its line end. The error is an [*UnfitError],
// after which the line counts for nothing. A request whose line cannot be in the job would
// not fail by itself: the endpoint would refuse the job.
func (l *Lines) Append(dst []byte, key, model string, body json.RawMessage) ([]byte, error) {
	if l.model != "" && l.model != model {
		return dst, unfit("the job is for the model %s, and the row for %s", l.model, model)
	}
	top, err := apijson.ParseAsWritten(body)
	if err != nil || top == nil {
		return dst, unfit("the request is no JSON object")
	}
	if err := acceptable(top.Camel()); err != nil {
		return dst, err
	}
	// The job says the tier.
	if top.Has("serviceTier") {
		delete(top, "serviceTier")
		delete(top, "service_tier")
		if body, err = apijson.Marshal(top); err != nil {
			return dst, err
		}
	}
	if l.importer != nil {
		if body, err = l.importer.request(body); err != nil {
			return dst, err
		}
	}
	l.text.Reset()
	if err := json.Compact(&l.text, body); err != nil {
		return dst, unfit("the request is no JSON object")
	}
	l.model = model
	member := `{"key":`
	if l.importer != nil {
		member = `{"genbatch_id":`
	}
	dst = apijson.AppendString(append(dst, member...), key)
	dst = append(append(dst, `,"request":`...), l.text.Bytes()...)
	return append(dst, "}\n"...), nil
}

// acceptable finds what both endpoints certainly refuse a whole job for.
func acceptable(request apijson.Object) error {
	switch contents := bytes.TrimSpace(request["contents"]); {
	case len(contents) == 0, string(contents) == "null":
		return unfit("the request has no contents")
	case contents[0] == '[' && len(bytes.TrimSpace(contents[1:])) == 1:
		return unfit("the request has no contents")
	}
	if text := bytes.TrimSpace(request["systemInstruction"]); len(text) > 0 && string(text) != "null" && isEmptyContent(text) {
		return unfit("the system instruction is empty")
	}
	return nil
}

// isEmptyContent reports whether a content consists of empty texts.
func isEmptyContent(text []byte) bool {
	content, err := apijson.Parse(text)
	if err != nil {
		return string(text) == `""`
	}
	var parts []apijson.Object
	if json.Unmarshal(content["parts"], &parts) != nil {
		var one apijson.Object // the API reads a single object as a list of one
		if json.Unmarshal(content["parts"], &one) != nil {
			return false
		}
		parts = []apijson.Object{one}
	}
	for _, p := range parts {
		for name, value := range p {
			if name != "text" || string(value) != `""` && string(value) != "null" {
				return false
			}
		}
	}
	return true
}
