package history

import (
	"time"

	"github.com/genbatch/genbatch/jobs/record"
)

// Most is how many samples are kept of a run.
const Most = 2000

// firstEvery is the distance between samples until there are too many.
const firstEvery = time.Second

// A series is the samples of a run, at even distances but for the last one.
type series struct {
	samples []record.Sample
	every   time.Duration // between samples; 0 stands for firstEvery
}

// add adds a sample, and drops every second one if there are too many. Those that stay are at
// multiples of the new distance, and the last one is among them.
func (s *series) add(sample record.Sample) {
	s.samples = append(s.samples, sample)
	if len(s.samples) < Most {
		return
	}
	for i := range Most / 2 {
		s.samples[i] = s.samples[2*i+1]
	}
	s.samples = s.samples[:Most/2]
	s.every = 2 * s.distance()
}

// distance is the time until the next sample.
func (s *series) distance() time.Duration {
	if s.every == 0 {
		return firstEvery
	}
	return s.every
}
