package objecttest

import "testing"

func TestBucket(t *testing.T) {
	b, _ := New()
	Conform(t, b)
	if keys := b.Keys(); len(keys) > 0 {
		t.Errorf("%q are left", keys)
	}
}
