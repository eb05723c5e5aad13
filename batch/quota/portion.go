package quota

// This file knows processes that may use only a part of a quota, since others use the rest.

// A portion is the part of each limit that this process may use, from above 0 to 1. The zero value
// stands for all of it.
type portion float64

// all reports whether the process may use all of a limit.
func (p portion) all() bool { return p <= 0 || p >= 1 }

// of returns the part of a limit. It is never 0 if the limit is not.
func (p portion) of(limit int64) int64 {
	if p.all() || limit <= 0 {
		return limit
	}
	const rounding = 1e-9 // 49 times a 49th is a little less than 1
	return max(1, int64(float64(limit)*float64(p)+rounding))
}

// whole returns the limit, about, of which n is the part.
func (p portion) whole(n int64) int64 {
	if p.all() {
		return n
	}
	return int64(float64(n)/float64(p) + 0.5)
}

// Part returns the part of a limit that a process with a share of the quota may use; see
// [Config].Share. It is never 0 if the limit is not.
func Part(limit int, share float64) int { return int(portion(share).of(int64(limit))) }

// Part returns what is known for a process with a share of the quota: what it may use of each
// limit.
func (k Known) Part(share float64) Known {
	learned := make([]Learned, len(k.Learned))
	for i, l := range k.Learned {
		l.Value = portion(share).of(l.Value)
		learned[i] = l
	}
	k.Learned = learned
	return k
}
