package record

// A Standing says what the file at the output's path is to the job as it is now.
type Standing string

// The standings.
const (
	Unwritten Standing = "unwritten" // no output was finished, and no file is there
	Current   Standing = "current"   // the job would write the same again, as far as sizes and times tell
	Touched   Standing = "touched"   // likewise, but times or versions of inputs differ, as in a copy: their content may have changed
	Outdated  Standing = "outdated"  // the job has written it, from another input, job or journal
	Missing   Standing = "missing"   // it was finished, and the file is not there any more
	Foreign   Standing = "foreign"   // the job has not written it, or it was changed since
	Unseen    Standing = "unseen"    // it is an object, and its store could not be asked
)

// An InputStatus counts the rows of the input as it is now. Rows that failed are part of
// Rows alone.
type InputStatus struct {
	Rows    int64 `json:"rows"`
	Settled int64 `json:"settled"` // with a result that is settled, also if retry names its status
	Left    int64 `json:"left"`    // without any result
	Bad     int64 `json:"bad"`     // unreadable

	// Orphaned counts answers in the journal that no row of the input asks for.
	Orphaned int64 `json:"orphaned"`

	// Elsewhere counts answers to its rows in other ways than the job's: in a pilot, with more or
	// fewer rows a call.
	Elsewhere int64 `json:"elsewhere,omitzero"`
}

// A Survey says what a run that carries on is to do.
type Survey struct {
	Rows     int64
	Asked    int64 // of these, those that the run asks
	Complete bool  // false: the deadline passed first, or the input broke, and neither number is known
}
