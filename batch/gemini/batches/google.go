package batches

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/batch/gemini/internal/wire"
	"github.com/genbatch/genbatch/internal/message"
)

// googleJobs is the batch API of Google AI.
type googleJobs struct {
	endpoint
	files *gemini.Files // nil where requests go inline
}

// upload uploads requests by the Files API, and waits until they can be used.
func (g *googleJobs) upload(ctx context.Context, name string, requests io.ReaderAt, size int64) (string, error) {
	if g.files == nil {
		return "", failed(batch.KindConfig, hintInline, "%s has no Files API to upload requests to", g.Endpoint)
	}
	file, err := g.files.Upload(ctx, requests, size, "application/jsonl", name)
	if e := fileError(err); e != nil && e.Kind == batch.KindAnswer {
		// Uploads of this type are answered without a file now and then.
		// https://github.com/googleapis/python-genai/issues/1590
		file, err = g.files.Upload(ctx, requests, size, "text/plain", name)
	}
	if err == nil {
		err = g.files.WaitActive(ctx, file)
	}
	if e := fileError(err); e != nil {
		return "", e
	}
	if err != nil {
		return "", err
	}
	return file.Name, nil
}

const hintInline = "use the endpoint google itself, or --tier flex, which costs the same"

// fileError makes an Error of what the Files API says, or returns nil if it says nothing.
func fileError(err error) *Error {
	fault, ok := errors.AsType[*gemini.FileError](err)
	if !ok {
		return nil
	}
	e := &Error{Cause: fault.Outcome.Err, RetryAfter: fault.Outcome.RetryAfter, file: true}
	switch e.HTTPStatus {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		e.Hint = "batches need the Files API, which this endpoint does not forward: " + hintInline
	}
	return e
}

func (g *googleJobs) remove(ctx context.Context, file string) error {
	if g.files == nil || file == "" {
		return nil
	}
	err := g.files.Delete(ctx, file)
	if e := fileError(err); e != nil {
		return e
	}
	return err
}

// A googleInput is the inputConfig of a job: a file, or the requests themselves.
type googleInput struct {
	FileName string       `json:"fileName,omitempty"`
	Requests *inlineInput `json:"requests,omitempty"`
}

type inlineInput struct {
	Requests []inlineRequest `json:"requests"`
}

type inlineRequest struct {
	Request  json.RawMessage `json:"request"`
	Metadata inlineMetadata  `json:"metadata"`
}

type inlineMetadata struct {
	Key string `json:"key"`
}

// inlined reads the lines of requests.
func inlined(requests io.Reader) (*inlineInput, error) {
	var input inlineInput
	for d := json.NewDecoder(requests); ; {
		var line struct {
			Key     string          `json:"key"`
			Request json.RawMessage `json:"request"`
		}
		err := d.Decode(&line)
		if err == io.EOF {
			return &input, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the requests cannot be read: %w", err)
		}
		input.Requests = append(input.Requests, inlineRequest{line.Request, inlineMetadata{line.Key}})
	}
}

func (g *googleJobs) create(ctx context.Context, model, displayName string, input googleInput) (*Job, error) {
	reply, err := g.call(ctx, call{
		method: http.MethodPost, address: g.URL(model, ":batchGenerateContent"), timeout: 5 * time.Minute,
		body: map[string]any{"batch": map[string]any{"displayName": displayName, "inputConfig": input}},
	})
	if err != nil {
		return nil, g.forwarded(err)
	}
	j, err := readJob(reply, (*operation).job)
	if err != nil || !strings.HasPrefix(j.Name, "batches/") {
		return nil, g.noJob(reply)
	}
	return j, nil
}

// google reports whether Google itself answers. Anything else may be a gateway, whatever
// the endpoint is called.
func (g *googleJobs) google() bool {
	u, err := url.Parse(g.BaseURL)
	return err == nil && strings.HasSuffix(u.Hostname(), ".googleapis.com")
}

const hintNotForwarded = "use the endpoint google or vertex, or leave the tier batch out"

