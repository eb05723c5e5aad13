// Package layout_test holds the module to its layering and its budgets, so that
// neither wears away by exceptions that nobody decided on. The table of packages is in
// house_test.go, that of dependencies in dependencies_test.go, and the budgets are in
// budget_test.go, each with its exceptions and their reasons.
package layout_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// A spot is where a package stands in the house.
type spot struct {
	room
	floor int // 0 is the top one
	row   int // counted from the top, through all floors
}

// spots returns the rooms of the house from top to bottom.
func spots() (list []spot) {
	for i, f := range house {
		for _, r := range f.rooms {
			list = append(list, spot{room: r, floor: i, row: len(list)})
		}
	}
	return list
}

func spotOf(pkg string) (spot, bool) {
	list := spots()
	i := slices.IndexFunc(list, func(s spot) bool { return s.pkg == pkg })
	if i < 0 {
		return spot{}, false
	}
	return list[i], true
}

// violation says which rule a file breaks that imports a package of this module, and
// the way out. It is empty for an import that is allowed.
//
// What a test imports need not be in the row of its package: it may use all that
// stands on the floor of its package or further down, and what is made for tests.
func violation(file, imported string) string {
	pkg := path.Dir(file)
	from, ok := spotOf(pkg)
	if !ok {
		return noRow(pkg)
	}
	to, ok := spotOf(imported)
	if !ok {
		return noRow(imported)
	}
	if strings.HasSuffix(file, "_test.go") {
		if to.floor >= from.floor || to.floor == 0 {
			return ""
		}
		return fmt.Sprintf("a test of %s imports %s, which stands above it, and so a change there can break it: move the test up to %s", pkg, imported, imported)
	}
	if to.row <= from.row {
		return fmt.Sprintf("%s imports %s, which stands above it, and imports run downwards: move what it needs further down, or let %s hand it in", pkg, imported, imported)
	}
	if !slices.ContainsFunc(from.may, func(allowed string) bool { return within(imported, allowed) }) {
		return fmt.Sprintf("%s imports %s, and of this module may import only [%s]: do without, or add it to the row in internal/layout/house_test.go and say why in the commit",
			pkg, imported, strings.Join(from.may, " "))
	}
	return ""
}

func noRow(pkg string) string {
	return pkg + " has no place in the house: give it a row in internal/layout/house_test.go, above all that it imports"
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
	for _, f := range allFiles(t) {
		for imported, place := range f.imports {
			if own, ok := strings.CutPrefix(imported, module+"/"); ok {
				if v := violation(f.name, own); v != "" {
					t.Errorf("%s: %s", place, v)
				}
			}
		}
	}
}

// TestHouse holds the table to what is there: each package has one row, each row a
// package, and what a row names stands further down.
func TestHouse(t *testing.T) {
	built := make(map[string]bool)
	for _, f := range allFiles(t) {
		built[f.pkg] = true
	}
	rows := make(map[string]bool)
	list := spots()
	for _, s := range list {
		if rows[s.pkg] {
			t.Errorf("%s has two rows", s.pkg)
		}
		rows[s.pkg] = true
		if !built[s.pkg] {
			t.Errorf("%s has a row and no files: remove the row", s.pkg)
		}
		for _, allowed := range s.may {
			if !slices.ContainsFunc(list[s.row+1:], func(to spot) bool { return within(to.pkg, allowed) }) {
				t.Errorf("the row of %s names %s, and no such package stands below it: imports run downwards", s.pkg, allowed)
			}
		}
	}
	for pkg := range built {
		if !rows[pkg] {
			t.Error(noRow(pkg))
		}
	}
}

func TestViolation(t *testing.T) {
	for _, c := range []struct {
		file, imported string
		want           string // part of the message; empty: allowed
	}{
		{"batch/gemini/client.go", "internal/redact", ""},
		{"batch/run.go", "internal/sim", "may import only [internal/apijson]"},
		{"batch/run.go", "jobs", "jobs, which stands above it"},
		{"batch/run.go", "batch/quota", "batch/quota, which stands above it"},
		{"batch/gemini/client.go", "batch/quota", "may import only [batch "},
		{"batch/gemini/client.go", "internal/sim", "may import only [batch "},
		{"batch/gemini/client_test.go", "internal/sim", ""},
		{"batch/gemini/client_test.go", "batch/quota", ""},
		{"batch/gemini/client_test.go", "batch/batchtest", ""},
		{"batch/gemini/client_test.go", "reader", "a test of batch/gemini imports reader"},
		{"batch/gemini/client.go", "batch/batchtest", "batch/batchtest, which stands above it"},
		{"reader/reader.go", "writer", "may import only [batch "},
		{"writer/writer.go", "reader", "reader, which stands above it"},
		{"writer/writer_test.go", "reader", ""},
		{"jobs/run.go", "batch/journal", ""},
		{"jobs/run.go", "jobs/internal/work", ""},
		{"jobs/run.go", "jobs/report", "jobs/report, which stands above it"},
		{"jobs/run.go", "cmd/genbatch", "cmd/genbatch, which stands above it"},
		{"jobs/eval/evaluator.go", "jobs/spec", "jobs/spec, which stands above it"},
		{"jobs/internal/work/list.go", "jobs/internal/budget", "may import only [jobs/internal/prompt "},
		{"cmd/genbatch/app.go", "reader", "may import only [cmd/genbatch/internal/... jobs "},
		{"internal/sim/server.go", "batch", "batch, which stands above it"},
		{"internal/sim/server.go", "internal/redact", "may import only [internal/sim/...]"},
		{"helpers/helpers.go", "batch", "helpers has no place"},
		{"batch/run.go", "helpers", "helpers has no place"},
	} {
		got := violation(c.file, c.imported)
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("violation(%q, %q) = %q, want %q", c.file, c.imported, got, c.want)
		}
	}
}
