package spec

// MaxRowsPerCall bounds the rows of a call. No measured model kept its quality with so many.
const MaxRowsPerCall = 1000

// SharesCalls reports whether rows share calls.
func (s *Spec) SharesCalls() bool { return s.RowsPerCall > 1 }

// ExampleRowsPerCall is a number of rows that may share a call where nobody has named one. With 25
// texts a call most of the cost of the instructions is saved: https://arxiv.org/abs/2604.03684.
const ExampleRowsPerCall = 25

// CheckRowsPerCall returns a [*Error] if so many rows of the job cannot share a call.
func (s *Spec) CheckRowsPerCall(n int) error {
	if n < 1 {
		return Errorf("write 1 for a call for each row", "rows_per_call is %d", n)
	}
	other := *s
	other.RowsPerCall = n
	return checkRowsPerCall(&other)
}

// checkRowsPerCall refuses rows that share calls where their answers cannot be taken apart.
func checkRowsPerCall(s *Spec) error {
	switch {
	case !s.SharesCalls():
		return nil
	case s.RowsPerCall > MaxRowsPerCall:
		return Errorf("genbatch plan --pilot 200 --rows-per-call 1,10,25,50 measures what rows a call cost in quality", "rows_per_call is %d, and can be at most %d", s.RowsPerCall, MaxRowsPerCall)
	case s.Classify == nil && s.Extract == nil && s.Summarize == nil:
		return Errorf("use classify:, extract: or summarize:, whose answers can be told apart, or leave rows_per_call out",
			"rows_per_call does not go with prompt: and raw:, whose requests may ask for anything")
	case s.Classify != nil && s.Classify.Confidence == Logprobs:
		return Errorf("use confidence: said, or leave rows_per_call out", "rows_per_call does not go with confidence: logprobs, which is told of an answer as a whole")
	}
	return nil
}
