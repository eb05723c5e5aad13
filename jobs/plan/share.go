package plan

// A share is what a plan would ask one model.
type share struct {
	model       string
	rows        int64
	input, most int64 // tokens
	output      int64 // to be expected, thinking included
}

func (s *share) add(input, most int64) {
	s.rows++
	s.input += input
	s.most += most
}

// shares are those of all models, in the order in which rows name them.
type shares []*share

func (l *shares) of(model string) *share {
	for _, s := range *l {
		if s.model == model {
			return s
		}
	}
	s := &share{model: model}
	*l = append(*l, s)
	return s
}

// correct scales the input by what answered prompts had in truth, for their
// estimate, and returns the new sum.
func (l shares) correct(known, counted Seen) (sum int64) {
	for _, s := range l {
		k := known.of(s.model)
		if c := counted.of(s.model); known[s.model].calls == 0 && c.calls > 0 {
			k = c
		}
		if k.estimate > 0 {
			s.input = int64(float64(s.input) * float64(k.prompt) / float64(k.estimate))
		}
		sum += s.input
	}
	return sum
}

// expect fills in the output to be expected of each share, and returns the sum.
func (l shares) expect(known Seen) (sum int64) {
	for _, s := range l {
		if k := known.of(s.model); k.calls > 0 {
			s.output = k.output * s.rows / k.calls
		}
		sum += s.output
	}
	return sum
}
