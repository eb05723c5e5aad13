package batches

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
)

// vertexJobs is the batch API of Vertex AI.
type vertexJobs struct {
	endpoint
	*storage
}

// jobsPath is the collection of the project's jobs.
// https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs
func (v *vertexJobs) jobsPath() string {
	return "projects/" + v.Project + "/locations/" + v.Location + "/batchPredictionJobs"
}

func (v *vertexJobs) create(ctx context.Context, model, displayName, file string) (*Job, error) {
	if !strings.HasPrefix(model, "publishers/") && !strings.HasPrefix(model, "projects/") {
		model = "publishers/google/models/" + strings.TrimPrefix(model, "models/") // a bare id is not found
	}
	folder := file[:strings.LastIndexByte(file, '/')+1]
	reply, err := v.call(ctx, call{method: http.MethodPost, path: v.jobsPath(), timeout: 5 * time.Minute, body: map[string]any{
		"displayName": displayName,
		"model":       model,
		"inputConfig": map[string]any{
			"instancesFormat": "jsonl",
			"gcsSource":       map[string]any{"uris": []string{file}},
		},
		"outputConfig": map[string]any{
			"predictionsFormat": "jsonl",
			"gcsDestination":    map[string]any{"outputUriPrefix": folder + "output/"},
		},
	}})
	if err != nil {
		return nil, err
	}
	j, err := readJob(reply, (*operation).vertexJob)
	if e := (*Error)(nil); errors.As(err, &e) {
		e.Unsure = true
	}
	return j, err
}

// list asks for the jobs whose names match, and if it may not, for all of them. The
// API promises no order, so that all are read before the first is yielded.
func (v *vertexJobs) list(ctx context.Context, prefix string) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		jobs, err := v.pages(ctx, prefix, url.Values{"filter": {`display_name:"` + prefix + `*"`}})
		if e := (*Error)(nil); errors.As(err, &e) && e.Refused() {
			jobs, err = v.pages(ctx, prefix, url.Values{})
		}
		slices.SortStableFunc(jobs, func(a, b *Job) int { return b.Created.Compare(a.Created) })
		for _, j := range jobs {
			if !yield(j, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// pages returns the jobs on all pages of a list whose names begin with a prefix.
func (v *vertexJobs) pages(ctx context.Context, prefix string, query url.Values) (jobs []*Job, err error) {
	query.Set("pageSize", strconv.Itoa(pageSize))
	for range maxJobs / pageSize {
		reply, err := v.call(ctx, call{method: http.MethodGet, path: v.jobsPath(), query: query})
		if err != nil {
			return jobs, err
		}
		var page struct {
			Jobs          []json.RawMessage `json:"batchPredictionJobs"`
			NextPageToken string            `json:"nextPageToken"`
		}
		if err := json.Unmarshal(wire.Camel(reply), &page); err != nil && !wire.Tolerable(err) {
			return jobs, failed(batch.KindAnswer, "", "the list of jobs is not one")
		}
		for _, text := range page.Jobs {
			if j, err := readJob(text, (*operation).vertexJob); err == nil && strings.HasPrefix(j.DisplayName, prefix) {
				jobs = append(jobs, j)
			}
		}
		if page.NextPageToken == "" {
			return jobs, nil
		}
		query.Set("pageToken", page.NextPageToken)
	}
	return jobs, nil
}
