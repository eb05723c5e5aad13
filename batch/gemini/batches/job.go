package batches

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
	"github.com/genbatch/genbatch/internal/message"
)

// readJob reads the description of a job, which read turns into one.
func readJob(text []byte, read func(*operation) *Job) (*Job, error) {
	var op operation
	if err := json.Unmarshal(wire.Camel(text), &op); err != nil && !wire.Tolerable(err) || op.Name == "" {
		return nil, failed(batch.KindAnswer, "", "the answer does not describe a job")
	}
	return read(&op), nil
}

// An operation is a job as either endpoint describes it. Google AI has most of it below
// metadata. Samples and gateways also have it at the top, where Vertex AI has it.
type operation struct {
	Name string `json:"name"`
	described
	Metadata described       `json:"metadata"`
	Done     bool            `json:"done"`
	Error    *rpcStatus      `json:"error"`
	Response json.RawMessage `json:"response"`

	OutputInfo struct {
		GcsOutputDirectory string `json:"gcsOutputDirectory"`
	} `json:"outputInfo"`
	CompletionStats *struct {
		Successful count `json:"successfulCount"`
		Failed     count `json:"failedCount"`
		Incomplete count `json:"incompleteCount"`
	} `json:"completionStats"`
}

type described struct {
	DisplayName string `json:"displayName"`
	Model       string `json:"model"`
	State       string `json:"state"`
	CreateTime  string `json:"createTime"`
	EndTime     string `json:"endTime"`
	InputConfig struct {
		FileName  string `json:"fileName"`
		GcsSource struct {
			URIs []string `json:"uris"`
		} `json:"gcsSource"`
	} `json:"inputConfig"`
	BatchStats *struct {
		Requests   count `json:"requestCount"`
		Successful count `json:"successfulRequestCount"`
		Failed     count `json:"failedRequestCount"`
	} `json:"batchStats"`
	Output output `json:"output"`
	Dest   output `json:"dest"`
}

// An output says where results are, or holds them.
type output struct {
	ResponsesFile    string          `json:"responsesFile"`
	FileName         string          `json:"fileName"`
	InlinedResponses json.RawMessage `json:"inlinedResponses"` // a list, or an object with a list of the same name
}

// file returns the name of the file of results.
func (o *output) file() string { return cmp.Or(o.ResponsesFile, o.FileName) }

// lines returns the results that the output holds, each on a line.
func (o *output) lines() (all []json.RawMessage) {
	var inner output
	if json.Unmarshal(o.InlinedResponses, &inner) == nil && inner.InlinedResponses != nil {
		return inner.lines()
	}
	if json.Unmarshal(o.InlinedResponses, &all) != nil {
		return nil
	}
	for i, text := range all {
		var b bytes.Buffer
		if json.Compact(&b, text) == nil {
			all[i] = b.Bytes()
		}
	}
	return all
}

// A count is a number of rows. Protobuf writes it as a string.
type count int64

// UnmarshalJSON implements [json.Unmarshaler]. What is no number is unknown.
func (c *count) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	if *c = count(n); err != nil {
		*c = -1
	}
	return nil
}

// An rpcStatus is a google.rpc.Status.
type rpcStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// job returns the job of Google AI.
func (op *operation) job() *Job {
	m, top := &op.Metadata, &op.described
	var response output
	_ = json.Unmarshal(wire.Camel(op.Response), &response) // Camel leaves a member of this name alone
	j := &Job{
		Name:        op.Name,
		DisplayName: cmp.Or(m.DisplayName, top.DisplayName),
		Model:       modelID(cmp.Or(m.Model, top.Model)),
		Input:       cmp.Or(m.InputConfig.FileName, top.InputConfig.FileName),
		Created:     moment(cmp.Or(m.CreateTime, top.CreateTime)),
		Ended:       moment(cmp.Or(m.EndTime, top.EndTime)),
		Rows:        -1, Answered: -1, Refused: -1,
	}
	if b := cmp.Or(m.BatchStats, top.BatchStats); b != nil { // what is 0 is left out
		j.Rows, j.Answered, j.Refused = int64(b.Requests), int64(b.Successful), int64(b.Failed)
	}
	for _, o := range []*output{&m.Output, &response, &m.Dest, &top.Dest, &top.Output} {
		j.Results = cmp.Or(j.Results, o.file())
		if j.Inline == nil {
			j.Inline = o.lines()
		}
	}
	op.end(j, cmp.Or(m.State, top.State))
	if op.Error != nil {
		j.Err = op.Error.err("")
	}
	return j
}

