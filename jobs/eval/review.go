package eval

// A Review says which rows a person should look at: those whose confidence is below a bound or
// not known, and those without labels.
type Review struct {
	Below      float64 `json:"below"`
	Calibrated bool    `json:"calibrated"` // whether the confidence was corrected by known labels first

	Rows int64 `json:"rows"` // to look at
	Kept int64 `json:"kept"` // the other rows, whose confidence is at or above the bound

	// Compared counts those of the kept rows whose right labels are known, and Correct those
	// of them that have these. A curve that corrects confidence was made of the same rows.
	Compared int64       `json:"compared"`
	Correct  int64       `json:"correct"`
	Accuracy *float64    `json:"accuracy"`             // Correct / Compared; nil without rows
	Interval *[2]float64 `json:"accuracy_interval_95"` // of the Accuracy, as in [Evaluation]
}

// Add counts a row, which is to be looked at or not. correct is as [Evaluator.Add] returned it,
// and nil for a row that is not compared.
func (r *Review) Add(look bool, correct *bool) {
	if look {
		r.Rows++
		return
	}
	r.Kept++
	if correct == nil {
		return
	}
	r.Compared++
	if *correct {
		r.Correct++
	}
	r.Accuracy, r.Interval = ratio(r.Correct, r.Compared), wilson(r.Correct, r.Compared)
}
