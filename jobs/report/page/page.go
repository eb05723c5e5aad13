// Package page shows records as web pages for people: a [Report] of a job, and a [Comparison] of
// two. Each page is one file that needs nothing else, and no network.
//
// What came from rows, models and servers is text on a page, and nothing else. Three things see
// to that: html/template writes it by its context; data of figures stand in blocks of JSON, which
// are not run; and the page's own policy lets nothing run, or be loaded, but the style sheet and
// the script whose sums it names.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/report"
	"github.com/genbatch/genbatch/jobs/report/internal/webpage"
)

//go:embed assets
var assets embed.FS

// generator is what the pages say of who has made them.
const generator = "genbatch report"

// isOwn reports whether a file is a page of this package, by how it begins.
func isOwn(file io.Reader) bool {
	head := make([]byte, 1024)
	n, _ := io.ReadFull(file, head) // a shorter file has less
	return bytes.Contains(head[:n], []byte(`<meta name="generator" content="`+generator+` `))
}

// A frame is what all pages have around their content.
type frame struct {
	Title     string
	Generator string
	Made      time.Time
	Simulated bool
	Charts    []chart

	style, script string
}

// newFrame returns the frame of a page with this title.
func newFrame(title string, made time.Time) (*frame, error) {
	f := &frame{Title: safe(title), Generator: generator + " " + version.Version(), Made: made}
	for _, part := range []struct {
		of     *string
		shared []string
		name   string
	}{
		{&f.style, []string{webpage.BaseCSS, webpage.UPlotCSS}, "assets/page.css"},
		{&f.script, []string{webpage.UPlotJS}, "assets/page.js"},
	} {
		text, err := assets.ReadFile(part.name)
		if err != nil {
			return nil, err
		}
		*part.of = "\n" + strings.Join(append(part.shared, string(text)), "\n")
	}
	return f, nil
}

// Style and Script are our own. Their elements hold them byte by byte, since the policy has
// their sums.
func (f *frame) Style() template.HTML  { return template.HTML("<style>" + f.style + "</style>") }
func (f *frame) Script() template.HTML { return template.HTML("<script>" + f.script + "</script>") }

// Policy says what the page may do: https://www.w3.org/TR/CSP3/. Images are thumbnails, which
// stand in the page.
func (f *frame) Policy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", sum(f.style), sum(f.script))
}

// When says when the page was made.
func (f *frame) When() string { return when(f.Made) }

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(s[:])
}

// write writes a page by the template of this name.
func write(w io.Writer, name string, content any) error {
	t, err := template.New("").Funcs(template.FuncMap{
		"safe": safe, "count": report.Count, "many": report.Many, "percent": percent, "score": report.Score, "share": report.SharePercent,
		"interval": report.Interval, "bar": bar,
	}).ParseFS(assets, "assets/*.html")
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, name, content)
}

// percent writes a part of a whole. A part of nothing is a dash.
func percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return report.Percent(part, whole)
}

// when writes a time with its zone: a page is read elsewhere than where it was made.
func when(t time.Time) string { return t.Local().Format("2 Jan 2006 15:04:05 MST") }