// end sets the state of a job. What the state says counts more than the error, since a
// job that was cancelled can have the code of an internal error.
func (op *operation) end(j *Job, state string) {
	j.State = stateOf(state)
	if !op.Done || j.State.Ended() {
		return
	}
	switch e := op.Error; {
	case e == nil || *e == rpcStatus{}:
		j.State = Succeeded
	case e.Code == 1:
		j.State = Cancelled
	default:
		j.State = Failed
	}
}

// vertexJob returns the job of Vertex AI.
func (op *operation) vertexJob() *Job {
	j := &Job{
		Name: op.Name, DisplayName: op.DisplayName, Model: modelID(op.Model),
		State:   stateOf(op.State),
		Created: moment(op.CreateTime), Ended: moment(op.EndTime),
		Rows: -1, Answered: -1, Refused: -1,
		Results: op.OutputInfo.GcsOutputDirectory,
	}
	if uris := op.InputConfig.GcsSource.URIs; len(uris) > 0 {
		j.Input = uris[0]
	}
	if c := op.CompletionStats; c != nil {
		j.Answered, j.Refused = int64(c.Successful), int64(c.Failed)
		if min(c.Successful, c.Failed, c.Incomplete) >= 0 {
			j.Rows = int64(c.Successful + c.Failed + c.Incomplete)
		}
	}
	if op.Error != nil {
		j.Err = op.Error.err(vertexHints[op.Error.Code])
		j.Err.Hint = strings.ReplaceAll(j.Err.Hint, "{number}", projectOf(op.Name))
	}
	return j
}

// vertexHints are the remedies for failed jobs of Vertex AI, by google.rpc.Code.
var vertexHints = map[int]string{
	3: "the importer of Vertex AI refuses the file of requests: each place in them must have one type in all rows",
	7: "the service agent service-{number}@gcp-sa-aiplatform.iam.gserviceaccount.com needs the role roles/storage.objectUser on the bucket",
	9: "the bucket must exist, in a region that the job's location can use",
}

// projectOf returns the project's number in the name of a job.
func projectOf(name string) string {
	parts := strings.Split(name, "/")
	if len(parts) > 1 && parts[0] == "projects" {
		return parts[1]
	}
	return "PROJECT_NUMBER"
}

// err returns the error that ended a job, or nil if it says nothing.
func (s *rpcStatus) err(hint string) *batch.Error {
	if *s == (rpcStatus{}) {
		return nil
	}
	return &batch.Error{Kind: codeOf(s.Code).kind, Message: "the job ended: " + codeOf(s.Code).named(s.Message), Hint: hint}
}

// stateOf reads a state in either spelling. A job without a state has only just been made.
func stateOf(text string) State {
	name := strings.ToUpper(text)
	for _, prefix := range []string{"BATCH_STATE_", "JOB_STATE_"} {
		name = strings.TrimPrefix(name, prefix)
	}
	switch name {
	case "", "QUEUED":
		return Pending
	case "CANCELED":
		return Cancelled
	case "PARTIALLY_SUCCEEDED":
		return Partial
	}
	return State(strings.ToLower(message.OneLine(name, 40)))
}

// modelID returns a model's id without what stands before it in its path.
func modelID(name string) string {
	if i := strings.LastIndex(name, "models/"); i >= 0 && !strings.HasPrefix(name, "tunedModels/") {
		return name[i+len("models/"):]
	}
	return name
}

// moment reads a time, which is zero if it cannot be read.
func moment(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}
