package layout_test

import (
	"go/ast"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// The budgets. What code keeps to them is pleasant to read; what grows past one of
// them has mostly taken on a second task.
const (
	maxLines              = 500  // of a file
	maxPackageLines       = 2500 // of a package without its tests
	maxPackageFiles       = 20   // of a package without its tests
	maxTypeMethods        = 25   // of a type
	maxMethods            = 3    // of an interface
	maxExportedInterfaces = 12   // of the module
	maxFields             = 15   // of a struct
	maxStarts             = 41   // of goroutines, in the source
)

// An exception allows so many where a budget allows fewer, for a reason.
type exception struct {
	max int
	why string
}

// longPackages are the packages that may have more lines.
var longPackages = map[string]exception{
	"batch/gemini":         {3600, "one client for Google's API, Vertex AI and gateways: what they share is most of it"},
	"batch/journal":        {3000, "the format with its reasons: a fifth of it is comments on what a crash leaves"},
	"jobs/cluster":         {4000, "workers and the collector, those who steer them, and what travels between them: each is of no use without the others"},
	"batch/quota":          {4300, "limits, what calls teach about them, and the day's ledger with what it does unread, all behind one lock"},
	"jobs":                 {4850, "a job's life: what opens, asks, follows batches and writes is here in outline, and done in the rooms"},
	"jobs/internal/mirror": {2650, "the copy, its lease and what restores it: each reads the same commits"},
	"jobs/internal/output": {2800, "what becomes of a row, on its way to a file, to a program or to a reader's eye"},
	"jobs/report":          {4250, "a file for each record: text and JSON of everything that commands say"},
	"jobs/spec":            {3600, "a type for each group of keys, with how YAML writes it, what it refuses and how it is stored"},
	"internal/sim/answer":  {2910, "an answer for each thing that can be asked for, right or wrong"},
	"internal/sim":         {2620, "the server: the routes, the faults and the counts of every method of the API"},
	"cmd/genbatch":         {4150, "one file a command, with its flags and its help"},
	"reader":               {3400, "four formats behind one door, and what folders say; most of it is the nested values of Parquet"},
}

// manyFiles are the packages that may have more files.
var manyFiles = map[string]exception{
	"batch/gemini": {23, "the service's dialects and the shapes of its answers have a file each"},
	"jobs/report":  {25, "a file for each record"},
	"jobs/spec":    {25, "a file for each group of keys"},
	"cmd/genbatch": {37, "one file a command"},

	"internal/sim/answer": {22, "a file for each thing that can be asked for"},
	"internal/sim/wire":   {21, "a file for each part of a request"},
	"batch/quota":         {23, "a file for each thing that a limit is"},
	"jobs":                {26, "a file for each part of a job's life"},
}

// manyMethods are the types that may have more methods.
var manyMethods = map[string]exception{
	"batch/journal.Journal":           {46, "the journal on disk: lines, blobs, index and pruning change together or not at all"},
	"batch/quota.learner":             {35, "three experiments over the same calls and the same ceilings"},
	"batch/quota.model":               {52, "everything that one lock guards"},
	"internal/sim.exchange":           {45, "one request and its reply, for every method of the API"},
	"jobs/internal/state.Folder":      {28, "what a folder holds, and what may stand beside it"},
	"jobs.Job":                        {66, "a job's life: what its methods do is in the rooms"},
	"jobs/internal/work.List":         {34, "every question about the rows of a job: which there are, what is asked of each, and in which ways it was asked"},
	"jobs/internal/output.Deriver":    {29, "what becomes of a row, for all who ask"},
	"internal/objecttest.conformance": {30, "a test for each promise of a bucket"},
	"jobs/spec.Spec":                  {36, "the job file, with what it refuses and how it is stored"},
}

// wideStructs are the structs that may have more fields.
var wideStructs = map[string]exception{
	"batch.Result":                  {20, "the record of the journal: flat, so that jq and DuckDB read it"},
	"jobs.Job":                      {17, "what Open makes ready, and what a run of it shares with those who look and steer"},
	"jobs.Progress":                 {17, "a record of figures, which only reports show"},
	"jobs.Summary":                  {19, "a record of figures, which only reports show"},
	"batch.Outcome":                 {20, "what one attempt came to: each field is read by another part of the engine"},
	"jobs/spec.Spec":                {79, "the job file: a field for each of its keys"},
	"jobs.Status":                   {16, "a record of figures, which only reports show"},
	"jobs/report.statusJSON":        {17, "the JSON of that record"},
	"jobs/report.summaryJSON":       {16, "the JSON of a record of figures"},
	"reader.file":                   {17, "what is known of a file of any of the formats"},
	"jobs/plan.Plan":                {28, "a record of figures, which only reports show"},
	"internal/sim.Config":           {17, "what is simulated: a field for each thing that can be asked for"},
	"jobs/internal/batchjob.Config": {18, "what the package is given by the job: a field for each part of it"},
	"jobs/record.Sample":            {20, "a record of figures: flat, so that jq and DuckDB read it"},
	"jobs/cost.Totals":              {18, "a record of figures, each of them added up on its own"},
}

// starts are the files that start goroutines, with who waits for them. Where nobody
// waits for the function of a timer, the reason says why it does no harm later.
var starts = map[string]exception{
	"batch/run.go":                                     {6, "feed, workers and who hires more of them, wait, collect: Run waits for each of their groups; the timer of the drain ends with Run and touches contexts only"},
	"batch/gemini/internal/clock/clock.go":             {1, "the timeout of a call: the call stops it; later it only cancels a context that has ended"},
	"batch/quota/model.go":                             {1, "wakes those who wait for a slot: stopped when none waits; later it finds the queue empty"},
	"batch/quota/link.go":                              {1, "a conversation with the store on disk: Limiter.Close waits, unless the disk hangs"},
	"jobs/internal/mirror/mirror.go":                   {3, "signs of life and copying: Copy.Close ends both and waits; what ends a run's context with the lease, which the run stops"},
	"jobs/internal/mirror/lease.go":                    {1, "the timer of the lease: Copy.Close stops it; later it finds the lease given back"},
	"jobs/internal/mirror/restore.go":                  {1, "fetches pieces ahead: each ends with its context, and has room for what it has fetched"},
	"jobs/internal/history/recorder.go":                {1, "takes samples and writes them: Recorder.Stop waits, unless the disk hangs; later it only writes to a cache"},
	"jobs/internal/media/ahead.go":                     {1, "looks at the objects of rows ahead: Parts.Ahead waits for all, however it ends"},
	"jobs/internal/tier/model.go":                      {1, "the moment to leave a tier: the attempt stops it; later it only sees that its context has ended"},
	"jobs/internal/output/stages.go":                   {2, "the stages before the output's writer: fetchAll waits for them, however it ends"},
	"jobs/telemetry/page.go":                           {1, "serves the page of metrics: page.close ends it and waits"},
	"cmd/genbatch/progress.go":                         {2, "the count of rows and the ticker: display.close cancels them and waits"},
	"cmd/genbatch/console.go":                          {1, "a message at a signal: say waits a moment for it, since nobody may read stderr any more, and the process is about to end"},
	"cmd/genbatch/app.go":                              {1, "waits for signals until the command has ended; it touches nothing that is closed after"},
	"jobs/cluster/worker.go":                           {5, "what renews the claim, what watches the job and what sends: attempt and run end them and wait; the timer only cancels a context"},
	"jobs/cluster/desk.go":                             {1, "an attempt at a shard for each that is claimed: work waits for all, however it ends"},
	"jobs/cluster/serve.go":                            {1, "the collector: collect ends it and waits"},
	"jobs/cluster/internal/bus/bus.go":                 {1, "measures the servers' clock: Bus.Close ends it and waits"},
	"jobs/cluster/internal/clustertest/clustertest.go": {2, "the proxy's connections: its cleanup closes them and waits"},
	"jobs/remote/server.go":                            {1, "the HTTP server of the socket: Server.Close closes it and waits"},
	"batch/batchtest/batchtest.go":                     {1, "cancels the context of a test, which stops it"},
	"internal/sim/batches/run.go":                      {1, "the rows of a block, as many at once as there are processors: parallel waits for all"},
	"jobs/report/live/live.go":                         {1, "the HTTP server of the page: Server.Close shuts it down and waits"},
	"objects/file.go":                                  {1, "reads ahead: it ends within the patience of a fetch, and touches only the block that it fetches"},
	"internal/objecttest/conform.go":                   {1, "calls of a bucket, some at a time: each waits for all"},
	"internal/objecttest/refuse.go":                    {1, "writers that race: the test waits for all"},
	"internal/sim/server.go":                           {1, "the HTTP server: Running.Close closes it and waits"},
}

func TestFileLines(t *testing.T) {
	for _, f := range sources(t) {
		if f.lines > maxLines {
			t.Errorf("%s has %d lines, and a file at most %d: split it", f.name, f.lines, maxLines)
		}
	}
}

// figures are what is counted of a package, without its tests.
type figures struct {
	files, lines int
	exported     map[string]bool // names at the top of its files
	methods      map[string]int  // of each type
}

// measure counts each package of the module.
func measure(t *testing.T) map[string]figures {
	t.Helper()
	packages := make(map[string]figures)
	for _, f := range sources(t) {
		p, ok := packages[f.pkg]
		if !ok {
			p.exported, p.methods = make(map[string]bool), make(map[string]int)
		}
		p.files++
		p.lines += f.lines
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv != nil {
				p.methods[receiver(fn).Name]++
				continue
			}
			for _, name := range declared(d) {
				if name.IsExported() {
					p.exported[name.Name] = true
				}
			}
		}
		packages[f.pkg] = p
	}
	return packages
}

