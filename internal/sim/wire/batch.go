package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"strings"
)

// A Batch is the body of batchGenerateContent.
// https://ai.google.dev/api/batch-api#generatecontentbatch
type Batch struct {
	DisplayName string      `json:"displayName"`
	Model       string      `json:"model"`
	Priority    json.Number `json:"priority"` // a number, or a string that holds one
	Input       struct {
		FileName string `json:"fileName"`
		Requests *struct {
			Requests []BatchRow `json:"requests"`
		} `json:"requests"`
	} `json:"inputConfig"`
}

// A BatchRow is one request of a batch, in the body or as a line of a file. A body's row
// has Metadata, and a line has a Key. Further members of a line are ignored, as the API
// ignores them.
type BatchRow struct {
	Key      *string         `json:"key,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Request  json.RawMessage `json:"request"`
}

var (
	batchFields = message{
		"name": nil, "displayName": nil, "model": nil, "priority": nil, "webhookConfig": nil,
		"inputConfig": {"fileName": nil, "requests": {"requests": {"request": nil, "metadata": nil}}},
	}
	batchBody = message{"batch": batchFields}
)

// ParseBatch reads the body of batchGenerateContent.
func ParseBatch(body []byte) (*Batch, *Error) {
	var b struct{ Batch *Batch }
	if e := reread(body, batchBody, &b); e != nil {
		return nil, e
	}
	if b.Batch == nil {
		return nil, Invalid("* BatchGenerateContentRequest.batch: batch is not specified\n")
	}
	return b.Batch, nil
}

// ParseBatchUpdate reads the body of updateGenerateContentBatch.
func ParseBatchUpdate(body []byte) (*Batch, *Error) {
	b := new(Batch)
	return b, reread(body, batchFields, b)
}

// reread reads a body in either spelling into v.
func reread(body []byte, known message, v any) *Error {
	root, e := decode(body, known)
	if e != nil {
		return e
	}
	var text bytes.Buffer
	if err := Encode(&text, root); err != nil {
		return Internal()
	}
	if err := json.Unmarshal(text.Bytes(), v); err != nil {
		return Invalid("Invalid value at 'batch': %v", err)
	}
	return nil
}

// BatchInvalid is all that the API says about a batch with a malformed request.
func BatchInvalid() *Error { return Invalid("Request contains an invalid argument.") }

// BatchNotFound is a 404 for a batch, or for a file that a batch is to read.
func BatchNotFound() *Error {
	return Errorf(http.StatusNotFound, "NOT_FOUND", "Requested entity was not found.")
}

// BatchQuota is the 429 of batches: it says neither which limit nor how long.
func BatchQuota() *Error {
	e := Errorf(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details. For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.")
	e.details = []any{help{rpcType + "Help", []helpLink{{"Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits"}}}}
	return e
}

// StorageFull refuses an upload for which there is no room.
func StorageFull(limit int64) *Error {
	return Errorf(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "Quota exceeded for file storage: at most %d bytes are stored for a project. Delete files and try again.", limit)
}

// ContentSum hashes what a model is asked, by which requests are recognised. How they are
// asked, such as their tier, does not count.
func (q *Request) ContentSum(m *Model) [32]byte {
	asked := map[string]any{"model": m.Name}
	for name, v := range q.root {
		switch name {
		case "model", "serviceTier", "store", "labels":
		default:
			asked[name] = v
		}
	}
	text, _ := json.Marshal(asked) // cannot fail for what was JSON; its members are sorted
	return sha256.Sum256(text)
}

// RPCCode returns the code that an error has in a batch.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
func RPCCode(status int) int {
	switch status {
	case http.StatusBadRequest:
		return 3
	case http.StatusUnauthorized:
		return 16
	case http.StatusForbidden:
		return 7
	case http.StatusNotFound:
		return 5
	case http.StatusConflict:
		return 6
	case http.StatusPaymentRequired, http.StatusTooManyRequests:
		return 8
	case 499:
		return 1
	case http.StatusServiceUnavailable:
		return 14
	case http.StatusGatewayTimeout:
		return 4
	}
	return 13
}

// A PredictionJob is the body that makes a batch on Vertex AI.
// https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs
type PredictionJob struct {
	DisplayName string           `json:"displayName"`
	Model       string           `json:"model"`
	Input       PredictionInput  `json:"inputConfig"`
	Output      PredictionOutput `json:"outputConfig"`
}

// A PredictionInput says where the rows are.
type PredictionInput struct {
	Format string `json:"instancesFormat"`
	GCS    *struct {
		URIs []string `json:"uris"`
	} `json:"gcsSource,omitempty"`
}

// A PredictionOutput says where the results are to be.
type PredictionOutput struct {
	Format string `json:"predictionsFormat"`
	GCS    *struct {
		Prefix string `json:"outputUriPrefix"`
	} `json:"gcsDestination,omitempty"`
}

var predictionFields = message{
	"name": nil, "displayName": nil, "model": nil, "labels": nil,
	"inputConfig":  {"instancesFormat": nil, "gcsSource": {"uris": nil}, "bigquerySource": nil, "vertexMultimodalDatasetSource": nil},
	"outputConfig": {"predictionsFormat": nil, "gcsDestination": {"outputUriPrefix": nil}, "bigqueryDestination": nil, "vertexMultimodalDatasetDestination": nil},
}

// ParsePredictionJob reads the body that makes a batch on Vertex AI, and finds its model.
func ParsePredictionJob(body []byte, more ...string) (*PredictionJob, Model, *Error) {
	j := new(PredictionJob)
	if e := reread(body, predictionFields, j); e != nil {
		return nil, Model{}, e
	}
	name, ok := strings.CutPrefix(j.Model, "publishers/google/models/")
	m, known := FindModel(Vertex, name, more...)
	switch {
	case !ok || !known:
		return nil, m, Errorf(http.StatusNotFound, "NOT_FOUND", "The PublisherModel %s does not exist.", strings.TrimPrefix(j.Model, "publishers/google/models/"))
	case j.DisplayName == "":
		return nil, m, Invalid("The display_name is required.")
	case j.Input.Format != "jsonl" || j.Input.GCS == nil || len(j.Input.GCS.URIs) == 0:
		return nil, m, Invalid("The simulator reads input_config.gcs_source in the format jsonl only.")
	case j.Output.Format != "jsonl" || j.Output.GCS == nil:
		return nil, m, Invalid("The simulator writes output_config.gcs_destination in the format jsonl only.")
	}
	for _, uri := range append(j.Input.GCS.URIs, j.Output.GCS.Prefix) {
		if !strings.HasPrefix(uri, "gs://") {
			return nil, m, Invalid("Invalid Cloud Storage URI: %s", Clip(uri, 200))
		}
	}
	return j, m, nil
}
