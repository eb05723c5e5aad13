// Package chance makes what looks random out of hashes. Whatever draws from it draws the
// same again from the same text, so that a run can be repeated.
package chance

import (
	"encoding/base64"
	"math"
	"strings"
)

// Hash hashes a text: FNV-1a, mixed.
func Hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return Mix(h)
}

// Mix is splitmix64's finalizer: it makes one hash out of another.
func Mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Unit turns a hash into a number in [0, 1).
func Unit(hash uint64) float64 { return float64(hash>>11) / (1 << 53) }

// Normal turns a hash into a draw from the standard normal distribution.
// https://en.wikipedia.org/wiki/Box-Muller_transform
func Normal(hash uint64) float64 {
	u := (float64(Mix(hash)>>11) + 1) / (1 << 53)
	v := Unit(Mix(hash + 1))
	return math.Sqrt(-2*math.Log(u)) * math.Cos(2*math.Pi*v)
}

// Name makes a name of n characters out of a hash.
func Name(hash uint64, n int) string {
	var b []byte
	for len(b) < n {
		hash = Mix(hash)
		b = append(b, byte(hash), byte(hash>>8), byte(hash>>16))
	}
	s := base64.RawURLEncoding.EncodeToString(b)
	return strings.NewReplacer("-", "a", "_", "b").Replace(strings.ToLower(s))[:n]
}
