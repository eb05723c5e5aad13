package batches

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// An operation is a job as Google AI describes it.
// https://ai.google.dev/api/batch-api#Operation
type operation struct {
	Name     string     `json:"name"`
	Metadata metadata   `json:"metadata"`
	Done     bool       `json:"done,omitempty"` // left out, not false, until it is done
	Error    *rowStatus `json:"error,omitempty"`
	Response *response  `json:"response,omitempty"`
}

type metadata struct {
	Type        string       `json:"@type"`
	Model       string       `json:"model"`
	DisplayName string       `json:"displayName,omitempty"`
	Input       *inputConfig `json:"inputConfig,omitempty"` // of a file; rows are not echoed
	Output      *output      `json:"output,omitempty"`
	Created     string       `json:"createTime"`
	Ended       string       `json:"endTime,omitempty"`
	Updated     string       `json:"updateTime"`
	Stats       stats        `json:"batchStats"`
	State       string       `json:"state"`
	Name        string       `json:"name"`
	Priority    string       `json:"priority,omitempty"`
}

type inputConfig struct {
	FileName string `json:"fileName"`
}

type output struct {
	ResponsesFile string   `json:"responsesFile,omitempty"`
	Inlined       *inlined `json:"inlinedResponses,omitempty"`
}

type inlined struct {
	Responses []json.RawMessage `json:"inlinedResponses"`
}

type response struct {
	Type string `json:"@type"`
	*output
}

type stats struct {
	Requests  count `json:"requestCount,omitempty"`
	Succeeded count `json:"successfulRequestCount,omitempty"`
	Failed    count `json:"failedRequestCount,omitempty"`
	Pending   count `json:"pendingRequestCount,omitempty"`
}

// A count is an int64, which JSON has as a string. Zero is left out.
type count int64

func (c count) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(c), 10), nil }

const (
	metadataType = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"
	responseType = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatchOutput"
)

// name is what the API calls the job.
func (j *job) name() string {
	if j.vertex != nil {
		return j.vertex.name
	}
	return "batches/" + j.id
}

// visible returns how far a job is, and catches up with it. A job whose rows another call
// answers at this moment is still running.
func (s *Service) visible(j *job, now time.Time) (phase, error) {
	if j.vertex != nil && j.phase(now) != pending {
		j.vertex.begin()
	}
	p := j.phase(now)
	if !p.ended() || j.finished(p) {
		return p, nil
	}
	if !j.mu.TryLock() {
		return running, nil
	}
	defer j.mu.Unlock()
	if err := s.finish(j, p, time.Now().Add(visit)); err != nil {
		return p, err
	}
	if p = j.phase(now); !j.finished(p) {
		return running, nil
	}
	return p, nil
}

// describe returns a job as a call finds it, with the results that are in its description
// if whole is set.
func (s *Service) describe(j *job, now time.Time, hits map[string]string, whole bool) (any, *wire.Error) {
	p, err := s.visible(j, now)
	if err != nil {
		return nil, wire.Internal()
	}
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	o := operation{Name: j.name()}
	m := &o.Metadata
	*m = metadata{
		Type: metadataType, Model: "models/" + j.model.Name, Name: j.name(),
		Created: stamp(j.created), Updated: stamp(j.created),
		State: "BATCH_STATE_" + string(p),
	}
	m.DisplayName, m.Priority = j.label.get()
	if j.inputName != "" {
		m.Input = &inputConfig{j.inputName}
	}
	m.Stats = j.count(p, now)
	if p.ended() {
		o.Done = true
		m.Ended = stamp(j.endTime(p))
		m.Updated = m.Ended
	}
	switch p {
	case failed:
		code := int(integer(j.plan.hits["failed"], 13))
		o.Error = &rowStatus{code, codeText(code)}
	case cancelled:
		// The documents say 1, and 13 is what was seen.
		o.Error = &rowStatus{13, "The operation was cancelled."}
		if j.plan.has("cancel1") {
			o.Error.Code = 1
		}
	case expired:
		o.Error = &rowStatus{4, "The batch expired before it was processed."}
	}
	if j.shows(s, p, now) {
		out, e := j.output(s.faults, whole)
		if e != nil {
			return nil, e
		}
		m.Output = out
		if out != nil && out.Inlined != nil {
			s.ledger.fetched(j)
		}
		if out != nil && p == succeeded {
			o.Response = &response{responseType, out}
		}
	}
	if v, ok := hits["unknownstate"]; ok {
		m.State = v
		if v == "" {
			m.State = "BATCH_STATE_REVIEWING"
		}
	}
	if _, ok := hits["jobstate"]; ok {
		m.State = strings.Replace(m.State, "BATCH_STATE_", "JOB_STATE_", 1)
	}
	return o, nil
}