// forwarded returns the error of a call that a gateway may not forward. Gateways that do
// not know the batch API look for a model of that name, or for the page.
func (g *googleJobs) forwarded(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || g.google() || g.Simulated {
		return err
	}
	switch none := e.HTTPStatus == http.StatusNotFound || e.HTTPStatus == http.StatusMethodNotAllowed || e.HTTPStatus == http.StatusNotImplemented; {
	case e.file, !none && e.Kind != batch.KindModel && e.Kind != batch.KindConfig, e.HTTPStatus == 0:
		return err
	}
	e.Message += ": this endpoint does not seem to forward batches"
	e.Kind, e.Hint, e.Unsure = batch.KindConfig, hintNotForwarded, false
	return e
}

// noJob returns the error of a reply to a creation that is not a job. No gateway that
// answers so is known to have made one. Google itself may have, and lost its name.
func (g *googleJobs) noJob(reply []byte) *Error {
	what := "something else than a job"
	switch o := g.client.Classify(http.StatusOK, nil, reply); {
	case len(bytes.TrimSpace(reply)) == 0:
		what = "nothing"
	case o.Response != nil:
		what = "as if the job were a single request, which it may bill"
	case o.Err != nil && o.Err.InBody != 0:
		what = "with an " + o.Err.Message
	}
	e := failed(batch.KindConfig, hintNotForwarded, "the endpoint answered %s: it does not forward batches", what)
	e.Unsure = g.google()
	return e
}

func (g *googleJobs) list(ctx context.Context, prefix string) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		query := url.Values{"pageSize": {strconv.Itoa(pageSize)}}
		for range maxJobs / pageSize {
			reply, err := g.call(ctx, call{method: http.MethodGet, path: "batches", query: query, limit: maxDescription})
			if err != nil {
				yield(nil, g.forwarded(err))
				return
			}
			var page struct {
				Operations    []json.RawMessage `json:"operations"`
				NextPageToken string            `json:"nextPageToken"`
			}
			if err := json.Unmarshal(wire.Camel(reply), &page); err != nil && !wire.Tolerable(err) {
				yield(nil, failed(batch.KindAnswer, hintNotForwarded, "the list of jobs is not one"))
				return
			}
			for _, text := range page.Operations {
				if j, err := readJob(text, (*operation).job); err == nil && strings.HasPrefix(j.DisplayName, prefix) && !yield(j, nil) {
					return
				}
			}
			if page.NextPageToken == "" {
				return
			}
			query.Set("pageToken", page.NextPageToken)
		}
	}
}

// download opens a file of results.
func (g *googleJobs) download(ctx context.Context, file string) (io.ReadCloser, error) {
	if i := strings.LastIndex(file, "files/"); i > 0 {
		file = file[i:] // of a whole address
	}
	get := func(prefix string) (io.ReadCloser, *Error) {
		reply, o := g.client.Call(ctx, &gemini.Call{Method: http.MethodGet, Address: g.address(prefix, file) + ":download?alt=media", Stream: true})
		if o != nil {
			e := errorOf(o)
			e.file, e.Unsure = true, false
			return nil, e
		}
		return &lines{reply.Stream}, nil
	}
	body, err := get("/download")
	if err != nil && (err.NotFound() || err.Kind == batch.KindConfig) {
		// Google's SDKs and some proxies know only the other address.
		if second, serr := get(""); serr == nil {
			return second, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

// lines is the stream of a download.
type lines struct{ io.ReadCloser }

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = failed(batch.KindTransport, "", "the results broke off: %s", message.Plain(err))
	}
	return n, err
}

// inlineLines returns results that came with their job as a stream of lines.
func inlineLines(all []json.RawMessage) io.ReadCloser {
	readers := make([]io.Reader, 0, 2*len(all))
	for _, line := range all {
		readers = append(readers, bytes.NewReader(line), strings.NewReader("\n"))
	}
	return io.NopCloser(io.MultiReader(readers...))
}
