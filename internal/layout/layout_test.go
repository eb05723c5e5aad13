// Package layout_test holds the module to its layering and its budgets, so that
// neither wears away by exceptions that nobody decided on.
package layout_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// A layer is what a package may import besides the standard library and
// internal/...: packages of this module, and other modules.
type layer struct {
	own   []string // below the module; "x/..." stands for x and all below it
	other []string // module paths
}

// layers is the table of section 3 of the design. Imports point one way: cmd,
// jobs, reader and writer, batch. Entries under other say which package may know
// of which dependency, so that one can be replaced in one place.
var layers = map[string]layer{
	"cmd/genbatch":    {own: []string{"jobs", "batch/..."}, other: []string{"github.com/urfave/cli/v2", "github.com/schollz/progressbar/v3", "golang.org/x/term"}},
	"batch":           {other: []string{"golang.org/x/sync"}},
	"batch/batchtest": {own: []string{"batch"}},
	"batch/gemini":    {own: []string{"batch"}, other: []string{"golang.org/x/oauth2"}},
	"batch/journal":   {own: []string{"batch"}},
	"batch/price":     {},
	"batch/quota":     {own: []string{"batch"}},
	"reader":          {own: []string{"batch"}, other: []string{"github.com/parquet-go/parquet-go", "github.com/klauspost/compress"}},
	"writer":          {own: []string{"batch"}, other: []string{"github.com/parquet-go/parquet-go", "github.com/klauspost/compress"}},
	"jobs": {
		own: []string{"reader", "writer", "batch/..."},
		// The job file, "did you mean", how often a warning is repeated, what a medium is,
		// and the check of answers by their JSON Schema, which is too large a standard to
		// write anew.
		other: []string{
			"github.com/goccy/go-yaml", "github.com/xrash/smetrics", "golang.org/x/time", "github.com/gabriel-vasile/mimetype",
			"github.com/santhosh-tekuri/jsonschema/v6",
		},
	},
	"internal/durable": {other: []string{"golang.org/x/sys"}},
	"internal/...":     {},
	"examples":         {},
}

// layerOf returns the layer of a package of the module, by its path below it: its
// own, else that of the nearest "x/..." above.
func layerOf(pkg string) (layer, bool) {
	if l, ok := layers[pkg]; ok {
		return l, true
	}
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if l, ok := layers[dir+"/..."]; ok {
			return l, true
		}
	}
	return layer{}, false
}

// violation says which rule an import breaks; it is empty for one that is
// allowed.
func violation(pkg, imported string) string {
	l, ok := layerOf(pkg)
	if !ok {
		return fmt.Sprintf("%s is not in the table of layers: say there what it may import", pkg)
	}
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		if within(own, "internal/...") || slices.ContainsFunc(l.own, func(allowed string) bool { return within(own, allowed) }) {
			return ""
		}
		return fmt.Sprintf("%s imports %s, and of this module may import only %s", pkg, own, strings.Join(append(l.own, "internal/..."), ", "))
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return "" // the standard library
	}
	if slices.ContainsFunc(l.other, func(m string) bool { return within(imported, m+"/...") }) {
		return ""
	}
	may := "no other module"
	if len(l.other) > 0 {
		may = "of other modules only " + strings.Join(l.other, ", ")
	}
	return fmt.Sprintf("%s imports %s, and may import %s", pkg, imported, may)
}

// within reports whether a path is the one that is allowed, or lies below it when
// that ends in "/...".
func within(p, allowed string) bool {
	if top, ok := strings.CutSuffix(allowed, "/..."); ok {
		return p == top || strings.HasPrefix(p, top+"/")
	}
	return p == allowed
}

func TestLayers(t *testing.T) {
	for _, f := range sources(t) {
		for imported, place := range f.imports {
			if v := violation(f.pkg, imported); v != "" {
				t.Errorf("%s: %s", place, v)
			}
		}
	}
}

func TestViolation(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		want          string // part of the message; empty: allowed
	}{
		{"batch", "context", ""},
		{"batch", "golang.org/x/sync/errgroup", ""},
		{"batch", module + "/internal/redact", ""},
		{"batch", module + "/jobs", "batch imports jobs"},
		{"batch", module + "/batch/quota", "batch imports batch/quota"},
		{"batch", "github.com/parquet-go/parquet-go", "only golang.org/x/sync"},
		{"batch/gemini", module + "/batch/quota", "may import only batch, internal/..."},
		{"batch/price", "golang.org/x/time/rate", "no other module"},
		{"reader", module + "/writer", "reader imports writer"},
		{"reader", "github.com/parquet-go/parquet-go/format", ""},
		{"reader", "github.com/parquet-go/parquet-go-extra", "reader imports github.com/parquet-go/parquet-go-extra"},
		{"jobs", module + "/batch/journal", ""},
		{"jobs", module + "/cmd/genbatch", "jobs imports cmd/genbatch"},
		{"jobs", "github.com/urfave/cli/v2", "jobs imports github.com/urfave/cli/v2"},
		{"cmd/genbatch", module + "/reader", "cmd/genbatch imports reader"},
		{"internal/durable", "golang.org/x/sys/windows", ""},
		{"internal/sim", "golang.org/x/sys/windows", "no other module"},
		{"internal/sim", module + "/batch", "internal/sim imports batch"},
		{"helpers", "context", "not in the table"},
	} {
		got := violation(c.pkg, c.imported)
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("violation(%q, %q) = %q, want %q", c.pkg, c.imported, got, c.want)
		}
	}
}
