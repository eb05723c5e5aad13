package layout_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// dependencies says where each other module may be imported: in a package, or in one
// file of it. What few places know can be replaced there. Tests are not looked at;
// they may use whatever go.mod lists.
var dependencies = map[string][]string{
	"github.com/parquet-go/parquet-go":  {"reader/parquet.go", "reader/parquet_rows.go", "reader/internal/pages", "writer/parquet.go", "writer/parquet_schema.go"},
	"github.com/klauspost/compress":     {"internal/textfile/compressed.go", "reader/internal/pages/codec.go", "writer/writer.go"},
	"github.com/nats-io/nats.go":        {"jobs/cluster/internal/bus"},
	"github.com/nats-io/nats-server/v2": {"jobs/cluster/internal/node/node.go"},
	"github.com/nats-io/nuid":           {"jobs/cluster", "jobs/cluster/internal/bus"},
	"github.com/urfave/cli/v2":          {"cmd/genbatch", "cmd/genbatch/internal/args", "cmd/genbatch/internal/complete", "cmd/genbatch/internal/manual"},
	"github.com/rivo/uniseg":            {"internal/terminal/width.go"},
	"golang.org/x/oauth2":               {"batch/gemini", "objects/gcs"},
	"golang.org/x/sync":                 {"batch/run.go", "jobs/cluster"},
	"golang.org/x/term":                 {"internal/terminal/writer.go"},
	"golang.org/x/text":                 {"internal/textfile", "jobs/eval", "jobs/spec", "jobs/internal/prompt"},
	"golang.org/x/time":                 {"jobs/internal/critic/critic.go"},

	// What signs requests for S3 and finds credentials. Amazon's own SDK is many times as large.
	"github.com/minio/minio-go/v7": {"objects/s3"},

	// Cloud Storage, where Vertex AI reads batches: a protocol of its own, with resumed
	// uploads, retries and checksums.

	// The library's codecs make as much of a page as there is in it, or lose a part.
	"github.com/andybalholm/brotli": {"reader/internal/pages/codec.go"},
	"github.com/pierrec/lz4/v4":     {"reader/internal/pages/codec.go"},

	// Its SDK without its exporters, which bring in gRPC: what is sent is written field by field.
	"go.opentelemetry.io/otel": {"jobs/telemetry", "jobs/telemetry/internal/otlp"},
	// What the SDK logs with: only so does it log as the run does.
	"github.com/go-logr/logr":    {"jobs/telemetry/telemetry.go"},
	"google.golang.org/protobuf": {"jobs/telemetry/internal/otlp/message.go", "jobs/telemetry/internal/otlp/metrics.go"},

	"github.com/goccy/go-yaml":           {"jobs/spec"},
	"github.com/gabriel-vasile/mimetype": {"jobs/internal/media/types.go"},
	"github.com/xrash/smetrics":          {"internal/message/message.go"},
	"github.com/expr-lang/expr":          {"jobs/internal/checks"},
	// A standard too large to write anew.
	"github.com/santhosh-tekuri/jsonschema/v6": {"jobs/internal/schema"},
}

// dependencyOf returns the module of dependencies that an import belongs to.
func dependencyOf(imported string) (string, bool) {
	for m := range dependencies {
		if within(imported, m+"/...") {
			return m, true
		}
	}
	return "", false
}

// misplaced says why a file may not import a package of another module. It is empty
// where the file may.
func misplaced(file, imported string) string {
	m, ok := dependencyOf(imported)
	if !ok {
		return fmt.Sprintf("%s is of a module that is not in the list: a new dependency is a decision, so say in internal/layout/dependencies_test.go which file needs it", imported)
	}
	if slices.ContainsFunc(dependencies[m], func(place string) bool { return covers(place, file) }) {
		return ""
	}
	return fmt.Sprintf("%s may be imported by only %s, so that it can be replaced there: use what they offer, or add the file in internal/layout/dependencies_test.go", m, strings.Join(dependencies[m], ", "))
}

// covers reports whether a file is the place, or in the package that is.
func covers(place, file string) bool {
	return place == file || place == path.Dir(file)
}

func TestDependencies(t *testing.T) {
	used := make(map[string]bool)
	for _, f := range sources(t) {
		for imported, at := range f.imports {
			if !otherModule(imported) {
				continue
			}
			if why := misplaced(f.name, imported); why != "" {
				t.Errorf("%s: %s", at, why)
			}
			if m, ok := dependencyOf(imported); ok {
				for _, place := range dependencies[m] {
					used[m+" "+place] = used[m+" "+place] || covers(place, f.name)
				}
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(dependencies)) {
		for _, place := range dependencies[m] {
			if !used[m+" "+place] {
				t.Errorf("%s may import %s, and does not: remove it from internal/layout/dependencies_test.go", place, m)
			}
		}
	}
}

// otherModule reports whether an import is neither of this module nor of the standard
// library, whose paths have no dot before their first slash.
func otherModule(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".") && !within(imported, module+"/...")
}

func TestMisplaced(t *testing.T) {
	for _, c := range []struct {
		file, imported string
		want           string // part of the message; empty: allowed
	}{
		{"batch/run.go", "golang.org/x/sync/errgroup", ""},
		{"batch/gemini/auth.go", "golang.org/x/oauth2/google", ""},
		{"reader/parquet.go", "github.com/parquet-go/parquet-go/format", ""},
		{"reader/parquet.go", "github.com/parquet-go/parquet-go-extra", "not in the list"},
		{"reader/csv.go", "github.com/parquet-go/parquet-go", "by only reader/parquet.go"},
		{"batch/run.go", "github.com/parquet-go/parquet-go", "by only reader/parquet.go"},
		{"batch/price/load.go", "golang.org/x/time/rate", "by only jobs/internal/critic/critic.go"},
		{"jobs/run.go", "github.com/urfave/cli/v2", "by only cmd/genbatch"},
		{"cmd/genbatch/more/app.go", "github.com/urfave/cli/v2", "by only cmd/genbatch"},
	} {
		got := misplaced(c.file, c.imported)
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("misplaced(%q, %q) = %q, want %q", c.file, c.imported, got, c.want)
		}
	}
}
