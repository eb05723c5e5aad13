package spec

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/genbatch/genbatch/reader"
)

// The names of variables are those of the services' documents:
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
// https://cloud.google.com/run/docs/container-contract#jobs-env-vars
// https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
// https://slurm.schedmd.com/job_array.html
func TestResolveShard(t *testing.T) {
	for _, tt := range []struct {
		shard, env string
		want       string // of the shard, or of the error
	}{
		{"3/8", "JOB_COMPLETION_INDEX=5", "3/8"},
		{"", "JOB_COMPLETION_INDEX=5", ""},
		{"auto/8", "JOB_COMPLETION_INDEX=0", "1/8"},
		{"auto/8", "JOB_COMPLETION_INDEX=7", "8/8"},
		{"auto", "JOB_COMPLETION_INDEX=0", "Kubernetes does not say how many there are; write --shard auto/8"},
		{"auto/8", "JOB_COMPLETION_INDEX=8", "JOB_COMPLETION_INDEX is 8, which is none of 8 shards that are counted from 0"},
		{"auto", "CLOUD_RUN_TASK_INDEX=2 CLOUD_RUN_TASK_COUNT=4", "3/4"},
		{"auto/4", "CLOUD_RUN_TASK_INDEX=3 CLOUD_RUN_TASK_COUNT=9", "4/4"},
		{"auto", "AWS_BATCH_JOB_ARRAY_INDEX=9 AWS_BATCH_JOB_ARRAY_SIZE=10", "10/10"},
		{"auto", "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_STEP=1", "1/8"},
		{"auto", "SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=14 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_STEP=2", "8/8"},
		{"auto/8", "SLURM_ARRAY_TASK_ID=7", "8/8"},
		{" auto/8 ", "SLURM_ARRAY_TASK_ID=7", "8/8"},
		{"auto", "", "shard is auto, and the environment has none of JOB_COMPLETION_INDEX, CLOUD_RUN_TASK_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID"},
		{"auto/2", "JOB_COMPLETION_INDEX=0 SLURM_ARRAY_TASK_ID=1", "the environment has both JOB_COMPLETION_INDEX and SLURM_ARRAY_TASK_ID; write which one it is"},
		{"auto/2", "JOB_COMPLETION_INDEX=first", `JOB_COMPLETION_INDEX is "first", which is no number`},
		{"auto/2", "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_MIN=1", "SLURM_ARRAY_TASK_ID is 0, which is none of 2 shards that are counted from 1"},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(tt.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		s := Spec{Shard: tt.shard}
		got := ""
		if err := s.ResolveShard(func(name string) string { return env[name] }); err != nil {
			got = err.Error()
		} else {
			got = s.Shard
		}
		if got != tt.want && (tt.want == "" || !strings.Contains(got, tt.want)) {
			t.Errorf("--shard %q with %s: %s, want %s", tt.shard, tt.env, got, tt.want)
		}
	}
}

func TestShardOf(t *testing.T) {
	for text, want := range map[string]string{
		"": "{0 0}", "1/1": "{1 1}", "3/8": "{3 8}", " 8/8": "{8 8}", "100000/100000": "{100000 100000}",
		"0/8": `shard is "0/8"; write --shard 3/8`, "9/8": "shard is 9/8: there is none with that number, since they are counted from 1", "3/0": `shard is "3/0"`,
		"3 of 8": `shard is "3 of 8"`, "-1/8": "shard is", "1/100001": "a job cannot have 100001 shards", "auto/8": "which shard this is, is not known",
	} {
		s := Spec{Shard: text}
		shard, err := s.ShardOf()
		got := fmt.Sprint(shard)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("shard %q: %s, want %s", text, got, want)
		}
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		shard, share string
		want         string
	}{
		{"", "", "0 "}, {"", "1", "0 "}, {"", "100%", "0 "}, {"", "1/1", "0 "},
		{"", "1/4", "0.25 1/4 for out.csv.genbatch"}, {"", "0.25", "0.25 0.25 for out.csv.genbatch"}, {"", "25 %", "0.25 25 % for out.csv.genbatch"}, {"", ".5", "0.5 .5 for out.csv.genbatch"},
		{"3/8", "", "0.125 shard 3/8"}, {"3/8", "1/2", "0.5 shard 3/8"}, {"1/1", "", "1 shard 1/1"},
		{"", "0", `quota_share is "0"; write --quota-share 1/4, 0.25 or 25%`}, {"", "5/4", "quota_share is 5/4, and a share is above 0 and at most 1"}, {"", "120%", "quota_share is"}, {"", "half", "quota_share is"},
	} {
		s := Spec{Output: "out.csv", Shard: tt.shard, QuotaShare: tt.share}
		share, err := s.Share()
		got := fmt.Sprint(share.Of, " ", share.Name)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("shard %q, quota_share %q: %s, want %s", tt.shard, tt.share, got, tt.want)
		}
	}
}

// What does not go with shards is refused in words that say what to do.
func TestCheckShard(t *testing.T) {
	good := Spec{Input: List{"in.csv"}, Output: "out.csv", Model: "m", Prompt: "{{.q}}", Shard: "3/8"}
	for want, change := range map[string]func(*Spec){
		"":                      func(*Spec) {},
		" ":                     func(s *Spec) { s.Shard = "auto" },
		"--limit does not go":   func(s *Spec) { s.Limit = 5 },
		"--sample does not go":  func(s *Spec) { s.Sample = 5 },
		"rows from stdin":       func(s *Spec) { s.Input = List{"-"} },
		"an output to stdout":   func(s *Spec) { s.Output = "-" },
		"a number from 1":       func(s *Spec) { s.Shard = "1/999999" },
		"rpm is 7, and the sha": func(s *Spec) { s.RPM = 7 },
		"rpd is 7, and the sha": func(s *Spec) { s.RPD, s.Shard = 7, "auto/8" },
		"use fewer shards, or ": func(s *Spec) { s.TPM = 1 },
		"quota_share is 2/1":    func(s *Spec) { s.QuotaShare = "2/1" },
	} {
		s := good
		change(&s)
		err := s.Check()
		if (err != nil) != (strings.TrimSpace(want) != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, fine := range []func(*Spec){func(s *Spec) { s.RPM = 8 }, func(s *Spec) { s.RPM, s.QuotaShare = 1, "1" }} {
		s := good
		fine(&s)
		if err := s.Check(); err != nil {
			t.Error(err)
		}
	}
}

// The folder of a shard stands in that of its job, and tells which one it is of.
func TestShardFolders(t *testing.T) {
	s := Spec{Output: filepath.Join("a", "out.csv"), Shard: "3/8"}
	dir := filepath.Join("a", "out.csv.genbatch", "shards", "3-of-8")
	if got := s.StateDir(); got != dir {
		t.Errorf("the folder is %s", got)
	}
	job, shard, ok := ParseShardDir(dir)
	if !ok || job != s.JobDir() || shard != (reader.Shard{Index: 3, Count: 8}) {
		t.Errorf("the folder is of %v in %s, %t", shard, job, ok)
	}
	for _, other := range []string{"a/out.csv.genbatch", "shards/03-of-8", "shards/9-of-8", "shards/3-of-8.1", "shards/auto-of-8", "x/3-of-8", "shards/3-of-8/more"} {
		if _, _, ok := ParseShardDir(filepath.FromSlash(other)); ok {
			t.Errorf("%s is taken for the folder of a shard", other)
		}
	}
}