// declared returns the names that a declaration gives to a package.
func declared(d ast.Decl) (names []*ast.Ident) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return []*ast.Ident{d.Name}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				names = append(names, s.Name)
			case *ast.ValueSpec:
				names = append(names, s.Names...)
			}
		}
	}
	return names
}

func TestPackageSize(t *testing.T) {
	long, many := make(map[string]bool), make(map[string]bool)
	for pkg, p := range measure(t) {
		if p.lines > maxPackageLines {
			long[pkg] = true
			if allowed := max(maxPackageLines, longPackages[pkg].max); p.lines > allowed {
				t.Errorf("%s has %d lines, and a package may have %d: find the part with the narrowest door and make it a package, or list it in longPackages with the reason", pkg, p.lines, allowed)
			}
		}
		if p.files > maxPackageFiles {
			many[pkg] = true
			if allowed := max(maxPackageFiles, manyFiles[pkg].max); p.files > allowed {
				t.Errorf("%s has %d files, and a package may have %d: divide it by what its files know of each other, or list it in manyFiles with the reason", pkg, p.files, allowed)
			}
		}
	}
	unused(t, "lines", longPackages, long)
	unused(t, "files", manyFiles, many)
}

func TestTypeMethods(t *testing.T) {
	used := make(map[string]bool)
	for pkg, p := range measure(t) {
		for typ, n := range p.methods {
			if name := pkg + "." + typ; n > maxTypeMethods {
				used[name] = true
				if allowed := max(maxTypeMethods, manyMethods[name].max); n > allowed {
					t.Errorf("%s has %d methods, and a type may have %d: give those that use the same few fields a type of their own, or list it in manyMethods with the reason", name, n, allowed)
				}
			}
		}
	}
	unused(t, "methods", manyMethods, used)
}

