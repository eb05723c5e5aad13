package billtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/sim/bill"
)

// journals are what jobs say.
type journals struct {
	reported   book
	unreported int64     // attempts that reported nothing
	most       price.USD // that they can have cost
	unpriced   int64     // calls of models without a price
	elsewhere  int64     // rows of batches that are not fetched yet, or were made by mistake

	shared map[string]*sharedCall // the calls that rows have shared, by what tells them apart
	torn   torn
}

// segment is the name of a file of a journal.
var segment = regexp.MustCompile(`^results-(p\d+-)?\d+\.jsonl$`)

// journals reads all jobs below the folders. What they say in their totals must be what stands
// in their journals.
func (w *Witness) journals() (*journals, error) {
	byFolder := map[string][]string{}
	for _, dir := range w.Dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if _, merged := os.Stat(filepath.Join(path, "merged.json")); err == nil && d.IsDir() && d.Name() == "shards" && merged == nil {
				return fs.SkipDir // the whole job has all their results
			}
			if err == nil && !d.IsDir() && segment.MatchString(d.Name()) {
				byFolder[filepath.Dir(path)] = append(byFolder[filepath.Dir(path)], path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	all := &journals{reported: book{}}
	for folder, files := range byFolder {
		mine, local := journals{reported: book{}, shared: map[string]*sharedCall{}}, book{}
		named, err := namesItsSimulator(folder)
		if err != nil {
			return nil, err
		}
		for _, path := range files {
			err := mine.read(path, w.price, func(endpoint string) book {
				if endpoint == "sim" && !named {
					return local // its simulator ended with the process that it was in
				}
				return all.reported
			})
			if err != nil {
				return nil, err
			}
		}
		if err := mine.join(w.died > 0); err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(folder), err)
		}
		if err := w.agrees(folder, &mine); err != nil {
			return nil, err
		}
		rows, err := batchRows(folder)
		if err != nil {
			return nil, err
		}
		all.unreported += mine.unreported
		all.most += mine.most
		all.elsewhere += rows
	}
	return all, nil
}

// namesItsSimulator reports whether a job says where the simulator is that it asks.
func namesItsSimulator(folder string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(folder, "job.json"))
	if err != nil {
		return false, err
	}
	var job struct {
		Spec struct {
			Endpoint string
			BaseURL  string `json:"base_url"`
		}
	}
	err = json.Unmarshal(text, &job)
	return job.Spec.Endpoint == "sim" && job.Spec.BaseURL != "", err
}