// count returns the numbers of a job. Those of one that runs move, unless it is frozen.
func (j *job) count(p phase, now time.Time) stats {
	st := stats{Requests: count(j.rows)}
	switch {
	case !p.ended() && j.plan.has("frozen"):
		st.Pending = st.Requests
	case !p.ended():
		st.Succeeded = count(j.share(now))
		st.Pending = st.Requests - st.Succeeded
	default:
		j.mu.Lock()
		defer j.mu.Unlock()
		st.Succeeded, st.Failed = count(j.progress.good), count(j.progress.bad)
		if p == cancelled || p == expired || p == failed {
			st.Pending = st.Requests - st.Succeeded - st.Failed
		}
	}
	return st
}

// output returns where a job's results are, or the results themselves.
func (j *job) output(f *faults, whole bool) (*output, *wire.Error) {
	if !j.inlines() {
		return &output{ResponsesFile: "files/" + j.resultID()}, nil
	}
	if !whole {
		return nil, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	results := []json.RawMessage{}
	if j.progress.results != nil {
		if v, ok := f.setting("inline503"); ok && j.progress.results.Size() > integer(v, 0) {
			return nil, wire.Overloaded()
		}
		r := bufio.NewReader(j.progress.results.Reader())
		for {
			line, err := r.ReadBytes('\n')
			if line = bytes.TrimSpace(line); len(line) > 0 {
				results = append(results, line)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, wire.Internal()
			}
		}
	}
	return &output{Inlined: &inlined{results}}, nil
}

// Get answers GET batches/{id}.
func (s *Service) Get(c *Call) (any, *wire.Error) {
	hits, e := s.faults.drawPoll(c)
	if e != nil {
		return nil, e
	}
	j, e := s.find(c)
	if e != nil {
		return nil, e
	}
	return s.describe(j, time.Now(), hits, true)
}

// drawPoll does what faults do to a poll, and returns those that change what it finds.
func (f *faults) drawPoll(c *Call) (map[string]string, *wire.Error) {
	hits := f.draw(onPoll)
	if v, ok := hits["slowpoll"]; ok {
		pause(c.R, faultvalue.Duration(v, 2*time.Second))
	}
	for kind, e := range map[string]*wire.Error{"poll500": wire.Internal(), "poll503": wire.Overloaded(), "poll404": wire.BatchNotFound()} {
		if _, ok := hits[kind]; ok {
			return nil, e
		}
	}
	if _, ok := hits["pollreset"]; ok {
		panic(http.ErrAbortHandler) // the documented way to break a connection
	}
	return hits, nil
}

// List answers GET batches, the youngest first. Results that are in a description are left
// out.
func (s *Service) List(c *Call) (any, *wire.Error) {
	jobs, next, e := s.list(c, func(*job) bool { return true })
	if e != nil {
		return nil, e
	}
	var page struct {
		Operations []any  `json:"operations,omitempty"`
		Next       string `json:"nextPageToken,omitempty"`
	}
	page.Next = next
	now := time.Now()
	for _, j := range jobs {
		o, e := s.describe(j, now, nil, false)
		if e != nil {
			return nil, e
		}
		page.Operations = append(page.Operations, o)
	}
	return page, nil
}

// list returns a page of the project's jobs, the youngest first.
func (s *Service) list(c *Call, wanted func(*job) bool) (jobs []*job, next string, e *wire.Error) {
	hits := s.faults.draw(onList)
	if _, ok := hits["list500"]; ok {
		return nil, "", wire.Internal()
	}
	if _, ok := hits["list503"]; ok {
		return nil, "", wire.Overloaded()
	}
	delay := time.Duration(0)
	if v, ok := s.faults.setting("listdelay"); ok {
		delay = faultvalue.Duration(v, 5*time.Second)
	}
	q := c.R.URL.Query()
	size := 50
	if n, err := strconv.Atoi(q.Get("pageSize")); err == nil && n > 0 {
		size = min(n, 100)
	}
	if v, ok := s.faults.setting("listpage"); ok {
		size = min(size, int(max(integer(v, 1), 1)))
	}
	// A token is the number of the last job of the page before, so that jobs that come
	// meanwhile move nothing.
	last, _ := strconv.Atoi(q.Get("pageToken"))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range slices.Backward(s.order) {
		if j.project != c.Project || last > 0 && j.serial >= last || time.Since(j.created) < delay || !wanted(j) {
			continue
		}
		if len(jobs) == size {
			return jobs, strconv.Itoa(jobs[size-1].serial), nil
		}
		jobs = append(jobs, j)
	}
	return jobs, "", nil
}

// Cancel answers POST batches/{id}:cancel, and that of batchPredictionJobs. The job ends at
// once, unless a fault finishes it.
func (s *Service) Cancel(c *Call) (any, *wire.Error) {
	j, e := s.find(c)
	if e != nil {
		return nil, e
	}
	now := time.Now()
	if j.phase(now).ended() || !j.cancelledAt.CompareAndSwap(nil, &now) {
		return nil, wire.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "The batch has ended, and cannot be cancelled.")
	}
	return struct{}{}, nil
}

