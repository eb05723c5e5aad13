package args

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

func TestPermute(t *testing.T) {
	commands := []*cli.Command{{Name: "run", Flags: []cli.Flag{
		&cli.StringFlag{Name: "model", Aliases: []string{"m"}}, &cli.StringSliceFlag{Name: "label"},
		&cli.IntFlag{Name: "limit"}, &cli.BoolFlag{Name: "json"},
	}}}
	tests := []struct{ in, want string }{
		{"genbatch run", "genbatch run"},
		{"genbatch run job.yaml", "genbatch run -- job.yaml"},
		{"genbatch run job.yaml --limit 10", "genbatch run --limit 10 -- job.yaml"},
		{"genbatch run --json job.yaml -m x", "genbatch run --json -m x -- job.yaml"},
		{"genbatch run job.yaml --limit=10 --json", "genbatch run --limit=10 --json -- job.yaml"},
		{"genbatch run --label -1 --label - job.yaml", "genbatch run --label -1 --label - -- job.yaml"},
		{"genbatch run --json -- --model job.yaml", "genbatch run --json -- --model job.yaml"},
		{"genbatch run job.yaml --limit", "genbatch run --limit -- job.yaml"},
		{"genbatch other a --limit 3", "genbatch other --limit -- a 3"},
	}
	for _, tt := range tests {
		if got := Permute(strings.Fields(tt.in), commands); !slices.Equal(got, strings.Fields(tt.want)) {
			t.Errorf("%s: %s, want %s", tt.in, strings.Join(got, " "), tt.want)
		}
	}
}

func TestAsksJSON(t *testing.T) {
	tests := []struct {
		args, env string
		want      bool
	}{
		{"run", "", false},
		{"run --json", "", true},
		{"run -json", "", true},
		{"run --json=true", "", true},
		{"run --json=false", "true", false},
		{"run -- --json", "", false},
		{"run json", "", false},
		{"run", "1", true},
	}
	for _, tt := range tests {
		t.Setenv("GENBATCH_JSON", tt.env)
		if got := AsksJSON(strings.Fields(tt.args)); got != tt.want {
			t.Errorf("%q with GENBATCH_JSON=%q: %v, want %v", tt.args, tt.env, got, tt.want)
		}
	}
}
