package docstest_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pictured returns the blocks of console sessions that a page wants a picture of:
// those with the name of a picture behind the language.
func (p *page) pictured() (list []*block) {
	for i := range p.blocks {
		if b := &p.blocks[i]; b.language == "console" && b.file != "" {
			list = append(list, b)
		}
	}
	return list
}

// path returns where the file of a block stands that is named beside its page.
func (p *page) path(file string) string {
	return filepath.Join(root, filepath.FromSlash(p.name), "..", filepath.FromSlash(file))
}

// TestPictures holds the pictures of terminal sessions to the sessions in the pages,
// which TestConsole holds to the program, and to what draws them. With -update
// TestConsole draws them.
func TestPictures(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.pictured() {
			n++
			drawn, err := os.ReadFile(p.path(b.file))
			if err != nil {
				t.Fatal(err)
			}
			lines, err := readPicture(drawn)
			if err != nil {
				t.Fatalf("%s: %v", b.file, err)
			}
			if !shows(lines, b) {
				t.Errorf("%s shows another session than %s:%d. Run go test ./internal/docstest -update, and look at the picture. It shows\n%s", b.file, p.name, b.first, indent(strings.Join(lines, "\n")))
			}
			if string(drawn) != drawPicture(lines) {
				t.Errorf("%s is not as drawPicture draws it: run go test ./internal/docstest -update", b.file)
			}
		}
	}
	if n == 0 {
		t.Error("no page has a picture")
	}
}

// shows reports whether the lines of a picture are those of a block. What the block
// leaves out with a line of "…", the picture leaves out in the same way.
func shows(lines []string, b *block) bool {
	return len(lines) == len(b.lines) && pattern(b.lines).MatchString(strings.Join(lines, "\n")+"\n")
}

// drawPicture returns lines of a terminal as an SVG picture. It brings its own
// background, and so can be read on a light page and on a dark one.
func drawPicture(lines []string) string {
	const (
		size, width, height = 14, 8.43, 20 // of the letters, of a column, and of a line
		margin, bar         = 18, 34
	)
	columns := 80
	for _, line := range lines {
		columns = max(columns, len([]rune(line)))
	}
	w, h := int(float64(columns)*width)+2*margin, len(lines)*height+bar+margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d">
<style>
text { font: %dpx ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; fill: #c9d1d9; white-space: pre }
.prompt { fill: #7ee787 }
.command { fill: #ffffff; font-weight: 600 }
</style>
<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" fill="#0d1117" stroke="#6e7681"/>
<circle cx="20" cy="18" r="5" fill="#ff5f57"/><circle cx="38" cy="18" r="5" fill="#febc2e"/><circle cx="56" cy="18" r="5" fill="#28c840"/>
`, w, h, size, w-1, h-1)
	typed := false
	for i, line := range lines {
		command, begins := strings.CutPrefix(line, "$ ")
		text := escape(line)
		switch {
		case begins:
			text = `<tspan class="prompt">$</tspan> <tspan class="command">` + escape(command) + `</tspan>`
		case typed:
			text = `<tspan class="command">` + text + `</tspan>`
		}
		typed = (begins || typed) && strings.HasSuffix(line, "\\")
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", margin, bar+i*height+size, text)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// readPicture returns the lines of a picture that drawPicture has drawn.
func readPicture(drawn []byte) ([]string, error) {
	var picture struct {
		Text []struct {
			Inner []byte `xml:",innerxml"`
		} `xml:"text"`
	}
	if err := xml.Unmarshal(drawn, &picture); err != nil {
		return nil, err
	}
	var lines []string
	for _, text := range picture.Text {
		var line string
		if err := xml.Unmarshal(slices.Concat([]byte("<t>"), regexp.MustCompile(`</?tspan[^>]*>`).ReplaceAll(text.Inner, nil), []byte("</t>")), &line); err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

func TestDrawPicture(t *testing.T) {
	want := []string{`$ genbatch run -p '{{.body}}' \`, `    --label "a & b"`, "Wrote <out.csv>", "", "  rows  3 ok"}
	lines, err := readPicture([]byte(drawPicture(want)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the picture shows %q, want %q", lines, want)
	}
}
