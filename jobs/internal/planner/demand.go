package planner

// A demand is what a run would ask of one model.
type demand struct {
	model  string
	rows   int64
	input  int64 // estimated tokens
	output int64 // expected tokens, thinking included
	most   int64 // the most tokens of output
	bytes  int64 // of the requests
}

// add adds a row.
func (d *demand) add(input, most int64, bytes int) {
	d.rows++
	d.bytes += int64(bytes)
	d.input += input
	d.most += most
}

// demands are what a run would ask of all models, in the order in which rows name them.
type demands []*demand

// of returns the demand on a model.
func (l *demands) of(model string) *demand {
	for _, d := range *l {
		if d.model == model {
			return d
		}
	}
	d := &demand{model: model}
	*l = append(*l, d)
	return d
}

// correct scales the estimated input by how far estimates were off, and returns its new sum.
// Answers of the model itself tell that best, then prompts that were counted, then answers of
// other models.
func (l demands) correct(answered, counted TokenCounts) (sum int64) {
	for _, d := range l {
		k := answered.of(d.model)
		if c := counted.of(d.model); answered[d.model].estimate == 0 && c.estimate > 0 {
			k = c
		}
		if k.estimate > 0 {
			d.input = int64(float64(d.input) * float64(k.prompt) / float64(k.estimate))
		}
		sum += d.input
	}
	return sum
}

// expect fills in the expected output of each demand, and returns the sum.
func (l demands) expect(answered TokenCounts) (sum int64) {
	for _, d := range l {
		if k := answered.of(d.model); k.calls > 0 {
			d.output = k.output * d.rows / k.calls
		}
		sum += d.output
	}
	return sum
}