// Delete answers DELETE batches/{id}. What was answered by then is billed.
func (s *Service) Delete(c *Call) (any, *wire.Error) {
	j, e := s.find(c)
	if e != nil {
		return nil, e
	}
	s.end(j)
	return struct{}{}, nil
}

// end bills what a job has answered, and forgets it with its results.
func (s *Service) end(j *job) {
	now := time.Now()
	if !j.phase(now).ended() {
		j.cancelledAt.CompareAndSwap(nil, &now)
	}
	_ = s.catchUp(j, now) // nobody asks for it any more
	s.ledger.deleted(j)
	s.remove(j)
}

// Update answers PATCH batches/{id}:updateGenerateContentBatch, and returns the batch, not
// the operation.
func (s *Service) Update(c *Call) (any, *wire.Error) {
	j, e := s.find(c)
	if e != nil {
		return nil, e
	}
	b, e := wire.ParseBatchUpdate(c.Body)
	if e != nil {
		return nil, e
	}
	mask := strings.FieldsFunc(c.R.URL.Query().Get("updateMask"), func(r rune) bool { return r == ',' })
	covers := func(field string, given bool) bool {
		return slices.Contains(mask, field) || len(mask) == 0 && given
	}
	for i, field := range mask {
		switch field {
		case "display_name":
			mask[i] = "displayName"
		case "displayName", "priority":
		default:
			return nil, wire.Invalid("Invalid update mask: %s cannot be updated.", field)
		}
	}
	j.label.mu.Lock()
	if covers("displayName", b.DisplayName != "") {
		j.label.displayName = b.DisplayName
	}
	if covers("priority", b.Priority != "") {
		j.label.priority = b.Priority.String()
	}
	j.label.mu.Unlock()
	o, e := s.describe(j, time.Now(), nil, false)
	if e != nil {
		return nil, e
	}
	return o.(operation).Metadata, nil
}

// writeRow writes a row as a line.
func writeRow(c *filestore.Content, row *wire.BatchRow) error {
	var b bytes.Buffer
	if err := wire.Encode(&b, row); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err := c.Write(b.Bytes())
	return err
}
