package request

import (
	"strings"
	"testing"

	"github.com/genbatch/genbatch/internal/terminal"
)

// A request is cut to a screen, and says how to see it all; a short one is there as it is.
func TestText(t *testing.T) {
	long := `{"contents":[{"parts":[{"text":"` + strings.Repeat("word ", 5000) + `"}]}],"list":[` + strings.Repeat(`{"a":"`+strings.Repeat("b", 60)+`"},`, 99) + `1]}`
	text := Text([]byte(long))
	lines := strings.Split(text, "\n")
	if len(lines) > 26 || !strings.Contains(text, "plan --json") {
		t.Errorf("a long request takes %d lines:\n%s", len(lines), text)
	}
	for _, line := range lines {
		if terminal.Width(line) > terminal.Columns {
			t.Errorf("a line has %d columns: %s", terminal.Width(line), line)
		}
	}
	short := `{"contents": [{"parts": [{"text": "a <b> & \"c\""}], "n": 1.50, "x": []}]}`
	if got := Text([]byte(short)); got != short+"\n" {
		t.Errorf("a short request is shown as %s", got)
	}
}
