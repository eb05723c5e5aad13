package draft

import (
	"fmt"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/internal/terminal"
)

// String returns the table of what was seen: a line for each column.
func (s *Sample) String() string {
	var b strings.Builder
	rows := message.Plural(s.Rows, "row")
	if !s.All {
		rows = "the first " + rows
	}
	fmt.Fprintf(&b, "%s: %s, %s\n", terminal.Line(strings.Join(s.Files[:min(3, len(s.Files))], ", "), 60), rows, message.Plural(len(s.Columns()), "column"))
	if s.Bad > 0 {
		fmt.Fprintf(&b, "%s cannot be read, and will be skipped.\n", message.Plural(s.Bad, "row"))
	}
	const most = 40
	table := terminal.NewTable(&b)
	table.MaxLabel = 32
	shown := slices.DeleteFunc(slices.Clone(s.Fields), func(f *Field) bool { return len(f.path) > 1 && !f.isText() })
	for i, f := range shown {
		if i == most {
			fmt.Fprintf(table, "  and %d more\n", len(shown)-most)
			break
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", terminal.Line(f.Name, 28), f.what(s.Rows-s.Bad), terminal.Line(strings.Join(strings.Fields(f.example), " "), 34))
	}
	table.Flush()
	return b.String()
}

// what says what a field seems to hold.
func (f *Field) what(rows int) string {
	kind := f.MediaKind()
	switch {
	case f.filled == 0:
		return "empty"
	case kind == "application":
		return "PDF"
	case kind != "":
		return kind
	case f.kind == batch.Bytes:
		return "bytes"
	case f.mostly(f.objects):
		return "nested"
	case f.mostly(f.dates):
		return "dates"
	case f.kind == batch.Bool, f.mostly(f.bools):
		return "true/false"
	case f.unique != nil && f.filled == rows && rows > 4 && f.words <= f.filled:
		return "all different"
	case f.mostly(f.numbers):
		return "numbers"
	case f.counts != nil && f.filled >= 2*len(f.counts):
		return message.Plural(len(f.counts), "value")
	}
	return fmt.Sprintf("text, ~%d chars", f.Mean())
}

// Choices says in a few lines what the draft proposes, and what it costs.
func (d *Draft) Choices(cost string) string {
	var b strings.Builder
	table := terminal.NewTable(&b)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "  %s\t%s\n", name, terminal.Line(value, 62))
		}
	}
	line("kind", d.Kind)
	line("read with", d.Sample.readAs())
	line("text", strings.Join(textNames(d), ", "))
	if slices.Contains(d.Text, "{{json .}}") {
		line("", "(no column holds a text: the whole row is asked about)")
	}
	line("labels", strings.Join(d.Labels, ", "))
	line("expected", d.Expected)
	if d.Sample.All {
		line("key", d.Key)
	}
	line("media", strings.Join(d.Media, ", "))
	line("model", d.Model)
	line("output", d.Output)
	if cost != "" {
		fmt.Fprintf(table, "  cost\t%s\n", cost)
	}
	table.Flush()
	return b.String()
}

// NextCommands says what to do with the job file at a path, which is quoted for the shell, and
// whose job writes an output.
func NextCommands(path, output string) string {
	var b strings.Builder
	table := terminal.NewTable(&b)
	table.MaxLabel = 60
	fmt.Fprintf(table, "\nRead it, and then:\n")
	fmt.Fprintf(table, "  genbatch plan %s\twhat it sends and costs; sends nothing\n", path)
	fmt.Fprintf(table, "  genbatch plan %s --pilot 20\tthe same, after asking 20 rows\n", path)
	fmt.Fprintf(table, "  genbatch run %s\truns it; the same command carries on\n", path)
	table.Flush()
	fmt.Fprintf(&b, "Without a key, the simulator makes answers up:\n  genbatch run %s --endpoint sim --output %s\n", path, trialOutput(output))
	return b.String()
}
