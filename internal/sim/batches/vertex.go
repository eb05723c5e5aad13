package batches

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/genbatch/genbatch/internal/sim/chance"
	"github.com/genbatch/genbatch/internal/sim/cloud"
	"github.com/genbatch/genbatch/internal/sim/faultvalue"
	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// vertexLife is how long a job of Vertex AI may wait.
const vertexLife = 72 * time.Hour

// vertexTime is how Vertex AI writes a time.
const vertexTime = "2006-01-02T15:04:05.000000Z"

// A vertexPart is what a job of Vertex AI has besides.
type vertexPart struct {
	name      string // projects/…/locations/…/batchPredictionJobs/…
	asked     wire.PredictionJob
	directory string // of the results
	storage   cloud.Storage
	shards    int

	begun    sync.Once
	broken   atomic.Pointer[rowStatus] // why the job fails
	exported atomic.Bool
}

// Vertex is the batch API of Vertex AI.
type Vertex struct{ *Service }

// projectNumber returns the number of a project, which is in the names of its jobs.
func projectNumber(project string) string {
	if _, err := strconv.ParseUint(project, 10, 64); err == nil {
		return project
	}
	return strconv.FormatUint(100_000_000_000+chance.Hash(project)%900_000_000_000, 10)
}

// VertexProject returns the project of a path that begins with projects/{p}/locations/{l}/.
// A project's id and its number come to the same.
func VertexProject(parent string) string {
	f := strings.Split(parent, "/")
	return projectNumber(f[1]) + "/" + f[3]
}

// Create answers a POST of batchPredictionJobs.
func (s Vertex) Create(c *Call) (any, *wire.Error) {
	hits := s.faults.draw(onCreate)
	if v, ok := hits["slowcreate"]; ok {
		pause(c.R, faultvalue.Duration(v, 2*time.Second))
	}
	if reply, e := s.refuseCreate(hits); reply != nil || e != nil {
		return reply, e
	}
	asked, model, e := wire.ParsePredictionJob(c.Body, c.Models...)
	if e != nil {
		return nil, e
	}
	if s.config.Storage == "" {
		return nil, wire.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "The simulator was not told which Cloud Storage to read: see --batch-storage.")
	}
	j := &job{id: strconv.FormatInt(1e18+rand.Int64N(8e18), 10), project: c.Project, model: model, answers: c.Rows, inputName: asked.Input.GCS.URIs[0]}
	j.label.displayName = asked.DisplayName
	project, location, _ := strings.Cut(c.Project, "/")
	j.vertex = &vertexPart{
		name:    "projects/" + project + "/locations/" + location + "/batchPredictionJobs/" + j.id,
		asked:   *asked,
		storage: cloud.Storage{Address: s.config.Storage, Client: &http.Client{Transport: s.config.Transport}},
		shards:  1,
	}
	var err error
	if j.input, err = filestore.NewContent(); err != nil {
		return nil, wire.Internal()
	}
	j.load()
	j.created = time.Now() // its time begins when it has been read
	j.vertex.directory = strings.TrimSuffix(asked.Output.GCS.Prefix, "/") + "/prediction-model-" + j.created.UTC().Format(vertexTime)
	if e := s.add(j, 0); e != nil {
		j.release()
		return nil, e
	}
	return s.afterCreate(j, hits)
}

// load reads the input of a job that nobody else knows yet. The job says later what is wrong
// with it.
func (j *job) load() {
	v := j.vertex
	for _, uri := range v.asked.Input.GCS.URIs {
		if err := v.storage.Get(uri, j.input); err != nil {
			v.fail(err)
			return
		}
	}
	var im cloud.Importer
	err := blocks(j.input, 0, func() int { return blockRows }, func(b block) error {
		for _, line := range b.lines {
			if err := im.Line(line); err != nil {
				return err
			}
			row, _ := parseRow(line)
			tokens, _ := j.answers.Check(&j.model, row.Request) // what is refused is a row that has failed
			j.rows, j.tokens = j.rows+1, j.tokens+int64(tokens)
		}
		return nil
	})
	if err == nil && j.rows == 0 {
		err = errors.New("the input is empty")
	}
	if err != nil {
		v.broken.Store(&rowStatus{3, "Failed to import data. " + err.Error()})
	}
}

// fail makes the job fail for what Cloud Storage has refused.
func (v *vertexPart) fail(err error) {
	code := 13
	if e, ok := errors.AsType[*cloud.Error](err); ok {
		switch e.Status {
		case http.StatusNotFound:
			code = 9
		case http.StatusForbidden, http.StatusUnauthorized:
			code = 7
		}
	}
	v.broken.Store(&rowStatus{code, "Cloud Storage: " + err.Error()})
}

