package work

import (
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/jobs/record"
)

// Status compares the input with the journal. byStatus counts the rows that have a result.
// Both are nil if the input breaks or the deadline passes before its end.
func (l *List) Status(deadline time.Time) (s *record.InputStatus, byStatus map[batch.Status]int64) {
	s, byStatus = new(record.InputStatus), make(map[batch.Status]int64)
	late := func() bool { return s.Rows%1024 == 1023 && time.Now().After(deadline) }
	for it, err := range l.Items() {
		if err != nil || late() {
			return nil, nil
		}
		s.Rows++
		s.Elsewhere += int64(it.Elsewhere)
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

// Survey looks for the rows that a run is to ask, until a deadline.
func (l *List) Survey(deadline time.Time) *record.Survey {
	s := new(record.Survey)
	for it, err := range l.Items() {
		if err != nil || s.Rows%1024 == 1023 && time.Now().After(deadline) {
			return new(record.Survey)
		}
		s.Rows++
		if it.Fate == New || it.Fate == Again {
			s.Asked++
		}
	}
	s.Complete = true
	return s
}
