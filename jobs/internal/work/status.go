package work

import (
	"time"

	"github.com/genbatch/genbatch/batch"
)

// A Status counts the rows of the input as it is now. Rows that failed are part of Rows
// alone.
type Status struct {
	Rows    int64 `json:"rows"`
	Settled int64 `json:"settled"` // with a result that is settled, also if Retry names its status
	Left    int64 `json:"left"`    // without any result
	Bad     int64 `json:"bad"`     // unreadable

	// Orphaned counts answers in the journal that no row of the input asks for.
	Orphaned int64 `json:"orphaned"`
}

// Status compares the input with the journal. byStatus counts the rows that have a result.
// Both are nil if the input breaks or the deadline passes before its end.
func (l *List) Status(deadline time.Time) (s *Status, byStatus map[batch.Status]int64) {
	s, byStatus = new(Status), make(map[batch.Status]int64)
	late := func() bool { return s.Rows%1024 == 1023 && time.Now().After(deadline) }
	for it, err := range l.Items() {
		if err != nil || late() {
			return nil, nil
		}
		s.Rows++
		if it.Fate != Bad && it.Entry.Status != "" && it.Entry.Status != batch.Pending {
			byStatus[it.Entry.Status]++
		}
		switch {
		case it.Fate == Bad:
			s.Bad++
		case it.Entry.Status == "" || it.Entry.Status == batch.Pending:
			s.Left++
		case it.Entry.Status.Settled():
			s.Settled++
		}
	}
	if l.FindOrphans() != nil {
		return nil, nil
	}
	for range l.journal.Orphans() {
		s.Orphaned++
	}
	return s, byStatus
}

// FindOrphans makes the journal know which of its results no row of the input asks for,
// after a whole pass over Items. Such a pass leaves out the rows past the limit.
func (l *List) FindOrphans() error {
	if l.Limit == 0 {
		return nil
	}
	none := true
	for range l.journal.Orphans() {
		none = false
		break
	}
	if none {
		return nil
	}
	for _, err := range l.All() {
		if err != nil {
			return err
		}
	}
	return nil
}

// A Survey says what a run that carries on is to do.
type Survey struct {
	Rows     int64
	Asked    int64 // of these, those that the run asks
	Complete bool  // false: the deadline passed first, or the input broke, and neither number is known
}

// Survey looks for the rows that a run is to ask, until a deadline.
func (l *List) Survey(deadline time.Time) *Survey {
	s := new(Survey)
	for it, err := range l.Items() {
		if err != nil || s.Rows%1024 == 1023 && time.Now().After(deadline) {
			return new(Survey)
		}
		s.Rows++
		if it.Fate == New || it.Fate == Again {
			s.Asked++
		}
	}
	s.Complete = true
	return s
}
