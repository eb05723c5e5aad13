package findings

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// A Config says what a Fold knows of the job.
type Config struct {
	Questions []Question // of a classification
	Dedupe    bool       // identical requests are asked once
	Key       string     // the input's column that names rows, which no two share; may be empty
	Before    *Before    // nil: there was no run before, or it asked something else
}

// A Question is one of a classification's.
type Question struct {
	Name   string // empty for the only one of a job that names none
	Labels []string
	Multi  bool // a row may have several labels, or none
}

// Before is the output of the last run that had answers of its own.
type Before struct {
	LastSeq int64                       `json:"last_seq"` // of the journal; later results are new
	Labels  map[string]map[string]int64 `json:"labels"`   // rows by question and label
	Rows    int64                       `json:"rows"`     // rows with an answer
	Asked   string                      `json:"asked"`    // a sum of what was asked: other questions are not compared
}

// A Row is what a Fold looks at in a row. The slices are not kept.
type Row struct {
	Number   int64
	Key      string
	Status   batch.Status
	Problem  string     // why it is not ok
	Reason   string     // the API's word for why it blocked the row; may be empty
	Seq      int64      // of the result; 0 without one
	Copied   bool       // the answer is another row's
	Labels   [][]string // by question; nil without an answer
	Failed   []string   // the job's own checks that the answer fails
	Tokens   int64      // of the answer and its thoughts
	Thoughts int64
	Cost     price.USD
	Priced   bool

	ID    batch.ID   // the zero value for a row without a request
	Input *batch.Row // whose cells tell apart rows that ask the same; required with an ID
}

// A Fold collects what findings are made of. It is for one goroutine. Use New.
type Fold struct {
	Config
	rows     int64
	asked    int64 // rows with a request
	statuses map[batch.Status]*cause
	thinking int64 // cut rows that thought more than they said
	flagged  map[string]*Rows
	answers  []answers // by question
	cost     extremes  // of rows whose cost is known
	length   extremes  // for which the answers' length stands where no cost is known
	same     same
}

// A cause is the rows with a status, and why they have it.
type cause struct {
	Rows
	why map[string]int64
}

// answers are those to one question.
type answers struct {
	rows   int64 // answered
	labels map[string]*Rows
	since  map[string]*Rows // of these, the new ones
	recent int64            // rows that are new
}

// New returns an empty Fold.
func New(c Config) *Fold {
	f := &Fold{Config: c, statuses: make(map[batch.Status]*cause), flagged: make(map[string]*Rows)}
	for range c.Questions {
		f.answers = append(f.answers, answers{labels: make(map[string]*Rows), since: make(map[string]*Rows)})
	}
	return f
}

// Add takes the next row. A nil Fold takes none.
func (f *Fold) Add(r *Row) {
	if f == nil || r.Status == batch.Pending {
		return
	}
	f.rows++
	name := Example{Row: r.Number, Key: r.Key}
	if r.Status != batch.OK {
		f.refused(r, name)
	} else {
		for _, check := range r.Failed {
			rowsOf(f.flagged, check).add(name)
		}
	}
	for i, labels := range r.Labels {
		f.answers[i].add(labels, name, f.Before != nil && r.Seq > f.Before.LastSeq && !r.Copied)
	}
	if !r.Copied {
		if r.Priced && r.Cost > 0 {
			f.cost.add(float64(r.Cost), name)
		}
		if r.Tokens > 0 {
			f.length.add(float64(r.Tokens), name)
		}
	}
	if r.ID.Fingerprint != (batch.Fingerprint{}) {
		f.asked++
		f.same.add(r, name, f.Key)
	}
}

// mostCauses is how many causes of a status are told apart.
const mostCauses = 50

func (f *Fold) refused(r *Row, name Example) {
	c := f.statuses[r.Status]
	if c == nil {
		c = &cause{why: make(map[string]int64)}
		f.statuses[r.Status] = c
	}
	c.add(name)
	if r.Status == batch.Truncated && 2*r.Thoughts > r.Tokens {
		f.thinking++
	}
	why := causeOf(r)
	if _, known := c.why[why]; !known && len(c.why) == mostCauses {
		why = ""
	}
	c.why[why]++
}

