package batchstate

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini/batches"
	"github.com/genbatch/genbatch/internal/durable"
)

// KeyOf returns the key of a row in a job's requests and results: the row's identity. It
// begins with a letter, because Vertex AI makes a number of what looks like one.
func KeyOf(id batch.ID) string {
	return "r" + id.Fingerprint.String() + "-" + strconv.Itoa(id.Occurrence)
}

// ParseKey returns the identity that a key is made of.
func ParseKey(key string) (id batch.ID, ok bool) {
	text, isOurs := strings.CutPrefix(key, "r")
	fingerprint, occurrence, found := strings.Cut(text, "-")
	if !isOurs || !found || id.Fingerprint.UnmarshalText([]byte(fingerprint)) != nil {
		return batch.ID{}, false
	}
	n, err := strconv.Atoi(occurrence)
	id.Occurrence = n
	return id, err == nil && n >= 0 && KeyOf(id) == key
}

// A rowLine is a line of the file that says whose the requests are.
type rowLine struct {
	Fingerprint batch.Fingerprint `json:"fingerprint"`
	Occurrence  int               `json:"occurrence,omitzero"`
	Row         int64             `json:"row"`
	Key         string            `json:"key,omitempty"`
	With        []rowLine         `json:"with,omitempty"` // the other rows that share the request
}

// lineOfRow returns the line of a row, without others.
func lineOfRow(r *batch.Request) rowLine {
	return rowLine{Fingerprint: r.Fingerprint, Occurrence: r.Occurrence, Row: r.Row, Key: r.Key}
}

func (l *rowLine) id() batch.ID {
	return batch.ID{Fingerprint: l.Fingerprint, Occurrence: l.Occurrence}
}

// request returns the request of the row, without a body.
func (l *rowLine) request(j *Job) batch.Request {
	return batch.Request{Row: l.Row, Key: l.Key, Model: j.Model, Fingerprint: l.Fingerprint, Occurrence: l.Occurrence, Batch: j.ID}
}

// A Draft is a job whose requests are being written. Nobody knows of it before its intent.
type Draft struct {
	*Job
	store          *Store
	Lines          *batches.Lines
	requests, rows *LineFile
	sum            hash.Hash
	IDs            []batch.ID
}

// A LineFile is a file of lines that appears when it is complete.
type LineFile struct {
	file *durable.File
	*bufio.Writer
}

// CreateLines begins a file of lines, which Commit or Abort ends.
func (s *Store) CreateLines(path string) (*LineFile, error) {
	f, err := s.fs.CreateFile(path)
	if err != nil {
		return nil, err
	}
	return &LineFile{f, bufio.NewWriterSize(f, 1<<20)}, nil
}

// Commit makes the file durable, and gives it its name.
func (f *LineFile) Commit() error {
	if err := f.Flush(); err != nil {
		return errors.Join(err, f.Abort())
	}
	return f.file.Commit()
}

// Abort removes what was written.
func (f *LineFile) Abort() error { return f.file.Abort() }

// NewDraft begins a job.
func (s *Store) NewDraft(owner Owner, model, form string, lines *batches.Lines) (d *Draft, err error) {
	if err := s.fs.MkdirAll(s.dir); err != nil {
		return nil, err
	}
	d = &Draft{Job: &Job{ID: s.newID(), Owner: owner, Model: model, Form: form}, store: s, Lines: lines, sum: sha256.New()}
	if d.requests, err = s.CreateLines(s.Requests(d.Job)); err != nil {
		return nil, err
	}
	if d.rows, err = s.CreateLines(s.rows(d.Job)); err != nil {
		return nil, errors.Join(err, d.requests.Abort())
	}
	return d, nil
}

// Add adds a row, or the rows that share a request, with the line of the request.
func (d *Draft) Add(r *batch.Request, line []byte) error {
	of, ids := lineOfRow(r), []batch.ID{r.ID()}
	for i, row := range r.Rows {
		if i > 0 {
			of.With, ids = append(of.With, lineOfRow(row)), append(ids, row.ID())
		}
	}
	about, err := json.Marshal(of)
	if err != nil {
		return err
	}
	d.sum.Write(line)
	_, err = d.requests.Write(line)
	if _, rerr := d.rows.Write(append(about, '\n')); err == nil {
		err = rerr
	}
	d.IDs = append(d.IDs, ids...)
	d.Size.add(len(ids), len(line), r.InputTokens)
	return err
}

