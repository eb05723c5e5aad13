// Package batches speaks to the batch APIs of Google AI and Vertex AI, which answer many
// requests at half the price and within a day. A [Service] uploads the requests of a job,
// creates the job, follows it, and opens its results. It keeps nothing: what was uploaded
// and created, and which rows are in which job, is for its user to remember.
//
// [New] makes a Service from a client. Its errors are of type [*Error].
//
// https://ai.google.dev/gemini-api/docs/batch-api
package batches

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
)

// A State says how far a job is. Both spellings of the API, BATCH_STATE_ and JOB_STATE_,
// come to the same State. One that is not listed here is kept as the endpoint wrote it, in
// lower case and without its prefix.
type State string

// The states.
const (
	Pending    State = "pending"
	Running    State = "running"
	Cancelling State = "cancelling"
	Succeeded  State = "succeeded" // ended, even if every row of it is an error
	Partial    State = "partial"   // ended with a part of its rows
	Failed     State = "failed"
	Cancelled  State = "cancelled"
	Expired    State = "expired" // pending or running for too long
)

// Ended reports whether a job in this state does nothing any more. A state that is not
// known has not ended.
func (s State) Ended() bool {
	switch s {
	case Succeeded, Partial, Failed, Cancelled, Expired:
		return true
	}
	return false
}

// A Job is a batch job as the endpoint last described it.
type Job struct {
	Name        string // batches/…, or projects/…/batchPredictionJobs/…
	DisplayName string // as it was created with
	Model       string // without models/ or publishers/…/models/
	State       State
	Input       string // the file of the requests, as Upload named it; empty if the endpoint does not say
	Created     time.Time
	Ended       time.Time // zero while the job has not ended

	// The rows, as far as the endpoint counts them; -1 where it does not.
	Rows, Answered, Refused int64

	// Results says where the results are: files/…, or gs://…/. It is empty while there are
	// none, which may be so for a while after the job has succeeded. Vertex AI also gives it
	// for jobs that left nothing there.
	Results string
	// Inline holds results that came in the job's own description, one line for each row.
	Inline []json.RawMessage

	Err *batch.Error // why the job failed, or was cancelled; nil if the endpoint does not say
}

// MaxInlineBytes is how many bytes of requests [Service.CreateInline] sends at most.
// https://ai.google.dev/gemini-api/docs/batch-api#inline-requests
const MaxInlineBytes = 20 << 20

// A Config says how a [Service] works.
type Config struct {
	Client *gemini.Client // required

	// Bucket is where Vertex AI reads requests and writes results: gs://bucket/prefix.
	// Without it nothing can be uploaded, and what was before is found all the same. Google
	// AI does not use it.
	Bucket string
}

// A Service is the batch API of one endpoint, for the project of one key. It is safe for
// concurrent use. None of its calls is repeated when it fails, but for the pieces of an
// upload.
type Service struct {
	at endpoint

	// One of these is nil.
	google *googleJobs
	vertex *vertexJobs
}

// New returns the batch API of the client's endpoint. It sends nothing. The error names an
// endpoint that has no batch API, or what is missing.
func New(c Config) (*Service, error) {
	if c.Client == nil {
		return nil, errors.New("batches: no client")
	}
	e := c.Client.Endpoint()
	s := &Service{at: endpoint{c.Client, e}}
	switch {
	case e.NoBatches:
		return nil, fmt.Errorf("endpoint %s does not forward batches: use the endpoint google or vertex, or leave the tier batch out", e)
	case !e.Vertex:
		s.google = &googleJobs{s.at, c.Client.Files()}
		return s, nil
	case e.Project == "":
		return nil, errors.New("vertex has batches only for a project: set GOOGLE_CLOUD_PROJECT, and log in by gcloud auth application-default login")
	case e.Auth != gemini.AuthOAuth && e.Auth != gemini.AuthNone:
		return nil, errors.New("vertex batches need an access token, since they are in Cloud Storage: leave --auth out, and log in by gcloud auth application-default login")
	}
	storage, err := newStorage(c.Client, c.Bucket)
	if err != nil {
		return nil, err
	}
	s.vertex = &vertexJobs{s.at, storage}
	return s, nil
}

// Project returns the project to which jobs belong: that of Vertex AI, and "" for Google AI,
// where the key stands for it.
func (s *Service) Project() string { return s.at.Project }

// TakesInline reports whether the endpoint has nowhere to upload requests, so that jobs are
// made by [Service.CreateInline].
func (s *Service) TakesInline() bool { return s.google != nil && s.google.files == nil }

// ReadsOnce reports whether the endpoint has read an upload when the job is created, so that
// the upload can be removed then. Vertex AI reads it later.
func (s *Service) ReadsOnce() bool { return s.vertex == nil }

// Emulated reports whether requests and results are in an emulator of Cloud Storage. Vertex
// AI cannot read there, so that what answers in its place is a simulator.
func (s *Service) Emulated() bool { return s.vertex != nil && os.Getenv(emulatorVariable) != "" }