func (a *answers) add(labels []string, name Example, isNew bool) {
	a.rows++
	if isNew {
		a.recent++
	}
	if len(labels) == 0 {
		labels = []string{""}
	}
	for _, l := range labels {
		rowsOf(a.labels, l).add(name)
		if isNew {
			rowsOf(a.since, l).add(name)
		}
	}
}

func rowsOf(all map[string]*Rows, name string) *Rows {
	if all[name] == nil {
		all[name] = new(Rows)
	}
	return all[name]
}

// extremes are the greatest of many values.
type extremes struct {
	stats.Spread
	top []extreme // the greatest, in falling order
}

type extreme struct {
	value float64
	name  Example
}

func (x *extremes) add(value float64, name Example) {
	x.Add(value, value)
	if len(x.top) == mostExamples && value <= x.top[mostExamples-1].value {
		return
	}
	i, _ := slices.BinarySearchFunc(x.top, value, func(e extreme, v float64) int {
		if e.value >= v {
			return -1
		}
		return 1
	})
	x.top = slices.Insert(x.top, i, extreme{value, name.shortened()})
	x.top = x.top[:min(len(x.top), mostExamples)]
}

// same finds rows that differ and ask the same. Whether rows differ is known for those of a
// sample of the requests: the ones with the lowest fingerprints. A fingerprint that has left
// the sample never comes back, so that each in it was looked at from its first row on.
type same struct {
	repeats int64 // rows that ask what a row before them asks
	sample  map[batch.Fingerprint]*asker
	order   []batch.Fingerprint // of the sample, the lowest first
}

// An asker is a request of the sample with the rows that ask it.
type asker struct {
	content uint64 // of the first row
	repeats int64
	differ  Rows // rows that ask it and differ from the first
}

// sampled is how many requests are in the sample.
const sampled = 4096

func (s *same) add(r *Row, name Example, key string) {
	if r.ID.Occurrence > 0 {
		s.repeats++
	}
	if s.sample == nil {
		s.sample = make(map[batch.Fingerprint]*asker)
	}
	a := s.sample[r.ID.Fingerprint]
	switch {
	case a != nil:
		a.repeats++
		if contentOf(r.Input, key) != a.content {
			a.differ.add(name)
		}
		return
	case r.ID.Occurrence > 0: // its first row has left the sample
		return
	}
	compare := func(a, b batch.Fingerprint) int { return bytes.Compare(a[:], b[:]) }
	if len(s.order) == sampled {
		last := s.order[sampled-1]
		if compare(r.ID.Fingerprint, last) > 0 {
			return
		}
		delete(s.sample, last)
		s.order = s.order[:sampled-1]
	}
	i, _ := slices.BinarySearchFunc(s.order, r.ID.Fingerprint, compare)
	s.order = slices.Insert(s.order, i, r.ID.Fingerprint)
	s.sample[r.ID.Fingerprint] = &asker{content: contentOf(r.Input, key)}
}

// contentSeed makes hashes of rows comparable with one another, within a process.
var contentSeed = maphash.MakeSeed()

// contentOf returns a hash of a row's cells without its key.
func contentOf(row *batch.Row, key string) uint64 {
	var h maphash.Hash
	h.SetSeed(contentSeed)
	for i, c := range row.Columns {
		if c.Name == key || i >= len(row.Values) {
			continue
		}
		h.WriteString(c.Name)
		h.WriteByte(0)
		h.WriteString(batch.TextOfBytes(row.Values[i]))
		h.WriteByte(0)
	}
	return h.Sum64()
}

// differing returns about how many rows ask what another row asks, and differ from it.
func (s *same) differing() (rows Rows) {
	var repeats, differ int64
	for _, f := range s.order {
		a := s.sample[f]
		repeats += a.repeats
		differ += a.differ.Count
		rows.Examples = append(rows.Examples, a.differ.Examples...)
	}
	slices.SortFunc(rows.Examples, func(a, b Example) int { return cmp.Compare(a.Row, b.Row) })
	rows.Examples = rows.Examples[:min(len(rows.Examples), mostExamples)]
	if repeats > 0 {
		rows.Count = int64(float64(s.repeats) * float64(differ) / float64(repeats))
	}
	return rows
}
