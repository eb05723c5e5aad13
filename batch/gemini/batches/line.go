package batches

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

// A Line is what a job's results say of one row.
type Line struct {
	Key      string          // as it was sent; empty if the line has none
	Response json.RawMessage // a GenerateContentResponse; nil if there is none
	Code     int             // of an error: a google.rpc.Code, or 0
	Message  string          // of an error
}

// ParseLine reads a line of results. The error is for text that is no such line, as a
// stream that broke off has it at its end.
func ParseLine(text []byte) (Line, error) {
	var v struct {
		Key       json.RawMessage `json:"key"`
		GenbatchK json.RawMessage `json:"genbatch_id"`
		CustomID  json.RawMessage `json:"custom_id"`
		Metadata  struct {
			Key json.RawMessage `json:"key"`
		} `json:"metadata"`
		Response json.RawMessage `json:"response"`
		Error    json.RawMessage `json:"error"`
		Status   json.RawMessage `json:"status"`
	}
	if t := bytes.TrimSpace(text); len(t) == 0 || t[0] != '{' {
		return Line{}, errors.New("the line is no JSON object")
	}
	if err := json.Unmarshal(text, &v); err != nil && !wire.Tolerable(err) {
		return Line{}, fmt.Errorf("the line is not JSON: %w", err)
	}
	l := Line{Key: cmp.Or(keyText(v.Key), keyText(v.GenbatchK), keyText(v.CustomID), keyText(v.Metadata.Key))}
	fault := readFault(v.Error)
	if fault == nil {
		fault = readFault(v.Status)
	}
	if fault != nil { // Vertex AI leaves the response of a failed row out, or empty
		l.Code, l.Message = fault.code, fault.message
		return l, nil
	}
	if r := bytes.TrimSpace(v.Response); len(r) > 0 && r[0] == '{' && !isEmpty(r) {
		l.Response = r
	}
	return l, nil
}

// isEmpty reports whether an object has no members.
func isEmpty(object []byte) bool { return len(bytes.TrimSpace(object[1:])) == 1 }

// keyText returns a key. Vertex AI turns keys that look like numbers into numbers.
func keyText(raw json.RawMessage) (key string) {
	if json.Unmarshal(raw, &key) != nil {
		var n json.Number
		if json.Unmarshal(raw, &n) == nil {
			return n.String()
		}
	}
	return key
}

// A fault is the error of a row.
type fault struct {
	code    int // a google.rpc.Code, or 0
	message string
}

