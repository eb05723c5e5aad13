package eval

import "slices"

// labels compare labels.
type labels struct {
	parse     func(text string) ([]string, error)
	multi     bool
	index     map[string]int // a label's place in scores
	scores    []LabelScores
	confusion map[string]map[string]int64
}

func newLabels(c *Config) *labels {
	l := &labels{parse: c.Parse, multi: c.Multi, index: make(map[string]int)}
	for i, name := range c.Labels {
		l.index[name] = i
		l.scores = append(l.scores, LabelScores{Label: name})
	}
	if !c.Multi {
		l.confusion = make(map[string]map[string]int64)
	}
	return l
}

func (l *labels) add(known string, g *Answer, counts bool) (bool, error) {
	expected, err := l.parse(known)
	if err != nil {
		return false, err
	}
	correct := g.OK && slices.Equal(expected, g.Labels)
	if !counts {
		return correct, nil
	}
	for _, name := range expected {
		s := &l.scores[l.index[name]]
		s.Expected++
		if slices.Contains(g.Labels, name) {
			s.Correct++
		}
	}
	for _, name := range g.Labels {
		l.scores[l.index[name]].Given++
	}
	if !l.multi {
		given := l.confusion[expected[0]]
		if given == nil {
			given = make(map[string]int64)
			l.confusion[expected[0]] = given
		}
		label := "" // none
		if len(g.Labels) > 0 {
			label = g.Labels[0]
		}
		given[label]++
	}
	return correct, nil
}

func (l *labels) finish(e *Evaluation) {
	e.Multi, e.Labels, e.Confusion = l.multi, l.scores, l.confusion
	e.finish()
}
