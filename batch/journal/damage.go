package journal

import "fmt"

// A DamageKind is a kind of damage to the journal.
type DamageKind string

// The kinds of damage.
const (
	Torn    DamageKind = "torn"    // the end of the journal was unfinished; Open has cut it off
	Corrupt DamageKind = "corrupt" // a line does not match its checksum
	Blob    DamageKind = "blob"    // an answer's blob is missing or does not match its name
	Answer  DamageKind = "answer"  // the line of an answer that rows share is missing or damaged
	Header  DamageKind = "header"  // a segment does not begin with its header line
	Gap     DamageKind = "gap"     // results are missing
	Repeat  DamageKind = "repeat"  // a result comes a second time
)

// Damage is a place where the journal is not as it was written. The rows of the results
// that are lost count as not settled, so that they are asked again.
type Damage struct {
	Kind    DamageKind
	Segment string // name of the segment's file
	Line    int64  // from 1, or 0 if it is not known
	Offset  int64  // where the line begins in the segment, in bytes
	Length  int64  // in bytes
	Detail  string // what is wrong, and what follows
}

func (d *Damage) Error() string {
	if d.Line == 0 {
		return fmt.Sprintf("%s, byte %d: %s", d.Segment, d.Offset, d.Detail)
	}
	return fmt.Sprintf("%s:%d, byte %d: %s", d.Segment, d.Line, d.Offset, d.Detail)
}

// corrupt returns the damage of a line that does not match its sum.
func corrupt(segment string, l line) *Damage {
	return &Damage{
		Kind: Corrupt, Segment: segment, Line: l.number, Offset: l.offset, Length: int64(len(l.text)),
		Detail: fmt.Sprintf("%d bytes do not match their checksum; what they answered counts as not answered", len(l.text)),
	}
}

// report adds d to the damage. It merges d with the damage of the line before, if both
// lines do not match their sums.
func (j *Journal) report(d *Damage) {
	if n := len(j.damage); n > 0 && d.Kind == Corrupt {
		last := &j.damage[n-1]
		if last.Kind == Corrupt && last.Segment == d.Segment && last.Offset+last.Length+1 == d.Offset {
			last.Length += 1 + d.Length
			last.Detail = fmt.Sprintf("%d bytes, to line %d, do not match their checksums; what they answered counts as not answered", last.Length, d.Line)
			return
		}
	}
	j.damage = append(j.damage, *d)
}

// Damage returns the damage that Open has found, in the order of the journal.
func (j *Journal) Damage() []Damage { return j.damage }
