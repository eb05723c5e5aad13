package overview

// A Sampler chooses items so that they are spread evenly over all, whatever their number. It
// chooses the same ones each time. Use NewSampler.
type Sampler[T any] struct {
	kept []T
	most int
	seen int64
	step int64 // each step-th item is kept
}

// NewSampler returns a Sampler that chooses at most so many items, of which there must be one at
// least. It keeps all of them until there are more, and at least half as many then.
func NewSampler[T any](most int) *Sampler[T] { return &Sampler[T]{most: most, step: 1} }

// Add takes the next item, which is made only if it is chosen for now.
func (s *Sampler[T]) Add(item func() T) {
	n := s.seen
	s.seen++
	if n%s.step != 0 {
		return
	}
	if len(s.kept) == s.most {
		half := s.kept[:0]
		for i := 0; i < len(s.kept); i += 2 {
			half = append(half, s.kept[i])
		}
		clear(s.kept[len(half):])
		s.kept, s.step = half, 2*s.step
		if n%s.step != 0 {
			return
		}
	}
	s.kept = append(s.kept, item())
}

// Seen returns how many items there were.
func (s *Sampler[T]) Seen() int64 { return s.seen }

// Chosen returns at most so many of the chosen items, in their order.
func (s *Sampler[T]) Chosen(most int) []T {
	if len(s.kept) <= most {
		return s.kept
	}
	chosen := make([]T, most)
	for i := range chosen {
		chosen[i] = s.kept[i*len(s.kept)/most]
	}
	return chosen
}
