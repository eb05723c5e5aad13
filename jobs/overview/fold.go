// Package overview describes a whole job by figures of a bounded size: why rows are not ok, how
// long calls took, how many tokens they used, and when their results came. A [Fold] collects
// them row by row, and a [Sampler] chooses rows that stand for the others. Neither of them needs
// more memory for more rows.
package overview

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs/findings"
)

const (
	mostCauses   = 200 // that are told apart; the rows of later ones are counted together
	mostExamples = 10  // of a cause
	causeBytes   = 400 // of its text
)

// A Row is what a Fold looks at in a row. Nothing of it is kept but texts.
type Row struct {
	Input   *batch.Row
	Key     string
	Status  batch.Status
	Problem string        // why it is not ok
	Result  *batch.Result // nil for a row that was not asked
	Usage   *batch.Usage  // of the final attempt, or the row's share of it; nil if it reported none
	Copied  bool          // the answer is another row's, where its call counts
}

// A Cause is why rows are not ok. Numbers, quotations and names with digits do not tell causes
// apart, since they are the rows' own.
type Cause struct {
	Status   batch.Status
	Text     string // the error of its first row, in one line of at most 400 bytes
	Rows     int64
	Examples []Example // its first rows, ten at most
	Remedy   string    // what to do about them, without a full stop
}

// An Example is a row of a [Cause].
type Example struct {
	Row int64
	Key string // empty if the row has none
}

// Figures describe the rows of a job.
type Figures struct {
	Causes []Cause // the most frequent first; pending rows have none
	Others int64   // rows of more causes, which are not told apart

	Latency  Histogram // of each row's last attempt, in milliseconds; of one that rows have shared, once
	Input    Histogram // tokens of the final attempts' prompts, or the rows' shares of them
	Output   Histogram // tokens of their answers, without thinking
	Thoughts Histogram // tokens of thinking, 0 included

	Pace    Pace                 // when results came
	Batches map[string]time.Time // when the last result of each batch job came, by its id in the record
}

// A Fold collects Figures. It is for one goroutine. Use New.
type Fold struct {
	figures Figures
	causes  map[string]*Cause
}

// New returns an empty Fold.
func New() *Fold {
	return &Fold{causes: make(map[string]*Cause), figures: Figures{Batches: make(map[string]time.Time)}}
}

// Add takes the next row.
func (f *Fold) Add(r *Row) {
	if r.Status != batch.OK && r.Status != batch.Pending {
		f.addCause(r)
	}
	if r.Result == nil || r.Copied || r.Status == batch.Pending {
		return
	}
	g := &f.figures
	g.Pace.add(r.Result.At, r.Status == batch.OK)
	byBatch, counts := "", true
	if n := len(r.Result.Spent); n > 0 {
		last := &r.Result.Spent[n-1]
		byBatch, counts = last.Batch, last.Counts()
	}
	if byBatch == "" { // the latency of a row in a batch job is nobody's
		if counts {
			g.Latency.Add(r.Result.LatencyMS)
		}
	} else if r.Result.At.After(g.Batches[byBatch]) {
		g.Batches[byBatch] = r.Result.At
	}
	if u := r.Usage; u != nil {
		g.Input.Add(u.PromptTokenCount + u.ToolUsePromptTokenCount)
		g.Output.Add(u.CandidatesTokenCount)
		g.Thoughts.Add(u.Thoughts())
	}
}

func (f *Fold) addCause(r *Row) {
	text, _, _ := strings.Cut(r.Problem, askedAgain)
	text = message.OneLine(text, causeBytes)
	name := string(r.Status) + " " + own.ReplaceAllStringFunc(text, withoutOwn)
	c := f.causes[name]
	if c == nil {
		if len(f.causes) == mostCauses {
			f.figures.Others++
			return
		}
		c = &Cause{Status: r.Status, Text: strings.Clone(text), Remedy: findings.Remedy(r.Status)}
		f.causes[name] = c
	}
	if c.Rows++; len(c.Examples) == mostExamples {
		return
	}
	c.Examples = append(c.Examples, Example{Row: r.Input.Number, Key: message.OneLine(strings.Clone(r.Key), 100)})
}

// askedAgain begins what an error says of attempts that were made in another way. It differs
// from row to row, also where the cause is the same.
const askedAgain = "; asked again "

// own matches what is mostly a row's own in an error: a quotation, and a word with a digit, such
// as a number, an id or the place in a file. An HTTP status is not.
var own = regexp.MustCompile(`"[^"]*"|HTTP \d{3}\b|[\w./:\\-]*\d[\w./:\\-]*`)

func withoutOwn(word string) string {
	if strings.HasPrefix(word, "HTTP ") {
		return word
	}
	return "…"
}

// Figures returns what was collected. The Fold must not be used any more.
func (f *Fold) Figures() *Figures {
	for _, c := range f.causes {
		f.figures.Causes = append(f.figures.Causes, *c)
	}
	slices.SortFunc(f.figures.Causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Text, b.Text))
	})
	return &f.figures
}