// Upload stores the requests of a job under a name of ours, waits until the endpoint can
// read them, and returns what the endpoint calls them. An upload that is repeated replaces
// nothing that a job reads, if the name stands for these requests alone. Vertex AI's service
// agent, and not the user, writes the results; that it may do so cannot be seen from here.
func (s *Service) Upload(ctx context.Context, name string, requests io.ReaderAt, size int64) (file string, err error) {
	if s.vertex != nil {
		return s.vertex.upload(ctx, name, io.NewSectionReader(requests, 0, size))
	}
	return s.google.upload(ctx, name, requests, size)
}

// Place returns what Upload will call the requests that it stores under a name. It is empty
// where the endpoint decides that.
func (s *Service) Place(name string) string {
	if s.vertex != nil {
		return s.vertex.place(name)
	}
	return ""
}

// RemoveUpload removes what Upload stored, also of an upload that broke off, if [Service.Place]
// names it. It is no error if it is gone already.
func (s *Service) RemoveUpload(ctx context.Context, file string) error {
	if s.vertex != nil {
		return s.vertex.remove(ctx, file)
	}
	return s.google.remove(ctx, file)
}

// Create makes a job of an uploaded file. It makes another one each time: after an error
// that is Unsure the job may exist, and only List can tell.
func (s *Service) Create(ctx context.Context, model, displayName, file string) (*Job, error) {
	if s.vertex != nil {
		return s.vertex.create(ctx, model, displayName, file)
	}
	return s.google.create(ctx, model, displayName, googleInput{FileName: file})
}

// CreateInline makes a job like [Service.Create], of requests that go along with the call:
// the lines that [Lines.Append] made, of at most [MaxInlineBytes]. It is for an endpoint
// that has nowhere to upload them; see [Service.TakesInline].
func (s *Service) CreateInline(ctx context.Context, model, displayName string, requests io.ReaderAt, size int64) (*Job, error) {
	switch {
	case s.vertex != nil:
		return nil, failed(batch.KindConfig, "", "Vertex AI takes no requests inline")
	case size > MaxInlineBytes:
		e := failed(batch.KindRequest, "", "the job is larger than the %d MB that go along with a call", MaxInlineBytes>>20)
		e.HTTPStatus = http.StatusRequestEntityTooLarge
		return nil, e
	}
	input, err := inlined(io.NewSectionReader(requests, 0, size))
	if err != nil {
		return nil, err
	}
	return s.google.create(ctx, model, displayName, googleInput{Requests: input})
}

// Get returns the job as it is now.
func (s *Service) Get(ctx context.Context, name string) (*Job, error) {
	reply, err := s.at.call(ctx, call{method: "GET", path: name, limit: maxDescription})
	if err != nil {
		return nil, err
	}
	if s.vertex != nil {
		return readJob(reply, (*operation).vertexJob)
	}
	return readJob(reply, (*operation).job)
}

const (
	pageSize = 100
	// maxJobs bounds how many jobs List looks at. An account has a hundred at once.
	maxJobs = 50 * pageSize
)

// List ranges over the jobs of the project whose displayName begins with a prefix, the
// youngest first. It looks at the youngest 5,000 jobs of the project. An error is the last
// thing yielded.
func (s *Service) List(ctx context.Context, prefix string) iter.Seq2[*Job, error] {
	if s.vertex != nil {
		return s.vertex.list(ctx, prefix)
	}
	return s.google.list(ctx, prefix)
}

// Cancel asks the endpoint to end a job. The job ends later; see [State]. It is no error
// if it has ended already.
func (s *Service) Cancel(ctx context.Context, name string) error {
	_, err := s.at.call(ctx, call{method: "POST", path: name + ":cancel", body: struct{}{}})
	if e := (*Error)(nil); errors.As(err, &e) && e.HTTPStatus == 400 && !e.Denied() {
		// FAILED_PRECONDITION is for a job that has ended. Where the reply does not say so,
		// the job does.
		if strings.Contains(e.Message, "FAILED_PRECONDITION") {
			return nil
		}
		if j, gerr := s.Get(ctx, name); gerr == nil && j.State.Ended() {
			return nil
		}
	}
	return err
}

// Remove deletes a job that has ended, and its results. It is no error if they are gone
// already.
func (s *Service) Remove(ctx context.Context, j *Job) error {
	// In Cloud Storage, results stay without their job. No answer of the endpoint is to have
	// anything deleted there that is outside of the job's own folder.
	if s.vertex != nil && j.DisplayName != "" && strings.Contains(j.Results, "/"+j.DisplayName+"/") {
		if err := s.vertex.removeAll(ctx, j.Results); err != nil {
			return err
		}
	}
	_, err := s.at.call(ctx, call{method: "DELETE", path: j.Name})
	if e := (*Error)(nil); errors.As(err, &e) && e.NotFound() {
		return nil
	}
	return err
}

// Open returns the lines of a job's results, one for each row, in no order. The stream can
// break off at any place; then Open is called again. Errors of its Read are of type
// [*Error] too.
func (s *Service) Open(ctx context.Context, j *Job) (io.ReadCloser, error) {
	switch {
	case j.Results == "" && len(j.Inline) > 0:
		return inlineLines(j.Inline), nil
	case j.Results == "":
		return nil, failed(batch.KindAnswer, "", "the job %s has no results yet", j.Name)
	case s.vertex != nil:
		return s.vertex.read(ctx, j.Results)
	}
	return s.google.download(ctx, j.Results)
}