func TestNoInit(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init runs for everyone who imports %s: call it where it is needed", f.place(fn), f.pkg)
			}
		}
	}
}

// TestInterfaces counts an embedded interface as one method.
func TestInterfaces(t *testing.T) {
	var exported []string
	for _, f := range sources(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.InterfaceType:
				if k := n.Methods.NumFields(); k > maxMethods {
					t.Errorf("%s: the interface has %d methods, and may have %d: split it by who calls them", f.place(n), k, maxMethods)
				}
			case *ast.TypeSpec:
				if _, ok := n.Type.(*ast.InterfaceType); ok && n.Name.IsExported() {
					exported = append(exported, f.pkg+"."+n.Name.Name)
				}
			}
			return true
		})
	}
	if len(exported) > maxExportedInterfaces {
		t.Errorf("the module exports %d interfaces, and may export %d: %s", len(exported), maxExportedInterfaces, strings.Join(exported, ", "))
	}
}

func TestStructFields(t *testing.T) {
	used := make(map[string]bool)
	for _, f := range sources(t) {
		for _, d := range f.syntax.Decls {
			name := f.pkg // of the type or function that a struct stands in
			if fn, ok := d.(*ast.FuncDecl); ok {
				name += "." + fn.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.TypeSpec:
					name = f.pkg + "." + n.Name.Name
				case *ast.StructType:
					if k := n.Fields.NumFields(); k > maxFields {
						used[name] = true
						if allowed := max(maxFields, wideStructs[name].max); k > allowed {
							t.Errorf("%s: %s has %d fields, and may have %d: split it, or list it with the reason", f.place(n), name, k, allowed)
						}
					}
				}
				return true
			})
		}
	}
	unused(t, "fields", wideStructs, used)
}

