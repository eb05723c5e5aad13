package wire

import "testing"

func TestCountText(t *testing.T) {
	for text, want := range map[string]int{"": 0, "a": 1, "abcd": 1, "abcde": 2, "日本": 2, "éé": 1, "Привет!!": 4} {
		if got := CountText(text); got != want {
			t.Errorf("countText(%q) = %d, want %d", text, got, want)
		}
	}
}
