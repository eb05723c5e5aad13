package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/genbatch/genbatch/internal/sim/batches"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// rows answers the rows of the jobs that one caller makes, as if each were a call of its
// own. It is the server's [batches.Rows].
type rows struct {
	server *Server
	r      *http.Request // the call that made the job, without its body and its end
	at     wire.Address
	key    string
}

// rowsOf returns what answers rows for the caller of an exchange.
func rowsOf(x *exchange) *rows {
	ended, end := context.WithCancel(context.WithoutCancel(x.r.Context()))
	end() // a row that hangs has failed
	r := x.r.Clone(ended)
	r.Body, r.Header = http.NoBody, http.Header{}
	return &rows{x.server, r, x.at, x.key}
}

// A rowWriter keeps the answer to a row.
type rowWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *rowWriter) Header() http.Header { return w.header }

func (w *rowWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *rowWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// inBatch reports whether the exchange is a row of a batch.
func (x *exchange) inBatch() bool {
	_, ok := x.w.(*rowWriter)
	return ok
}

// row returns the exchange for a row.
func (s *rows) row(m *wire.Model, request []byte) (*exchange, *rowWriter) {
	w := &rowWriter{header: http.Header{}}
	x := &exchange{server: s.server, w: w, r: s.r, at: s.at, key: s.key, model: *m, body: request}
	x.hashBody()
	// A batch answers all in the tier that it is itself. The usage calls it standard.
	x.damage.Downgraded = true
	return x, w
}

// Check returns how many tokens a request has, or why it is malformed. Whatever else is
// wrong with it shows when it is answered.
func (s *rows) Check(m *wire.Model, request []byte) (tokens int, e *wire.Error) {
	x, _ := s.row(m, request)
	missing, e := x.parse()
	if e == nil && missing == nil {
		e = x.request.Validate(s.server.config.Dialect, m, true)
	}
	if e != nil && e.HTTPStatus == http.StatusBadRequest {
		return 0, e
	}
	return wire.Sum(x.promptTokens), nil
}

// Answer answers a request, with the directives that it holds. If wrong, an answer with a
// responseJsonSchema breaks it.
func (s *rows) Answer(m *wire.Model, request []byte, wrong bool) batches.Answer {
	x, w := s.row(m, request)
	if wrong && (bytes.Contains(request, []byte("responseJsonSchema")) || bytes.Contains(request, []byte("response_json_schema"))) {
		x.damage.Rewrite = wire.BreakSchema
	}
	if !answerRow(x) {
		return batches.Answer{Code: 14, Message: "The service is currently unavailable."} // a fault cut the connection
	}
	a := batches.Answer{Message: "Internal error encountered."}
	var reply struct {
		Error *struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	body := w.body.Bytes()
	err := json.Unmarshal(body, &reply)
	if reply.Error != nil {
		a.Message = reply.Error.Message
	}
	switch {
	case w.status == 0:
		a.Code, a.Message = 4, "Deadline expired before operation could complete."
	case w.status != http.StatusOK:
		a.Code = wire.RPCCode(w.status)
	case err != nil || reply.Error != nil:
		a.Code = 13
	default:
		x.bill.Tier = "batch"
		a = batches.Answer{Response: body, Content: x.request.ContentSum(m), Bill: x.bill}
	}
	return a
}

// answerRow answers the exchange as generate does, but for quotas and latency. It reports
// whether the answer was complete.
func answerRow(x *exchange) (complete bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { // a fault cuts the connection
			complete = false
		} else if p != nil {
			panic(p)
		}
	}()
	missing, e := x.parse()
	if e == nil {
		e = x.invalid(missing, true)
	}
	if e != nil {
		x.fail(e)
		return true
	}
	x.reply()
	return true
}
