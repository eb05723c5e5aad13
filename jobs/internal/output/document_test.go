package output

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/batch"
)

// TestColumnsDocument holds docs/columns.md to the result columns and statuses that
// there are: each is in its tables, and nothing else is.
func TestColumnsDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/columns.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tables, _ := strings.Cut(string(text), "\n## Result columns\n")
	results, rest, _ := strings.Cut(tables, "\n## Status\n")
	statuses, rest, _ := strings.Cut(rest, "\n## Columns for more than text\n")
	others, _, complete := strings.Cut(rest, "\n## ")
	if !complete {
		t.Fatal("the page has other headings than this test knows")
	}

	want := []string{response.Name}
	for _, job := range []string{
		"classify: {text: '{{.body}}', labels: [a, b], confidence: true, rationale: true}\nexpected: known\nreview_below: 0.8\nraw_response: true\n",
		"classify: {text: '{{.body}}', labels: [a, b], multi: true}\ncheck: 'true'\n",
	} {
		columns, err := newColumns(t, job)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range columns.list {
			want = append(want, c.Name)
		}
	}
	compareNames(t, "columns", named(results), want)

	want = nil
	for _, e := range extras {
		want = append(want, e.Name)
	}
	compareNames(t, "further columns", named(others), want)

	want = nil
	for _, status := range batch.Statuses {
		want = append(want, string(status))
	}
	compareNames(t, "statuses", named(statuses), want)
}

// named returns the names in the first column of a Markdown table.
func named(text string) (names []string) {
	for line := range strings.Lines(text) {
		if cell := regexp.MustCompile("^\\| (`[^|]*) \\|").FindStringSubmatch(line); cell != nil {
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cell[1], -1) {
				names = append(names, m[1])
			}
		}
	}
	return names
}

func compareNames(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	want = slices.Compact(want)
	if !slices.Equal(got, want) {
		t.Errorf("docs/columns.md has the %s\n\t%q,\nand there are\n\t%q", what, got, want)
	}
}