// readFault reads the error of a row: a google.rpc.Status, or Vertex AI's text with the
// error of a single call in it. It returns nil where there is none.
func readFault(raw json.RawMessage) *fault {
	var text string
	if json.Unmarshal(raw, &text) == nil { // also for null
		if strings.TrimSpace(text) == "" {
			return nil
		}
		return textFault(text)
	}
	var v struct {
		Code    json.Number     `json:"code"`
		Message string          `json:"message"`
		Status  string          `json:"status"`
		Error   json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(raw, &v); err != nil && !wire.Tolerable(err) {
		return nil // missing
	}
	if inner := readFault(v.Error); inner != nil {
		return inner
	}
	n, _ := v.Code.Int64()
	f := fault{rpcCode(int(n)), v.Message}
	if c, ok := codeNamed(v.Status); ok {
		f.code = c
	}
	if f == (fault{}) {
		return nil
	}
	return &f
}

// textFault reads a text such as `Bad Request: {"error": {…}}`.
func textFault(text string) *fault {
	if i := strings.IndexByte(text, '{'); i >= 0 {
		if inner := readFault(json.RawMessage(text[i:])); inner != nil {
			return inner
		}
	}
	f := fault{message: text}
	for status := 400; status < 600; status++ {
		if name := http.StatusText(status); name != "" && strings.HasPrefix(strings.ToLower(text), strings.ToLower(name)) {
			f.code = rpcCode(status)
		}
	}
	return &f
}

// A code says what follows for a row from a google.rpc.Code.
type code struct {
	name        string
	consequence batch.Consequence
	status      batch.Status // if the outcome is final
	kind        batch.Kind
	retries     int // 0 means as many as the engine allows
	http        int // the status that single calls have for it
}

// codes is the table of google.rpc.Code. What may go otherwise in another job, or in a
// single call, is retried. The run is never stopped: other rows of the job were answered
// with the same key.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
var codes = [...]code{
	0:  {"", batch.Retry, batch.Failed, batch.KindServer, 0, 500},
	1:  {"CANCELLED", batch.Retry, batch.Failed, batch.KindServer, 0, 499},             // with its job
	2:  {"UNKNOWN", batch.Retry, batch.Failed, batch.KindServer, 0, 500},               //
	3:  {"INVALID_ARGUMENT", batch.Settled, batch.Rejected, batch.KindRequest, 0, 400}, // the row itself
	4:  {"DEADLINE_EXCEEDED", batch.Retry, batch.Failed, batch.KindTimeout, 0, 504},
	5:  {"NOT_FOUND", batch.Retry, batch.Rejected, batch.KindRequest, 1, 404},           // a file that expired while the job waited is uploaded again
	6:  {"ALREADY_EXISTS", batch.Retry, batch.Failed, batch.KindServer, 1, 409},         // nothing that a row asks for
	7:  {"PERMISSION_DENIED", batch.Retry, batch.Rejected, batch.KindKey, 1, 403},       // a file of another project, or one that expired
	8:  {"RESOURCE_EXHAUSTED", batch.Retry, batch.Failed, batch.KindQuota, 0, 429},      //
	9:  {"FAILED_PRECONDITION", batch.Retry, batch.Rejected, batch.KindRequest, 1, 400}, // a file that was not ready
	10: {"ABORTED", batch.Retry, batch.Failed, batch.KindServer, 0, 409},
	11: {"OUT_OF_RANGE", batch.Settled, batch.Rejected, batch.KindRequest, 0, 400},  // more tokens than the model takes
	12: {"UNIMPLEMENTED", batch.Settled, batch.Rejected, batch.KindRequest, 0, 501}, // what batches of this model do not do
	13: {"INTERNAL", batch.Retry, batch.Failed, batch.KindServer, 0, 500},
	14: {"UNAVAILABLE", batch.Retry, batch.Failed, batch.KindOverload, 0, 503},
	15: {"DATA_LOSS", batch.Retry, batch.Failed, batch.KindServer, 0, 500},
	16: {"UNAUTHENTICATED", batch.Retry, batch.Failed, batch.KindKey, 1, 401}, // of a file, since the job was accepted
}

// codeOf returns what the table says of a code, and for one that it does not have what it
// says of an unknown error.
func codeOf(n int) *code {
	if n = rpcCode(n); n >= len(codes) || n < 0 {
		n = 2
	}
	return &codes[n]
}

// named returns a message with the name of the code before it.
func (c *code) named(message string) string {
	switch {
	case c.name == "" || strings.HasPrefix(message, c.name):
		return cmp.Or(message, "no reason is given")
	case message == "":
		return c.name
	}
	return c.name + ": " + message
}

func codeNamed(name string) (int, bool) {
	for n := range codes {
		if name != "" && codes[n].name == strings.ToUpper(name) {
			return n, true
		}
	}
	return 0, false
}

// rpcCode returns the google.rpc.Code of an HTTP status, which some servers put in its
// place. Other numbers stay.
func rpcCode(n int) int {
	if n < 100 {
		return n
	}
	for _, c := range []int{3, 16, 7, 5, 10, 8, 1, 13, 12, 14, 4} { // the first of those with one status
		if codes[c].http == n {
			return c
		}
	}
	switch {
	case n == http.StatusRequestTimeout:
		return 4
	case n/100 == 4:
		return 3
	}
	return 13
}

// Outcome says what a row came to, by the rules for single calls, and for error codes by a
// table of their own. It is never Stop: the rows of a job have all been asked already.
func (s *Service) Outcome(l *Line) batch.Outcome {
	var o batch.Outcome
	if l.Response != nil {
		o = s.at.client.Classify(http.StatusOK, nil, l.Response)
	} else {
		o = s.failure(l)
	}
	switch o.Consequence {
	case batch.Stop, batch.SlowDown, batch.Park:
		o.Consequence = batch.Retry
		o.Status = cmp.Or(o.Status, batch.Failed)
	}
	// What a batch meets says nothing about single calls, nor about the next row. The
	// answers themselves say standard of their tier, and are billed by that of their job.
	o.Refusal, o.Limits, o.RetryAfter = "", nil, 0
	o.Tier = "batch"
	return o
}

// failure returns the outcome of a row without a response. Its text is judged like that of
// a single call, which finds filters and inputs that are too long. Otherwise the code counts.
func (s *Service) failure(l *Line) batch.Outcome {
	if l.Code == 0 && l.Message == "" {
		return batch.Outcome{Consequence: batch.Retry, Status: batch.Failed, MaybeBilled: true, Err: &batch.Error{
			Kind: batch.KindAnswer, Message: "the batch has neither an answer nor an error for the row",
		}}
	}
	c := codeOf(l.Code)
	status := http.StatusInternalServerError // which leaves it to the text
	if c.consequence == batch.Settled {
		status = http.StatusBadRequest
	}
	body, err := json.Marshal(map[string]any{"error": map[string]any{"code": status, "status": c.name, "message": l.Message}})
	if err != nil {
		body = nil // not for text
	}
	o := s.at.client.Classify(http.StatusOK, nil, body)
	text := strings.TrimPrefix(o.Err.Message, fmt.Sprintf("error %d in a 200 answer: ", status))
	switch o.Err.Kind {
	case batch.KindContent, batch.KindRequest, batch.KindCache:
		o.Err.InBody = 0
	default:
		v := *c
		if o.Consequence == batch.Stop { // such as for a key, whatever the code says
			v = code{consequence: batch.Retry, status: batch.Failed, kind: o.Err.Kind}
		}
		o = batch.Outcome{Consequence: v.consequence, Status: v.status, MaxRetries: v.retries, Err: &batch.Error{Kind: v.kind, Hint: o.Err.Hint}}
	}
	o.Err.HTTPStatus, o.Err.Message = 0, "the batch answered: "+c.named(text)
	o.MaybeBilled = false // rows with errors are not billed
	return o
}
