package state

import (
	"fmt"
	"os"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/store"
)

// A Loss is answers that were paid for and are in the journal no more, as far as the output
// and its manifest tell.
type Loss struct {
	Answers int64
	Cost    price.USD // of them, about; 0 if not known
	Output  string    // the output that holds them
	Dir     string    // the folder whose journal does not

	// Disowned says that the folder does not know the output as its job's.
	Disowned bool
}

// LossOf returns what the journal has lost, whose last result has the number last. It
// returns nil if it has lost nothing. answers counts those of the output that is there; it
// is asked only if nothing else tells, since it reads all of it.
func LossOf(f *Folder, last int64, answers func() (int64, price.USD)) *Loss {
	l := &Loss{Output: f.Output, Dir: f.Dir}
	m, err := ReadManifest(f.Dir)
	switch {
	case err == nil && m.LastSeq <= last: // also -1, of a journal that was set aside
		return nil
	case err == nil:
		l.Answers = m.LastSeq - last
		if cost, unknown := m.Summary.CostUSD(); unknown == 0 {
			l.Cost = price.USD(float64(cost) * float64(l.Answers) / float64(m.LastSeq))
		}
		return l
	case last > 0:
		return nil
	}
	info, err := store.Stat(f.Output)
	if err != nil || !info.Mode.IsRegular() || setAsideWith(f, info) { // set aside is not lost
		return nil
	}
	l.Disowned = !f.wroteOutput(info)
	if l.Answers, l.Cost = answers(); l.Answers == 0 {
		return nil
	}
	return l
}

// String says what is lost, and what that means.
func (l *Loss) String() string {
	cost := ""
	switch {
	case l.Cost >= price.Dollar/10000:
		cost = fmt.Sprintf(", which cost about $%s,", l.Cost.Format(4))
	case l.Cost > 0:
		cost = ", which cost less than $0.0001,"
	}
	what := fmt.Sprintf("%d of the answers in %s%s are in the journal of %s no more", l.Answers, l.Output, cost, l.Dir)
	if _, err := os.Stat(l.Dir); err != nil {
		what = fmt.Sprintf("%s holds %d answers%s and its state folder %s is gone", l.Output, l.Answers, cost, l.Dir)
	}
	return what + ": a run asks, and pays for, their rows again, and replaces the output"
}

// LossHint is what else can be done about a loss than to pay again.
const LossHint = "bring the folder back from a copy, choose another --output, or "

// Adopt makes the output that is there the job's own, as one of a journal that is gone. The
// folder must be locked.
func Adopt(f *Folder) error {
	id, err := identify(f.Output)
	if err != nil {
		return err
	}
	if id.SHA256, err = Sum(f.Output); err != nil {
		return err
	}
	return f.WriteManifest(&Manifest{LastSeq: -1, Output: id})
}
