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
		{"internal/docstest", nil},
		{"internal/layout", nil},
		{"jobs/cluster/internal/clustertest", []string{"jobs/cluster/internal/node"}},
		{"jobs/internal/jobtest", []string{"jobs/spec", "batch", "internal/durable"}},
		{"jobs/internal/costtest", []string{"jobs/cost"}},
		{"internal/billtest", []string{"jobs/cost", "batch/price", "internal/sim", "internal/sim/bill"}},
		{"batch/batchtest", []string{"batch"}},
		{"internal/benchtest", nil},
		{"internal/crashdisk", []string{"internal/durable"}},
		{"internal/mutation", []string{"internal/overlaytest"}},
		{"internal/objecttest", []string{"objects"}},
		{"internal/overlaytest", nil},
		{"internal/recordedtest", nil},
		{"internal/release", nil},
	}},
	{"commands", []room{
		{"cmd/genbatch", []string{"cmd/genbatch/internal/...", "jobs", "jobs/cluster", "jobs/compare", "jobs/draft", "jobs/jobfile", "jobs/registry", "jobs/remote", "jobs/report", "jobs/report/detail", "jobs/report/live", "jobs/report/page", "jobs/report/runs", "jobs/telemetry", "batch", "batch/price", "batch/quota", "internal/message", "internal/redact", "internal/sim", "internal/terminal", "internal/version", "objects", "objects/azure", "objects/gcs", "objects/s3"}},
	}},
	{"the command line", []room{
		{"cmd/genbatch/internal/hooks", []string{"jobs/spec", "batch/gemini", "internal/message", "internal/redact", "internal/version"}},
		{"cmd/genbatch/internal/shells", []string{"cmd/genbatch/internal/complete", "internal/terminal"}},
		{"cmd/genbatch/internal/complete", []string{"cmd/genbatch/internal/args", "cmd/genbatch/internal/manual", "jobs", "jobs/draft", "batch", "batch/price", "batch/quota", "internal/fileformat", "internal/message", "internal/sim", "internal/textfile"}},
		{"cmd/genbatch/internal/manual", []string{"internal/terminal"}},
		{"cmd/genbatch/internal/args", []string{"jobs", "batch", "internal/message", "internal/terminal"}},
	}},
	{"pages", []room{
		{"jobs/report/page", []string{"jobs/report/...", "jobs", "jobs/compare", "jobs/overview", "batch", "batch/gemini", "batch/price", "internal/durable", "internal/redact", "internal/store", "internal/terminal", "internal/version"}},
		{"jobs/report/live", []string{"jobs/report/internal/webpage", "jobs/spec"}},
	}},
	{"reports of rows and runs", []room{
		{"jobs/report/runs", []string{"jobs/remote", "jobs/report", "jobs/registry", "jobs", "batch/price", "internal/apijson", "internal/terminal"}},
		{"jobs/report/detail", []string{"jobs/report", "jobs", "batch", "batch/price", "internal/apijson", "internal/message", "internal/terminal"}},
	}},
	{"several machines", []room{
		{"jobs/cluster", []string{
			"jobs/cluster/internal/...", "jobs", "jobs/cost", "jobs/internal/budget", "jobs/internal/control", "jobs/internal/state", "jobs/record", "jobs/remote", "jobs/report", "jobs/spec",
			"batch", "batch/journal", "batch/price", "batch/quota", "internal/durable", "internal/message", "internal/version",
		}},
	}},
	{"runs from outside", []room{
		{"jobs/remote", []string{"jobs/report", "jobs", "batch/price", "internal/apijson", "internal/durable", "internal/message", "internal/terminal"}},
	}},
	{"reports", []room{
		{"jobs/telemetry", []string{"jobs/telemetry/internal/...", "jobs", "jobs/spec", "batch", "batch/price", "internal/message", "internal/version"}},
		{"jobs/report", []string{"jobs/report/internal/...", "jobs", "jobs/compare", "batch", "batch/price", "batch/quota", "internal/apijson", "internal/message", "internal/terminal"}},
	}},
	{"parts of reports", []room{
		{"jobs/report/internal/request", []string{"internal/apijson", "internal/terminal"}},
		{"jobs/report/internal/webpage", nil},
		{"jobs/telemetry/internal/otlp", nil},
	}},
	{"their servers", []room{
		{"jobs/cluster/internal/bus", nil},
		{"jobs/cluster/internal/node", nil},
	}},
	{"a job's life", []room{
		{"jobs", []string{
			"jobs/...", "reader", "writer", "batch/...",
			"internal/apijson", "internal/durable", "internal/message", "internal/sim", "internal/store", "internal/version", "objects",
		}},
	}},
	{"comparisons", []room{
		{"jobs/compare", []string{
			"jobs/internal/output", "jobs/internal/stats", "jobs/cost", "jobs/record", "jobs/spec",
			"reader", "writer", "batch", "batch/price", "internal/apijson", "internal/durable", "internal/message",
		}},
	}},
	{"results", []room{
		{"jobs/draft", []string{"jobs/jobfile", "jobs/internal/output", "jobs/internal/prompt", "jobs/internal/template", "jobs/spec", "reader", "batch", "batch/price", "internal/durable", "internal/fileformat", "internal/message", "internal/store", "internal/terminal", "internal/textfile"}},
		{"jobs/internal/output", []string{
			"jobs/internal/work", "jobs/internal/pack", "jobs/internal/prompt", "jobs/internal/logprobs", "jobs/internal/schema", "jobs/record", "jobs/overview", "jobs/cost", "jobs/findings", "jobs/eval", "jobs/spec",
			"reader", "writer", "batch", "batch/gemini", "batch/journal", "batch/price",
			"internal/apijson", "internal/durable", "internal/fileformat", "internal/message", "internal/store",
		}},
		{"jobs/internal/merge", []string{"jobs/internal/work", "jobs/cost", "batch", "batch/journal"}},
		{"jobs/internal/critic", []string{"jobs/internal/prompt", "jobs/internal/preflight", "jobs/cost", "jobs/eval", "jobs/spec", "batch", "batch/gemini", "batch/price", "internal/apijson", "internal/message"}},
		{"jobs/internal/prune", []string{"jobs/internal/work", "jobs/record", "jobs/spec", "batch", "batch/journal", "batch/price"}},
		{"jobs/internal/planner", []string{"jobs/internal/work", "jobs/internal/pack", "jobs/internal/stats", "jobs/cost", "jobs/plan", "batch", "batch/gemini/batches", "batch/journal", "batch/price", "batch/quota", "internal/apijson"}},
		{"jobs/jobfile", []string{"jobs/spec", "internal/apijson"}},
		{"jobs/registry", []string{"batch/price", "internal/durable"}},
	}},
	{"steering", []room{
		{"jobs/internal/control", []string{"jobs/internal/budget", "jobs/internal/state", "jobs/internal/tier", "jobs/record", "jobs/spec", "batch", "batch/price", "batch/quota"}},
	}},
	{"rows as work", []room{
		{"jobs/internal/work", []string{"jobs/internal/prompt", "jobs/internal/pack", "jobs/internal/media", "jobs/record", "jobs/spec", "reader", "batch", "batch/journal", "internal/message"}},
	}},
	{"batch jobs", []room{
		{"jobs/internal/batchjob", []string{
			"jobs/internal/batchstate", "jobs/internal/budget", "jobs/record", "jobs/spec",
			"batch", "batch/gemini/batches", "batch/journal", "internal/message",
		}},
	}},
	{"their record", []room{
		{"jobs/internal/batchstate", []string{"jobs/record", "batch", "batch/gemini/batches", "internal/durable"}},
	}},
	{"connections", []room{
		{"jobs/internal/mirror", []string{"jobs/record", "jobs/spec", "batch", "batch/journal", "internal/durable", "objects"}},
		{"jobs/internal/connection", []string{"jobs/spec", "batch", "batch/gemini", "batch/quota", "internal/durable", "internal/message", "internal/sim", "internal/version"}},
	}},
	{"requests and state", []room{
		{"jobs/internal/prompt", []string{"jobs/internal/logprobs", "jobs/internal/pack", "jobs/internal/template", "jobs/internal/checks", "jobs/internal/schema", "jobs/internal/preflight", "jobs/spec", "batch", "batch/gemini", "internal/apijson", "internal/message"}},
		{"jobs/internal/repair", []string{"jobs/internal/schema", "jobs/cost", "batch", "batch/gemini", "batch/price", "internal/apijson", "internal/message"}},
		{"jobs/internal/budget", []string{"jobs/internal/media", "jobs/record", "jobs/cost", "batch", "batch/price", "internal/apijson", "internal/message"}},
		{"jobs/internal/history", []string{"jobs/record", "internal/durable"}},
		{"jobs/internal/tier", []string{"jobs/record", "jobs/cost", "batch", "batch/quota"}},
		{"jobs/internal/state", []string{"jobs/record", "jobs/cost", "jobs/findings", "jobs/spec", "reader", "batch", "batch/journal", "batch/price", "internal/durable", "internal/fileformat", "internal/store", "internal/version", "objects"}},
	}},
	{"conditions", []room{
		{"jobs/internal/checks", []string{"jobs/internal/schema", "jobs/spec", "batch", "internal/message"}},
		{"jobs/internal/pack", []string{"jobs/internal/schema", "batch", "batch/gemini", "internal/apijson", "internal/message"}},
	}},
	{"knowledge", []room{
		{"jobs/internal/template", []string{"jobs/spec", "batch", "internal/apijson", "internal/message"}},
		{"jobs/internal/schema", []string{"jobs/spec", "batch", "internal/apijson", "internal/message"}},
		{"jobs/internal/preflight", []string{"batch/gemini", "batch/price", "internal/apijson", "internal/message"}},
		{"jobs/internal/logprobs", []string{"batch", "batch/gemini", "internal/durable", "internal/message"}},
		{"jobs/internal/media", []string{"jobs/spec", "reader", "batch", "batch/gemini", "internal/apijson", "internal/durable", "internal/message", "internal/store", "objects"}},
		{"jobs/overview", []string{"jobs/findings", "batch", "internal/message"}},
		{"jobs/record", []string{"jobs/cost", "batch", "batch/price", "internal/durable", "internal/message"}},
		{"jobs/cost", []string{"jobs/eval", "jobs/findings", "batch", "batch/price", "internal/message"}},
	}},
	{"words", []room{
		{"jobs/spec", []string{"reader", "batch", "batch/gemini", "batch/price", "internal/apijson", "internal/durable", "internal/fileformat", "internal/message", "internal/redact", "internal/store", "internal/textfile"}},
		{"jobs/eval", []string{"jobs/internal/stats", "batch", "internal/message"}},
		{"jobs/findings", []string{"jobs/internal/stats", "batch", "batch/price", "internal/message"}},
		{"jobs/plan", []string{"batch/price", "batch/quota"}},
	}},
	{"statistics", []room{{"jobs/internal/stats", nil}}},
	{"files", []room{
		{"reader", []string{"batch", "reader/internal/columnname", "reader/internal/pages", "reader/internal/paths", "internal/fileformat", "internal/plainjson", "internal/store", "internal/textfile"}},
		{"writer", []string{"batch", "internal/durable", "internal/fileformat", "internal/plainjson", "internal/textfile"}},
	}},
	{"paths, names, and pages of Parquet", []room{
		{"reader/internal/columnname", nil},
		{"reader/internal/pages", nil},
		{"reader/internal/paths", []string{"internal/fileformat", "internal/store"}},
	}},
	{"around the engine", []room{
		{"batch/gemini/batches", []string{"batch", "batch/gemini", "batch/gemini/internal/wire", "internal/apijson", "internal/message", "internal/redact"}},
		{"batch/gemini", []string{"batch", "batch/gemini/internal/clock", "batch/gemini/internal/wire", "internal/apijson", "internal/message", "internal/plainjson", "internal/redact"}},
		{"batch/gemini/internal/clock", nil},
		{"batch/gemini/internal/wire", []string{"batch", "internal/apijson"}},
		{"batch/journal", []string{"batch", "batch/journal/internal/table", "internal/durable"}},
		{"batch/journal/internal/table", []string{"batch"}},
		{"batch/quota", []string{"batch", "internal/durable", "internal/pacific"}},
		{"batch/price", []string{"internal/message", "internal/pacific", "internal/store"}},
	}},
	{"the engine", []room{
		{"batch", []string{"internal/apijson"}},
	}},
	// Only jobs and the commands name the simulator in their rows. It knows nothing of
	// ours: a client and a server that share code agree on its mistakes.
	{"the simulator", []room{
		{"internal/sim", []string{"internal/sim/..."}},
		{"internal/sim/batches", []string{"internal/sim/bill", "internal/sim/cloud", "internal/sim/filestore", "internal/sim/wire", "internal/sim/chance", "internal/sim/faultvalue"}},
		{"internal/sim/cloud", nil},
		{"internal/sim/filestore", nil},
		{"internal/sim/quota", []string{"internal/sim/wire"}},
		{"internal/sim/answer", []string{"internal/sim/bill", "internal/sim/tokens", "internal/sim/wire", "internal/sim/chance"}},
		{"internal/sim/tokens", []string{"internal/sim/wire", "internal/sim/chance"}},
		{"internal/sim/bill", nil},
		{"internal/sim/wire", nil},
		{"internal/sim/chance", nil},
		{"internal/sim/faultvalue", nil},
	}},
	{"text", []room{
		{"internal/textfile", []string{"internal/store"}},
	}},
	{"files and objects", []room{
		{"internal/store", []string{"objects"}},
	}},
	{"their drivers", []room{
		{"objects/azure", []string{"objects", "objects/internal/transfer"}},
		{"objects/gcs", []string{"objects", "objects/internal/transfer"}},
		{"objects/s3", []string{"objects", "objects/internal/transfer"}},
	}},
	{"object stores", []room{
		{"objects", nil},
	}},
	{"connections to them", []room{
		{"objects/internal/transfer", nil},
	}},
	{"ground", []room{
		{"internal/apijson", nil},
		{"internal/durable", nil},
		{"internal/fileformat", nil},
		{"internal/message", nil},
		{"internal/pacific", nil},
		{"internal/plainjson", nil},
		{"internal/redact", nil},
		{"internal/terminal", nil},
		{"internal/version", nil},
	}},
}