// Abort removes what was written.
func (d *Draft) Abort() error { return errors.Join(d.requests.Abort(), d.rows.Abort()) }

// Commit makes the files durable, which is what the intent needs.
func (d *Draft) Commit() error {
	d.SHA256, d.Begun = hex.EncodeToString(d.sum.Sum(nil)), time.Now().Round(0).UTC()
	if err := d.requests.Commit(); err != nil {
		return errors.Join(err, d.rows.Abort())
	}
	return d.rows.Commit()
}

// A Sent is a request of a job as it was sent. If rows share it, they have no bodies of their own.
type Sent struct {
	batch.Request
	Line []byte // of the requests, valid until the next one
}

// Each ranges over the requests of a job. The error is the last thing yielded.
func (s *Store) Each(j *Job) iter.Seq2[*Sent, error] {
	return func(yield func(*Sent, error) bool) {
		err := s.eachOf(j, func(r *Sent) bool { return yield(r, nil) })
		if err != nil {
			yield(nil, fmt.Errorf("the requests of the batch job %s cannot be read: %w", j.ID, err))
		}
	}
}

func (s *Store) eachOf(j *Job, yield func(*Sent) bool) error {
	requests, err := os.Open(s.Requests(j))
	if err != nil {
		return err
	}
	defer requests.Close()
	rows, err := os.Open(s.rows(j))
	if err != nil {
		return err
	}
	defer rows.Close()
	requestLines, rowLines := bufio.NewReaderSize(requests, 1<<20), bufio.NewReader(rows)
	for range j.Calls() {
		line, err := requestLines.ReadBytes('\n')
		if err != nil {
			return wholeFile(err)
		}
		about, err := rowLines.ReadBytes('\n')
		if err != nil {
			return wholeFile(err)
		}
		var row rowLine
		var request struct {
			Request json.RawMessage `json:"request"`
		}
		if err := json.Unmarshal(about, &row); err != nil {
			return err
		}
		if err := json.Unmarshal(line, &request); err != nil {
			return err
		}
		r := &Sent{row.request(j), line}
		if len(row.With) > 0 {
			own := r.Request
			r.Rows = append(r.Rows, &own)
			for i := range row.With {
				r.Rows = append(r.Rows, new(row.With[i].request(j)))
			}
		}
		r.Body = request.Request
		if !yield(r) {
			return nil
		}
	}
	return nil
}

// wholeFile turns the end of a file that came too early into an error.
func wholeFile(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A Line is one of a job's requests.
type Line struct {
	ID   batch.ID   // of its row, or the first of those that share it
	With []batch.ID // the others
}

// EachLine ranges over the requests of a job, as far as it is said whose they are. The error is
// the last thing yielded.
func (s *Store) EachLine(j *Job) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		f, err := os.Open(s.rows(j))
		if err != nil {
			yield(Line{}, fmt.Errorf("the rows of the batch job %s are not known: %w", j.ID, err))
			return
		}
		defer f.Close()
		lines := json.NewDecoder(bufio.NewReader(f))
		for range j.Calls() {
			var row rowLine
			if err := lines.Decode(&row); err != nil {
				yield(Line{}, fmt.Errorf("the rows of the batch job %s are not known: %w", j.ID, wholeFile(err)))
				return
			}
			l := Line{ID: row.id()}
			for i := range row.With {
				l.With = append(l.With, row.With[i].id())
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// IDs returns the identities of a job's rows.
func (s *Store) IDs(j *Job) iter.Seq2[batch.ID, error] {
	return func(yield func(batch.ID, error) bool) {
		for l, err := range s.EachLine(j) {
			if !yield(l.ID, err) || err != nil {
				return
			}
			for _, id := range l.With {
				if !yield(id, nil) {
					return
				}
			}
		}
	}
}

// LiveRows returns the identities of all rows that belong to jobs. No other way may ask them.
func (s *Store) LiveRows() (map[batch.ID]bool, error) {
	rows := make(map[batch.ID]bool)
	for _, j := range s.Live() {
		for id, err := range s.IDs(j) {
			if err != nil {
				return nil, err
			}
			rows[id] = true
		}
	}
	return rows, nil
}
