package sim

import (
	"bytes"
	"crypto/sha256"
	"sync"
)

// triesKey returns what the tries of a request are counted by: its body, or the text
// that its first directive stands in. A caller may change the rest of a request after a
// fault, and the next try still counts as the second.
func triesKey(sum [32]byte, body []byte) [32]byte {
	at := bytes.Index(body, []byte(directiveMark))
	if at < 0 {
		return sum
	}
	text := body[bytes.LastIndexByte(body[:at], '"')+1:]
	if end := bytes.IndexByte(text, '"'); end >= 0 {
		text = text[:end]
	}
	return sha256.Sum256(text)
}

// tries counts how often each request has met a fault, since it was last answered
// without one.
type tries struct {
	mu sync.Mutex
	n  map[[32]byte]int
}

// triesKept bounds the memory for requests that never come back.
const triesKept = 1 << 18

func (t *tries) count(sum [32]byte) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n[sum]
}

func (t *tries) add(sum [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n == nil {
		t.n = map[[32]byte]int{}
	}
	if len(t.n) >= triesKept {
		for old := range t.n {
			delete(t.n, old)
			break
		}
	}
	t.n[sum]++
}

func (t *tries) forget(sum [32]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.n, sum)
}
