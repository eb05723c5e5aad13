package layout_test

// A room is a package of the module, with what it may import of the others. Here
// "x/..." stands for x and all below it, as far as they stand further down in the
// house.
type room struct {
	pkg string // path below the module
	may []string
}

// A floor is the rooms of one height.
type floor struct {
	name  string
	rooms []room
}

// house lists the packages of the module from top to bottom. A package may import
// only what stands further down, and of that only what its row names. So imports run
// one way, and each new one is a decision that a reviewer sees.
var house = []floor{
	// Only tests may import these. They stand above all others because they may look
	// at everything.
	{"tests", []room{
		{"examples", nil},
		{"internal/layout", nil},
		{"jobs/internal/jobtest", []string{"jobs/...", "reader", "writer", "batch/...", "internal/durable", "internal/sim"}},
		{"batch/batchtest", []string{"batch"}},
		{"internal/benchtest", nil},
	}},
	{"commands", []room{
		{"cmd/genbatch", []string{"jobs/...", "batch/...", "internal/durable", "internal/redact", "internal/sim", "internal/version"}},
	}},
	{"reports", []room{
		{"jobs/report", []string{"jobs", "jobs/plan", "jobs/cost", "jobs/eval", "batch", "batch/price", "batch/quota", "internal/durable"}},
	}},
	{"a job's life", []room{
		{"jobs", []string{"jobs/...", "reader", "writer", "batch/...", "internal/apijson", "internal/durable", "internal/redact", "internal/sim", "internal/version"}},
	}},
	{"results", []room{
		{"jobs/internal/output", []string{
			"jobs/internal/work", "jobs/internal/prompt", "jobs/internal/schema", "jobs/cost", "jobs/eval", "jobs/spec",
			"reader", "writer", "batch", "batch/gemini", "batch/journal", "internal/apijson", "internal/durable",
		}},
		{"jobs/plan", []string{"jobs/internal/work", "jobs/cost", "jobs/spec", "batch", "batch/price", "batch/quota", "internal/durable"}},
	}},
	{"rows as work", []room{
		{"jobs/internal/work", []string{"jobs/internal/prompt", "jobs/internal/media", "jobs/spec", "reader", "batch", "batch/journal", "internal/apijson"}},
	}},
	{"requests and state", []room{
		{"jobs/internal/prompt", []string{"jobs/internal/schema", "jobs/internal/preflight", "jobs/spec", "batch", "batch/gemini", "internal/apijson"}},
		{"jobs/internal/state", []string{"jobs/cost", "jobs/spec", "batch", "batch/journal", "internal/apijson", "internal/durable", "internal/version"}},
		{"jobs/internal/repair", []string{"jobs/internal/schema", "jobs/cost", "jobs/spec", "batch", "batch/gemini", "internal/apijson"}},
		{"jobs/internal/tier", []string{"jobs/cost", "jobs/spec", "batch", "batch/price"}},
		{"jobs/internal/budget", []string{"jobs/internal/media", "jobs/cost", "jobs/spec", "batch", "batch/gemini", "batch/price", "internal/apijson"}},
	}},
	{"knowledge", []room{
		{"jobs/internal/schema", []string{"jobs/spec", "batch", "batch/gemini", "internal/apijson"}},
		{"jobs/internal/preflight", []string{"jobs/spec", "batch", "batch/gemini", "batch/price", "internal/apijson"}},
		{"jobs/internal/media", []string{"jobs/spec", "batch", "batch/gemini", "internal/apijson", "internal/durable"}},
		{"jobs/cost", []string{"jobs/eval", "batch", "batch/price"}},
	}},
	{"words", []room{
		{"jobs/spec", []string{"reader", "batch", "internal/apijson"}},
		{"jobs/eval", nil},
	}},
	{"files", []room{
		{"reader", []string{"batch", "internal/plainjson"}},
		{"writer", []string{"batch", "internal/durable", "internal/plainjson"}},
	}},
	{"around the engine", []room{
		{"batch/gemini", []string{"batch", "internal/apijson", "internal/plainjson", "internal/redact"}},
		{"batch/journal", []string{"batch", "internal/durable"}},
		{"batch/quota", []string{"batch", "internal/durable"}},
		{"batch/price", nil},
	}},
	{"the engine", []room{
		{"batch", []string{"internal/apijson"}},
	}},
	// Only jobs and the commands name the simulator in their rows. It knows nothing of
	// ours: a client and a server that share code agree on its mistakes.
	{"the simulator", []room{
		{"internal/sim", []string{"internal/sim/..."}},
		{"internal/sim/answer", []string{"internal/sim/wire"}},
		{"internal/sim/wire", nil},
	}},
	{"ground", []room{
		{"internal/apijson", nil},
		{"internal/durable", nil},
		{"internal/plainjson", nil},
		{"internal/redact", nil},
		{"internal/version", nil},
	}},
}

// toBuild are rooms of the house that may be empty yet: jobs and internal/sim are
// being divided into them.
var toBuild = []string{
	"internal/apijson", "internal/sim/answer", "internal/sim/wire", "internal/version",
	"jobs/cost", "jobs/eval", "jobs/plan", "jobs/report", "jobs/spec",
	"jobs/internal/budget", "jobs/internal/jobtest", "jobs/internal/media", "jobs/internal/output", "jobs/internal/preflight",
	"jobs/internal/prompt", "jobs/internal/repair", "jobs/internal/schema", "jobs/internal/state", "jobs/internal/tier", "jobs/internal/work",
}