// begin looks, when the job begins to run, whether its input is still there.
func (v *vertexPart) begin() {
	v.begun.Do(func() {
		for _, uri := range v.asked.Input.GCS.URIs {
			if err := v.storage.Stat(uri); err != nil && v.broken.Load() == nil {
				v.fail(err)
			}
		}
	})
}

// writeLine writes a result. It has the members of the row, as they come out of the table
// into which it was imported.
func (v *vertexPart) writeLine(b *bytes.Buffer, row *vertexRow, a *Answer) {
	line := map[string]any{}
	for name, value := range row.members {
		line[name] = cloud.Imported(value)
	}
	line["request"] = row.request
	line["processed_time"] = time.Now().UTC().Format(vertexTime)
	line["status"] = ""
	if a.Response != nil {
		line["response"] = json.RawMessage(a.Response)
	} else {
		status, text := httpStatus(a.Code)
		detail, _ := json.Marshal(map[string]any{"error": map[string]any{"code": status, "message": a.Message, "status": text}}) // cannot fail
		line["status"] = http.StatusText(status) + ": " + string(detail)
	}
	_ = wire.Encode(b, line) // cannot fail for what was JSON
	b.WriteByte('\n')
}

// A vertexRow is a line of an input.
type vertexRow struct {
	request any
	members map[string]any // the others
}

func parseVertexRow(line []byte) *vertexRow {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var members map[string]any
	_ = dec.Decode(&members) // was read before
	r := &vertexRow{members["request"], members}
	delete(members, "request")
	return r
}

// renamed returns the row of somebody else: every text among its members is another.
func (r *vertexRow) renamed() *vertexRow {
	other := &vertexRow{r.request, map[string]any{}}
	for name, v := range r.members {
		if text, ok := v.(string); ok {
			v = "not-yours-" + text
		}
		other.members[name] = v
	}
	return other
}

// httpStatus returns the status and the canonical code of a row's error.
func httpStatus(code int) (int, string) {
	switch code {
	case 3:
		return http.StatusBadRequest, "INVALID_ARGUMENT"
	case 4:
		return http.StatusGatewayTimeout, "DEADLINE_EXCEEDED"
	case 5:
		return http.StatusNotFound, "NOT_FOUND"
	case 7:
		return http.StatusForbidden, "PERMISSION_DENIED"
	case 8:
		return http.StatusTooManyRequests, "RESOURCE_EXHAUSTED"
	case 14:
		return http.StatusServiceUnavailable, "UNAVAILABLE"
	}
	return http.StatusInternalServerError, "INTERNAL"
}

// export writes the results to Cloud Storage, once, and reports whether it has. Its caller
// holds the job's mutex.
func (v *vertexPart) export(j *job, p phase) bool {
	results := j.progress.results
	if v.exported.Load() {
		return false
	}
	defer v.exported.Store(true)
	if p == failed || results == nil {
		return false
	}
	if n, ok := j.plan.hits["shards"]; ok {
		v.shards = int(max(integer(n, 3), 1))
	}
	from := int64(0)
	for i := range v.shards {
		name := "/predictions.jsonl"
		if i > 0 {
			name = fmt.Sprintf("/predictions-%05d.jsonl", i)
		}
		to, err := lineEnd(results, results.Size()*int64(i+1)/int64(v.shards))
		if err == nil {
			err = v.storage.Put(v.directory+name, io.NewSectionReader(results.Reader(), from, to-from), to-from)
		}
		if err != nil {
			v.fail(err) // the rows are answered, and lost
			return false
		}
		from = to
	}
	return true
}

