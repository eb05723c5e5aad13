package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/overview"
	"github.com/genbatch/genbatch/jobs/report"
)

// Figures are SVG with classes in the place of colours, which the style sheet gives them: the
// page's policy lets no element have a style of its own. A figure that says what a table beside it
// says as well is hidden from screen readers; the others have a text.

// A drawing is SVG under way, of a given size in its own units.
type drawing struct {
	strings.Builder
	width, height float64
}

func draw(width, height float64, label string) *drawing {
	d := &drawing{width: width, height: height}
	d.printf(`<svg class="figure" viewBox="0 0 %g %g" role="img" aria-label="%s">`, width, height, template.HTMLEscapeString(safe(label)))
	return d
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// rect draws a rectangle, with a title that shows where a mouse points.
func (d *drawing) rect(class string, x, y, width, height float64, title string) {
	d.printf(`<rect class="%s" x="%.2f" y="%.2f" width="%.2f" height="%.2f"><title>%s</title></rect>`, class, x, y, width, height, template.HTMLEscapeString(safe(title)))
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) {
	d.printf(`<line class="%s" x1="%.2f" y1="%.2f" x2="%.2f" y2="%.2f"/>`, class, x1, y1, x2, y2)
}

// text writes a text at a place: start, middle or end is what stands there.
func (d *drawing) text(x, y float64, anchor, s string) {
	d.printf(`<text x="%.2f" y="%.2f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(safe(s)))
}

func (d *drawing) end() template.HTML { return template.HTML(d.String() + "</svg>") }

// bar draws a share of a whole as a line that is so long.
func bar(part, whole int64, class string) template.HTML {
	width := 0.0
	if whole > 0 {
		width = 100 * float64(part) / float64(whole)
	}
	return template.HTML(fmt.Sprintf(`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="bar-ground" width="100" height="8"/><rect class="%s" width="%.2f" height="8"/></svg>`, class, width))
}

// stack draws parts of a whole beside each other.
func stack(parts []slice, whole int64) template.HTML {
	d := &drawing{}
	d.printf(`<svg class="stack" viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">`)
	x := 0.0
	for _, p := range parts {
		width := 1000 * float64(p.Rows) / float64(whole)
		d.rect(p.Class, x, 0, max(width, 2), 24, fmt.Sprintf("%s %s", report.Count(p.Rows), p.Name))
		x += width
	}
	return d.end()
}

// A slice is a part of the rows.
type slice struct {
	Name, Class string
	Rows        int64
}

// histogram draws how often which values are. unit writes one.
func histogram(h *overview.Histogram, what string, unit func(int64) string) template.HTML {
	const width, height, foot, most = 480.0, 170.0, 24.0, 40
	bars := h.Bars(most)
	highest := int64(1)
	for _, b := range bars {
		highest = max(highest, b.Count)
	}
	d := draw(width, height, fmt.Sprintf("Distribution of %s: %s; half are below about %s, nine of ten below %s, and the greatest is %s",
		what, report.Many(h.Count, "value"), unit(h.Quantile(0.5)), unit(h.Quantile(0.9)), unit(h.Max)))
	each := width / float64(len(bars))
	for i, b := range bars {
		if b.Count == 0 {
			continue
		}
		tall := max(float64(b.Count)/float64(highest)*(height-foot-14), 1)
		name := unit(b.From)
		if b.To > b.From {
			name += " to " + unit(b.To)
		}
		d.rect("series-1", float64(i)*each+each*.06, height-foot-tall, each*.88, tall, fmt.Sprintf("%s: %s", name, report.Many(b.Count, "row")))
	}
	d.line("axis", 0, height-foot, width, height-foot)
	d.text(0, height-6, "start", unit(h.Min))
	if len(bars) > 2 {
		d.text(width/2, height-6, "middle", unit(bars[len(bars)/2].From))
	}
	d.text(width, height-6, "end", unit(h.Max))
	d.text(0, 11, "start", report.Many(highest, "row"))
	return d.end()
}

// calibration draws how often the model was right where it was how sure. Who is as often right as
// it says is on the diagonal.
func calibration(c *jobs.Calibration) template.HTML {
	const size, margin = 260.0, 34.0
	at := func(f float64) float64 { return margin + f*(size-margin-8) }
	up := func(f float64) float64 { return size - at(f) }
	d := draw(size, size, "How often answers were right, by how sure the model said to be; the table has the figures")
	d.line("axis", at(0), up(0), at(1), up(0))
	d.line("axis", at(0), up(0), at(0), up(1))
	d.line("diagonal", at(0), up(0), at(1), up(1))
	for _, f := range []float64{0, .5, 1} {
		d.text(at(f), size-margin+14, "middle", fmt.Sprintf("%.0f%%", 100*f))
		d.text(margin-4, up(f)+4, "end", fmt.Sprintf("%.0f%%", 100*f))
	}
	d.text(at(.5), size-4, "middle", "confidence")
	most := int64(1)
	for _, b := range c.Bands {
		most = max(most, b.Rows)
	}
	for _, b := range c.Bands {
		d.printf(`<circle class="series-1" cx="%.2f" cy="%.2f" r="%.2f"><title>%s</title></circle>`, at(b.Mean), up(b.Accuracy),
			3+7*math.Sqrt(float64(b.Rows)/float64(most)), fmt.Sprintf("said %.0f%%, right %.0f%% of %s", 100*b.Mean, 100*b.Accuracy, report.Many(b.Rows, "row")))
	}
	return d.end()
}

// forecast draws what was forecast, with its interval, beside what it cost. What cost more than
// the interval allows is drawn as such.
func forecast(f *jobs.Forecast, cost float64) template.HTML {
	const width, height = 480.0, 56.0
	low, mean, high := float64(f.Low), float64(f.Mean), float64(f.High)
	most := max(high, cost) * 1.1
	if most == 0 {
		return ""
	}
	at := func(v float64) float64 { return v / most * (width - 4) }
	d := draw(width, height, "The forecast with its interval, and the bill; the text says the figures")
	d.rect("bar-ground", at(low), 10, at(high)-at(low), 12, "forecast, 90 % interval")
	d.line("mark", at(mean), 6, at(mean), 26)
	class := "good-fill"
	if cost > high {
		class = "bad-fill"
	}
	d.rect(class, 0, 34, max(at(cost), 1), 12, "bill")
	return d.end()
}
