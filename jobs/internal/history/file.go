package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
)

// longest is how long the file may be before a run makes it shorter.
const longest = 2 << 20

const (
	headerType = "run"
	schema     = 1 // of the samples
)

// A header is the first line of a run. It has no samples.
type header struct {
	Type    string      `json:"type"`
	Schema  int         `json:"schema"`
	Samples *[]struct{} `json:"samples,omitempty"` // in the place of those of RunHistory
	record.RunHistory
}

// Read returns the runs of a file, the oldest first, with at most [Most] samples each. There
// are none if there is no file. A process may be writing to it meanwhile.
func Read(path string) ([]record.RunHistory, error) {
	text, err := durable.ReadRegular(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var runs []record.RunHistory
	var last series
	known := false // the schema of the run
	for line := range bytes.Lines(text) {
		var l struct {
			header
			record.Sample
		}
		switch {
		case json.Unmarshal(line, &l) != nil: // it is empty, or a crash has cut it
		case l.Type == headerType:
			if known = l.Schema == schema; known {
				last = series{}
				runs = append(runs, l.RunHistory)
			}
		case known && l.Seq > 0:
			last.add(l.Sample)
			runs[len(runs)-1].Samples = last.samples
		}
	}
	return runs, nil
}

// shorten makes the file of path half as long as it may be, if it is longer than that: the
// last runs stay.
func shorten(disk durable.FS, path string) error {
	info, err := durable.Regular(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() <= longest:
		return nil
	case err != nil:
		return err
	}
	runs, err := Read(path)
	if err != nil {
		return err
	}
	var kept [][]byte // the last run first
	for size, i := 0, len(runs)-1; i >= 0; i-- {
		run := appendLine(nil, header{Type: headerType, Schema: schema, RunHistory: runs[i]})
		for _, s := range runs[i].Samples {
			run = appendLine(run, s)
		}
		if size += len(run) + 1; size > longest/2 {
			break
		}
		kept = append(kept, run)
	}
	slices.Reverse(kept)
	return disk.WriteFile(path, bytes.Join(kept, []byte("\n")), 0o600)
}
