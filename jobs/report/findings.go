package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/genbatch/genbatch/internal/terminal"
	"github.com/genbatch/genbatch/jobs"
)

// examplesShown is how many rows of a finding the text names. The JSON has ten.
const examplesShown = 3

// writeFindings writes what should be known of an output, if there is anything.
func writeFindings(w io.Writer, list []jobs.Finding) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "\nFindings:")
	tw := newTable(w)
	for i := range list {
		f := &list[i]
		fmt.Fprintf(tw, "  %s\t%s%s.\n", f.Code, terminal.Safe(f.Text), examplesText(f))
		fmt.Fprintf(tw, "\t- %s.\n", terminal.Safe(f.Remedy))
	}
	tw.Flush()
}

// examplesText names some rows of a finding.
func examplesText(f *jobs.Finding) string {
	if len(f.Rows.Examples) == 0 {
		return ""
	}
	what := "row"
	var names []string
	for _, e := range f.Rows.Examples[:min(examplesShown, len(f.Rows.Examples))] {
		name := fmt.Sprint(e.Row)
		if e.Key != "" {
			what, name = "key", terminal.Name(e.Key)
		}
		names = append(names, name)
	}
	if f.Rows.Count > 1 {
		what += "s"
	}
	text := fmt.Sprintf(" (%s %s", what, strings.Join(names, ", "))
	if more := f.Rows.Count - int64(len(names)); more > 0 {
		text += fmt.Sprintf(" and %s more", Count(more))
	}
	return text + ")"
}
