package browsertest

import (
	"flag"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "draw the pictures in docs again")

// pictures are the pictures of pages in the documentation, with their widths.
var pictures = map[string]int{
	"report.png": 1000, "report-rows.png": 1000, "report-compare.png": 1000,
	"watch-quota.png": 1280, "watch-paused.png": 1280, "watch-faster.png": 1280,
}

// drawn is the folder of the pictures.
var drawn = filepath.Join("..", "..", "docs", "pictures")

// largestPicture is how many bytes each may have.
const largestPicture = 220 << 10

// TestPictures sees that the pictures are there, shown and not too large. With -update it draws
// them, in two minutes.
func TestPictures(t *testing.T) {
	if *update {
		t.Run("report", drawReports)
		t.Run("watch", drawWatch)
	}
	for name, width := range pictures {
		page := filepath.Join("..", "..", "docs", strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '.' })[0]+".md")
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(filepath.Join(drawn, name))
		if err != nil {
			t.Errorf("%v: draw it with go test -run TestPictures -update .", err)
			continue
		}
		defer f.Close()
		c, err := png.DecodeConfig(f)
		info, statErr := f.Stat()
		if err != nil || statErr != nil || c.Width != width || info.Size() > largestPicture {
			t.Errorf("%s has a width of %d and %d bytes: %v", name, c.Width, info.Size(), err)
		}
		if !strings.Contains(string(text), "(pictures/"+name+")") {
			t.Errorf("%s does not show %s", page, name)
		}
	}
}

// causes are what rows of the pictures ask the simulator for, and how many of them.
var causes = []struct {
	directive string
	rows      int
}{{"503", 15}, {"safety", 9}, {"400media", 6}, {"block", 5}, {"maxtokens", 3}, {"400content", 2}}

// reviews writes a table of so many reviews with known labels, always the same.
func reviews(t *testing.T, path string, rows int) {
	t.Helper()
	random := rand.New(rand.NewPCG(5000, 40))
	says := map[string][]string{
		"delivery": {"The parcel came a week late.", "Delivery took two days, as promised.", "The courier left the parcel in the rain."},
		"quality":  {"The lamp broke on the second day.", "Solid quality, well made.", "The switch feels cheap, and the quality is poor."},
		"price":    {"Far too dear for what it is.", "A fair price.", "The price went up right after I bought it."},
	}
	labels := []string{"delivery", "quality", "price"}
	more := []string{"I bought it for my desk.", "It was a gift.", "My second one.", "", "I would tell a friend."}
	failing := make(map[int]string)
	for _, c := range causes {
		for range c.rows {
			at := random.IntN(rows)
			for failing[at] != "" {
				at = random.IntN(rows)
			}
			failing[at] = c.directive
		}
	}
	var b strings.Builder
	b.WriteString("id,body,truth\n")
	for i := range rows {
		label := labels[random.IntN(3)]
		text := says[label][random.IntN(3)] + " " + more[random.IntN(len(more))]
		if random.IntN(12) == 0 { // a row about several things
			other := labels[random.IntN(3)]
			text += " " + says[other][random.IntN(3)]
		}
		if failing[i] != "" {
			text += " [[sim:" + failing[i] + "]]"
		}
		fmt.Fprintf(&b, "r%04d,%q,%s\n", i+1, text, label)
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// drawReports draws the pictures of docs/report.md.
func drawReports(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	reviews(t, filepath.Join(dir, "reviews.csv"), 5000)
	for _, job := range []struct{ name, labels string }{
		{"labels", "[delivery, quality, price]"},
		{"described", `{delivery: "the parcel, the courier, how long it took", quality: "what it is made of, and whether it broke", price: "what it cost, dear or fair"}`},
	} {
		text := fmt.Sprintf("input: reviews.csv\noutput: %s.csv\nmodel: gemini-2.5-flash\nkey: id\nexpected: truth\nclassify:\n  text: \"{{.body}}\"\n  confidence: true\n  labels: %s\n"+
			"max_attempts: 2\nendpoint: sim\n", job.name, job.labels)
		if err := os.WriteFile(filepath.Join(dir, job.name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, dir, []int{3}, "run", job.name+".yaml", "--quiet")
	}
	command(t, dir, []int{0}, "report", "labels.csv", "-o", "page.html")
	command(t, dir, []int{0}, "report", "labels.csv", "described.csv", "-o", "compare.html")
	b := open(t, 1000)
	shoot := func(name string, height int64, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		b.do(t, look(int64(pictures[name]), "light"), chromedp.EmulateViewport(int64(pictures[name]), height))
		b.do(t, steps...)
		if err := os.WriteFile(filepath.Join(drawn, name), get(t, b, chromedp.CaptureScreenshot()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	address := "file://" + filepath.Join(dir, "page.html")
	shoot("report.png", 1150, chromedp.Navigate(address))
	shoot("report-rows.png", 900, chromedp.Evaluate[chromedp.Void](`{
		const row = document.querySelector("#list > li:nth-child(2)");
		row.querySelector("details").open = true;
		document.getElementById("rows").scrollIntoView();
	}`))
	shoot("report-compare.png", 1000, chromedp.Navigate("file://"+filepath.Join(dir, "compare.html")))
}

// photograph writes a picture of the whole page, in a window of a width and a colour scheme.
func photograph(t *testing.T, b *browser, name string, width int64, scheme string) {
	t.Helper()
	b.do(t, look(width, scheme))
	picture := get(t, b, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(drawn, name), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
