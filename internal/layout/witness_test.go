package layout_test

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// witnessed are the packages whose tests run jobs, each with the file that starts their
// simulators.
var witnessed = map[string]string{
	"jobs":         "jobs/money_test.go",
	"cmd/genbatch": "cmd/genbatch/money_test.go",
}

// TestNoSimulatorWithoutWitness refuses a test that starts a simulator by itself: what its
// jobs say to have cost would be compared with nothing.
func TestNoSimulatorWithoutWitness(t *testing.T) {
	for _, f := range allFiles(t) {
		place, ok := witnessed[f.pkg]
		if !ok || !f.test || f.name == place {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if from, ok := s.X.(*ast.Ident); ok && from.Name == "sim" && slices.Contains([]string{"New", "Listen"}, s.Sel.Name) {
					t.Errorf("%s: sim.%s starts a simulator without a witness of what it bills: let %s start it, and where nothing can be compared, say why to the witness's Excuse",
						f.place(n), s.Sel.Name, strings.TrimPrefix(place, f.pkg+"/"))
				}
			}
			return true
		})
	}
}
