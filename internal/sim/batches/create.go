package batches

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// inlineLimit is how many bytes the body of a call that brings its rows may have.
// https://ai.google.dev/gemini-api/docs/batch-api
const inlineLimit = 20 << 20

// A Raw is a body to send as it is.
type Raw string

// Create answers models/{id}:batchGenerateContent. Each call makes a job: the API
// recognises no call that comes again.
func (s *Service) Create(c *Call) (any, *wire.Error) {
	hits := s.faults.draw(onCreate)
	if v, ok := hits["slowcreate"]; ok {
		pause(c.R, faultvalue.Duration(v, 2*time.Second))
	}
	if reply, e := s.refuseCreate(hits); reply != nil || e != nil {
		return reply, e
	}
	if len(c.Body) > inlineLimit {
		return nil, wire.Invalid("Request payload size exceeds the limit: %d bytes.", inlineLimit)
	}
	b, e := wire.ParseBatch(c.Body)
	if e != nil {
		return nil, e
	}
	j := &job{
		id: newID(), project: c.Project, model: c.Model, answers: c.Rows,
		inputName: b.Input.FileName,
	}
	j.label.displayName, j.label.priority = b.DisplayName, b.Priority.String()
	if j.input, e = source(c, b); e != nil {
		return nil, e
	}
	j.rows, j.tokens, e = check(j.input, c.Rows, &j.model)
	j.created = time.Now() // its time begins when it has been read
	if e == nil {
		var enqueued int64
		if v, ok := s.faults.setting("enqueued"); ok {
			enqueued = integer(v, 3_000_000)
		}
		e = s.add(j, enqueued)
	}
	if e != nil {
		j.release()
		return nil, e
	}
	return s.afterCreate(j, hits)
}

// refuseCreate does what faults do to a call before it makes a job. If it returns nothing,
// the call goes on.
func (s *Service) refuseCreate(hits map[string]string) (any, *wire.Error) {
	has := func(kind string) bool {
		_, ok := hits[kind]
		return ok
	}
	s.mu.Lock()
	if v, ok := hits["create429"]; ok {
		s.refused429 = time.Now().Add(faultvalue.Duration(v, 0))
	}
	tooMany := has("create429") || time.Now().Before(s.refused429)
	s.mu.Unlock()
	switch {
	case tooMany:
		return nil, wire.BatchQuota()
	case has("refuse503"):
		return nil, wire.Overloaded()
	case has("create400"):
		return nil, wire.BatchInvalid()
	case has("create404"):
		return nil, wire.BatchNotFound()
	case has("createchat"):
		return Raw(`{"candidates":[{"content":{"parts":[{"text":"How can I help you?"}],"role":"model"},"finishReason":"STOP"}]}`), nil
	case has("createempty"):
		return Raw(""), nil
	}
	return nil, nil
}

// afterCreate does what faults do to the reply to a call that has made a job.
func (s *Service) afterCreate(j *job, hits map[string]string) (any, *wire.Error) {
	if _, ok := hits["lostcreate"]; ok {
		panic(http.ErrAbortHandler) // the documented way to break a connection
	}
	if _, ok := hits["create500"]; ok {
		return nil, wire.Internal()
	}
	if _, ok := hits["create503"]; ok {
		return nil, wire.Overloaded()
	}
	if j.vertex != nil {
		return Vertex{s}.describe(j, nil), nil
	}
	return s.describe(j, time.Now(), nil, true)
}

// source returns the rows of a new job, for which it is a user.
func source(c *Call, b *wire.Batch) (*filestore.Content, *wire.Error) {
	inline, file := b.Input.Requests, b.Input.FileName
	switch {
	case (inline != nil) == (file != ""):
		return nil, wire.Invalid("* BatchGenerateContentRequest.batch.input_config.source: exactly one of requests and file_name must be set\n")
	case inline != nil:
		return inlineSource(inline.Requests)
	}
	f := c.Files.Get(strings.TrimPrefix(file, "files/"), c.Project)
	switch {
	case f == nil:
		return nil, wire.BatchNotFound()
	case f.State() != "ACTIVE":
		return nil, wire.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "The File %s is not in an ACTIVE state and usage is not allowed.", f.ID)
	case f.Content == nil:
		return nil, wire.BatchInvalid()
	case !f.Content.Retain(): // deleted since
		return nil, wire.BatchNotFound()
	}
	return f.Content, nil
}

// inlineSource writes the rows that came with a call as lines, as those of a file are.
func inlineSource(rows []wire.BatchRow) (*filestore.Content, *wire.Error) {
	c, err := filestore.NewContent()
	if err != nil {
		return nil, wire.Internal()
	}
	for i := range rows {
		if writeRow(c, &rows[i]) != nil {
			_ = c.Release() // what cannot be written has no further use
			return nil, wire.Internal()
		}
	}
	return c, nil
}

// newID returns an id for a job: 36 letters and digits.
func newID() string { return strings.ToLower(rand.Text() + rand.Text())[:36] }

// pause waits, unless the caller is gone.
func pause(r *http.Request, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}