// lineEnd returns where the line ends that holds the byte before an offset.
func lineEnd(c *filestore.Content, offset int64) (int64, error) {
	r := c.ReaderAt(max(offset-1, 0))
	at := max(offset-1, 0)
	block := make([]byte, 64<<10)
	for at < c.Size() {
		n, err := r.Read(block)
		if i := bytes.IndexByte(block[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		if at += int64(n); err != nil && err != io.EOF {
			return 0, err
		}
	}
	return c.Size(), nil
}

// A predictionJob is a job as Vertex AI describes it.
type predictionJob struct {
	Name        string                `json:"name"`
	DisplayName string                `json:"displayName"`
	Model       string                `json:"model"`
	Input       wire.PredictionInput  `json:"inputConfig"`
	Output      wire.PredictionOutput `json:"outputConfig"`
	Info        *outputInfo           `json:"outputInfo,omitempty"`
	State       string                `json:"state"`
	Error       *rowStatus            `json:"error,omitempty"`
	Stats       *completionStats      `json:"completionStats,omitempty"`
	Created     string                `json:"createTime"`
	Started     string                `json:"startTime,omitempty"`
	Ended       string                `json:"endTime,omitempty"`
	Updated     string                `json:"updateTime"`
}

type outputInfo struct {
	Directory string `json:"gcsOutputDirectory"`
}

type completionStats struct {
	Successful string `json:"successfulCount,omitempty"`
	Failed     string `json:"failedCount,omitempty"`
	Incomplete string `json:"incompleteCount,omitempty"`
}

// describe returns a job as a call finds it.
func (s Vertex) describe(j *job, hits map[string]string) any {
	now := time.Now()
	p, err := s.visible(j, now)
	if err != nil {
		p = running // the next call tries again
	}
	stamp := func(t time.Time) string { return t.UTC().Format(vertexTime) }
	v := j.vertex
	d := predictionJob{
		Name: v.name, Model: v.asked.Model, Input: v.asked.Input, Output: v.asked.Output,
		State: "JOB_STATE_" + string(p), Created: stamp(j.created), Updated: stamp(j.created),
	}
	d.DisplayName, _ = j.label.get()
	if p != pending {
		d.Started = stamp(j.plan.pendingUntil)
	}
	if state, ok := hits["unknownstate"]; ok {
		d.State = cmp.Or(state, "JOB_STATE_REVIEWING")
	}
	if !p.ended() {
		return d
	}
	d.Ended = stamp(j.endTime(p))
	d.Updated = d.Ended
	d.Info = &outputInfo{v.directory}
	switch broken := v.broken.Load(); {
	case p == cancelled:
		d.Error = &rowStatus{1, "CANCELED"}
	case p == failed && broken != nil:
		d.Error = broken
	case p == failed:
		code := integer(cmp.Or(j.plan.hits["failed"], "13"), 13)
		if n, ok := j.plan.hits["importcode"]; ok {
			code = integer(n, 9)
		} else if n, ok := j.plan.hits["exportcode"]; ok {
			code = integer(n, 7)
		}
		d.Error = &rowStatus{int(code), codeText(int(code))}
	}
	st := j.count(p, now)
	if st.Succeeded+st.Failed > 0 {
		d.Stats = &completionStats{decimal(st.Succeeded), decimal(st.Failed), decimal(st.Pending)}
	}
	if j.plan.has("nocounts") {
		d.Stats = &completionStats{Incomplete: "-1"}
	}
	return d
}

func decimal(n count) string { return strconv.FormatInt(int64(n), 10) }

// Get answers GET batchPredictionJobs/{id}.
func (s Vertex) Get(c *Call) (any, *wire.Error) {
	hits, e := s.faults.drawPoll(c)
	if e != nil {
		return nil, e
	}
	j, e := s.find(c)
	if e != nil {
		return nil, e
	}
	return s.describe(j, hits), nil
}

// comparison is one condition of a list's filter.
var comparison = regexp.MustCompile(`^\s*(display_name|displayName|state)\s*(=|:)\s*"?([^"]*?)"?\s*$`)

// List answers GET batchPredictionJobs, with a filter by display name, which may end
// in an asterisk, and by state.
func (s Vertex) List(c *Call) (any, *wire.Error) {
	var conditions []func(*job) bool
	if filter := c.R.URL.Query().Get("filter"); filter != "" {
		for part := range strings.SplitSeq(filter, " AND ") {
			m := comparison.FindStringSubmatch(part)
			if m == nil {
				return nil, wire.Invalid("Invalid filter: %s", wire.Clip(filter, 200))
			}
			prefix, open := strings.CutSuffix(m[3], "*")
			conditions = append(conditions, func(j *job) bool {
				value, _ := j.label.get()
				if m[1] == "state" {
					value = "JOB_STATE_" + string(j.phase(time.Now()))
				}
				return value == m[3] || open && strings.HasPrefix(value, prefix)
			})
		}
	}
	jobs, next, e := s.list(c, func(j *job) bool {
		for _, holds := range conditions {
			if !holds(j) {
				return false
			}
		}
		return true
	})
	if e != nil {
		return nil, e
	}
	var page struct {
		Jobs []any  `json:"batchPredictionJobs,omitempty"`
		Next string `json:"nextPageToken,omitempty"`
	}
	page.Next = next
	for _, j := range jobs {
		page.Jobs = append(page.Jobs, s.describe(j, nil))
	}
	return page, nil
}

// Delete answers DELETE batchPredictionJobs/{id}. The results stay in Cloud Storage.
func (s Vertex) Delete(c *Call) (any, *wire.Error) {
	j, e := s.find(c)
	if e != nil {
		return nil, e
	}
	if p := j.phase(time.Now()); !p.ended() {
		return nil, wire.Errorf(http.StatusBadRequest, "FAILED_PRECONDITION", "The BatchPredictionJob %s is in the state JOB_STATE_%s, and cannot be deleted.", j.vertex.name, p)
	}
	s.end(j)
	parent, _, _ := strings.Cut(j.vertex.name, "/batchPredictionJobs/")
	return map[string]any{
		"name": parent + "/operations/" + j.id, "done": true,
		"response": map[string]string{"@type": "type.googleapis.com/google.protobuf.Empty"},
	}, nil
}
