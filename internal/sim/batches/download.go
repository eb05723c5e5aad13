package batches

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/genbatch/genbatch/internal/sim/filestore"
	"github.com/genbatch/genbatch/internal/sim/wire"
)

// IsResult reports whether a file holds the results of a job, rather than what somebody has
// uploaded.
func IsResult(id string) bool {
	_, ok := resultFile(id)
	return ok
}

// Results are the files with the results of jobs.
type Results struct{ *Service }

// result returns the results of the job that c names by its file.
func (s Results) result(c *Call) (*job, *filestore.Content, *wire.Error) {
	id, _ := resultFile(c.Name)
	of := *c
	of.Name = id
	j, e := s.find(&of)
	if e != nil {
		return nil, nil, wire.BatchNotFound()
	}
	now := time.Now()
	if j.inlines() || !j.shows(s.Service, j.phase(now), now) {
		return nil, nil, wire.BatchNotFound()
	}
	if s.catchUp(j, now) != nil {
		return nil, nil, wire.Internal()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.progress.results.Retain() {
		return nil, nil, wire.BatchNotFound()
	}
	return j, j.progress.results, nil
}

// A resultInfo is a result file as the API describes it.
// https://ai.google.dev/api/files#File
type resultInfo struct {
	Name     string `json:"name"`
	MIME     string `json:"mimeType"`
	Size     string `json:"sizeBytes"`
	Created  string `json:"createTime"`
	State    string `json:"state"`
	Source   string `json:"source"`
	Download string `json:"downloadUri"`
}

// Info answers GET files/{id} for the results of a job.
func (s Results) Info(c *Call) (any, *wire.Error) {
	j, results, e := s.result(c)
	if e != nil {
		return nil, e
	}
	defer results.Release()
	return resultInfo{
		Name: "files/" + c.Name, MIME: "application/jsonl", Size: strconv.FormatInt(results.Size(), 10),
		Created: j.endTime(j.phase(time.Now())).UTC().Format(time.RFC3339Nano), State: "ACTIVE", Source: "GENERATED",
		Download: "/download/v1beta/files/" + c.Name + ":download?alt=media",
	}, nil
}

// Delete answers DELETE files/{id} for the results of a job: they go with the job, and
// their name is longer than that of a file may be.
func (Results) Delete(*Call) (any, *wire.Error) {
	return nil, wire.Invalid("* DeleteFileRequest.name: the file's ID must be at most 40 characters long.\n")
}

// Download answers GET files/{id}:download for the results of a job. If it returns no
// error, it has written the answer.
func (s Results) Download(c *Call) *wire.Error {
	hits := s.faults.draw(onDownload)
	has := func(kind string) bool {
		_, ok := hits[kind]
		return ok
	}
	switch {
	case has("download503"):
		return wire.Overloaded()
	case has("download404"):
		return wire.BatchNotFound()
	}
	j, results, e := s.result(c)
	if e != nil {
		return e
	}
	defer results.Release()
	c.W.Header().Set("Content-Type", "application/octet-stream")
	if has("truncated") || has("short") {
		half := results.Size() / 2
		if has("truncated") {
			c.W.Header().Set("Content-Length", strconv.FormatInt(results.Size(), 10))
		}
		if _, err := io.CopyN(c.W, results.Reader(), half); err == nil && has("truncated") {
			panic(http.ErrAbortHandler) // the documented way to break a connection
		}
		return nil
	}
	if has("norange") {
		c.R.Header.Del("Range")
	}
	http.ServeContent(c.W, c.R, "", time.Time{}, results.Reader())
	s.ledger.fetched(j)
	return nil
}