// TestGoroutines counts go statements, calls of a Go method with one argument, as
// errgroup.Group and sync.WaitGroup have it, and the AfterFunc of time and context,
// which calls its function in a goroutine.
func TestGoroutines(t *testing.T) {
	used := make(map[string]bool)
	total := 0
	for _, f := range sources(t) {
		n := 0
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.GoStmt:
				n++
			case *ast.SelectorExpr:
				if from, ok := node.X.(*ast.Ident); ok && node.Sel.Name == "AfterFunc" && (from.Name == "time" || from.Name == "context") {
					n++
				}
			case *ast.CallExpr:
				if s, ok := node.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" && len(node.Args) == 1 {
					n++
				}
			}
			return true
		})
		if n == 0 {
			continue
		}
		total += n
		used[f.name] = true
		if allowed := starts[f.name].max; n > allowed {
			t.Errorf("%s starts goroutines in %d places, and may in %d: have a part that waits start them, or say in starts who waits", f.name, n, allowed)
		}
	}
	if total > maxStarts {
		t.Errorf("goroutines are started in %d places, and may be in %d", total, maxStarts)
	}
	unused(t, "goroutines", starts, used)
}

// TestPackageVariables refuses those that can only be there to be changed: state
// that all users of a package share.
func TestPackageVariables(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.syntax.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				embedded := g.Doc != nil && strings.Contains(g.Doc.List[len(g.Doc.List)-1].Text, "//go:embed")
				if len(v.Values) == 0 && !embedded {
					t.Errorf("%s: the package variable %s has no value: keep state in a struct", f.place(v), v.Names[0])
				}
			}
		}
	}
}

// wellKnown are methods whose name the standard library gives a meaning that
// needs no words: those of error, fmt.Stringer and heap.Interface.
var wellKnown = []string{"Error", "Unwrap", "String", "Len", "Less", "Swap", "Push", "Pop"}

func TestDocComments(t *testing.T) {
	for _, f := range sources(t) {
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && (d.Recv == nil || !slices.Contains(wellKnown, d.Name.Name)) {
					t.Errorf("%s: %s.%s has no doc comment", f.place(d), path.Base(f.pkg), d.Name)
				}
			case *ast.GenDecl:
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s.%s has no doc comment", f.place(name), path.Base(f.pkg), name)
				}
			}
		}
	}
}

// exportedReceiver reports whether a function is a method of an exported type, or
// no method.
func exportedReceiver(d *ast.FuncDecl) bool {
	return d.Recv == nil || receiver(d).IsExported()
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) *ast.Ident {
	base := d.Recv.List[0].Type
	for {
		switch x := base.(type) {
		case *ast.StarExpr:
			base = x.X
		case *ast.IndexExpr: // T[K]
			base = x.X
		case *ast.IndexListExpr: // T[K, V]
			base = x.X
		default:
			return x.(*ast.Ident)
		}
	}
}

// undocumented returns the exported names of a declaration without a comment of
// their own, or of the group that they stand in.
func undocumented(d *ast.GenDecl) (names []*ast.Ident) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
				names = append(names, s.Name)
			}
		case *ast.ValueSpec:
			if s.Doc != nil || s.Comment != nil || d.Doc != nil {
				continue
			}
			for _, name := range s.Names {
				if name.IsExported() {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// unused fails for exceptions that nothing needs any more.
func unused(t *testing.T, what string, listed map[string]exception, used map[string]bool) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		if !used[name] {
			t.Errorf("%s is listed for its %s (%s), and needs that no more: remove it", name, what, listed[name].why)
		}
	}
}
