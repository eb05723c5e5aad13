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

// A layer is what a package may import of this module besides internal/... Here
// "x/..." stands for x and all below it.
type layer []string

// layers is the table of section 3 of the design. Imports point one way: cmd,
// jobs, reader and writer, batch.
var layers = map[string]layer{
	"cmd/genbatch":    {"jobs", "batch/..."},
	"batch":           {},
	"batch/batchtest": {"batch"},
	"batch/gemini":    {"batch"},
	"batch/journal":   {"batch"},
	"batch/price":     {},
	"batch/quota":     {"batch"},
	"reader":          {"batch"},
	"writer":          {"batch"},
	"jobs":            {"reader", "writer", "batch/..."},
	"internal/...":    {},
	"examples":        {},
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
	return nil, false
}

// violation says which rule an import of a package of this module breaks; it is empty
// for one that is allowed.
func violation(pkg, imported string) string {
	l, ok := layerOf(pkg)
	if !ok {
		return fmt.Sprintf("%s is not in the table of layers: say there what it may import", pkg)
	}
	if within(imported, "internal/...") || slices.ContainsFunc(l, func(allowed string) bool { return within(imported, allowed) }) {
		return ""
	}
	return fmt.Sprintf("%s imports %s, and of this module may import only %s", pkg, imported, strings.Join(append(l, "internal/..."), ", "))
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
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				if v := violation(f.pkg, own); v != "" {
					t.Errorf("%s: %s", place, v)
				}
			}
		}
	}
}

func TestViolation(t *testing.T) {
	for _, c := range []struct {
		pkg, imported string
		want          string // part of the message; empty: allowed
	}{
		{"batch", "internal/redact", ""},
		{"batch", "jobs", "batch imports jobs"},
		{"batch", "batch/quota", "batch imports batch/quota"},
		{"batch/gemini", "batch/quota", "may import only batch, internal/..."},
		{"reader", "writer", "reader imports writer"},
		{"jobs", "batch/journal", ""},
		{"jobs", "cmd/genbatch", "jobs imports cmd/genbatch"},
		{"cmd/genbatch", "reader", "cmd/genbatch imports reader"},
		{"helpers", "batch", "not in the table"},
		{"internal/sim", "batch", "internal/sim imports batch"},
	} {
		got := violation(c.pkg, c.imported)
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("violation(%q, %q) = %q, want %q", c.pkg, c.imported, got, c.want)
		}
	}
}