// batchRows returns how many rows of a job's batches the endpoint may have billed without
// having been asked for the results: the batch is not collected yet, or it is a second one of
// the same rows, which the record names as made by mistake.
func batchRows(folder string) (rows int64, err error) {
	text, err := os.ReadFile(filepath.Join(folder, "batches", "jobs.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	type line struct {
		ID, Step string
		Rows     int64
		Others   []string
	}
	last := map[string]line{}
	for text := range bytes.Lines(text) {
		var l line
		if json.Unmarshal(text, &l) == nil { // a torn line says nothing
			last[l.ID] = l
		}
	}
	for _, l := range last {
		if l.Step != "applied" && l.Step != "cleaned" && l.Step != "dropped" {
			rows += l.Rows
		}
		rows += l.Rows * int64(len(l.Others))
	}
	return rows, err
}

// agrees holds the totals of a job against its journal.
func (w *Witness) agrees(folder string, j *journals) error {
	totals, err := w.Totals(folder)
	if err != nil {
		return err
	}
	calls, amount := j.reported.total()
	calls += j.torn.calls
	share := totals.Share()
	agree := share.Calls == calls && share.Unreported == j.unreported
	if !w.tokensOnly {
		agree = agree && share.Unknown == j.unpriced && j.torn.allows(new(big.Int).Sub(big.NewInt(int64(share.Cost)), amount))
	}
	if !agree {
		return fmt.Errorf("%s: the totals are %+v, and the journal has %d calls for %v pico-dollars, and %d that reported nothing", filepath.Base(folder), share, calls, amount, j.unreported)
	}
	j.most = share.Most
	return nil
}

// A result is what concerns money in a line of a journal.
type result struct {
	Endpoint string
	Spent    []struct {
		At          time.Time
		Model, Tier string
		Usage       *usage
		Share       struct{ Row, Of int }
	}
}

// usage is as the API reports it.
type usage struct {
	PromptTokenCount, CachedContentTokenCount, ToolUsePromptTokenCount int64
	ThoughtsTokenCount, CandidatesTokenCount, TotalTokenCount          int64

	PromptTokensDetails, CandidatesTokensDetails []struct {
		Modality   string
		TokenCount int64
	}
	Searches int64
}

// read adds a file to the books, and to the one of its endpoint.
func (j *journals) read(path string, price func(*bill.Line) (*big.Int, error), of func(endpoint string) book) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for in := bufio.NewReaderSize(f, 1<<20); ; {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return nil // without a line's end, the rest was never written to its end
		}
		if err != nil {
			return err
		}
		if !bytes.Contains(line, []byte(`"spent"`)) {
			continue
		}
		var r result
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("%w in %s: %.200s", err, path, line)
		}
		for _, s := range r.Spent {
			c := sharedCall{endpoint: of(r.Endpoint)}
			if s.Usage != nil {
				c.line = s.Usage.line(s.Model, s.Tier, s.At)
				if c.amount, err = price(c.line); err != nil {
					return err
				}
			}
			if s.Share.Of == 0 {
				j.enter(&c, 1)
				continue
			}
			key := fmt.Sprintf("%s %s %s %s %d %+v", r.Endpoint, s.At, s.Model, s.Tier, s.Share.Of, s.Usage)
			if j.shared[key] == nil {
				c.rows = make([]int64, s.Share.Of)
				j.shared[key] = &c
			}
			if s.Share.Row < 0 || s.Share.Row >= s.Share.Of {
				return fmt.Errorf("%s has the share %+v: %.200s", path, s.Share, line)
			}
			j.shared[key].rows[s.Share.Row]++
		}
	}
}

// line returns an attempt as the simulator has it in its bill.
func (u *usage) line(model, tier string, at time.Time) *bill.Line {
	l := &bill.Line{Calls: 1}
	l.Model, l.Day = model, at.UTC().Add(-8*time.Hour).Format(time.DateOnly)
	switch tier = strings.ToLower(tier); tier {
	case "", "on_demand":
		l.Tier = "standard"
	default:
		l.Tier = strings.TrimPrefix(tier, "on_demand_")
	}
	l.Long = u.PromptTokenCount > 200_000
	l.Prompt, l.Cached, l.Tool = u.PromptTokenCount, u.CachedContentTokenCount, u.ToolUsePromptTokenCount
	l.Output, l.Thoughts, l.Searches = u.CandidatesTokenCount, u.ThoughtsTokenCount, u.Searches
	if l.Thoughts == 0 && u.TotalTokenCount > 0 { // a gateway leaves them out, and not of the total
		l.Thoughts = u.TotalTokenCount - l.Prompt - l.Tool - l.Output
	}
	if l.Searches > 0 {
		l.Grounded = 1
	}
	for _, d := range u.PromptTokensDetails {
		switch d.Modality {
		case "IMAGE", "DOCUMENT":
			l.PromptImage += d.TokenCount
		case "VIDEO":
			l.PromptVideo += d.TokenCount
		case "AUDIO":
			l.PromptAudio += d.TokenCount
		}
	}
	for _, d := range u.CandidatesTokensDetails {
		switch d.Modality {
		case "IMAGE":
			l.OutputImage += d.TokenCount
		case "AUDIO":
			l.OutputAudio += d.TokenCount
		}
	}
	return l
}
