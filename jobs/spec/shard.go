package spec

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/reader"
)

// This file knows shards: parts of a job's rows that run by themselves, each with its share of the
// quota, and are merged in the end.

// A Shard is a part of a job's rows.
type Shard = reader.Shard

// MaxShards bounds the shards of a job.
const MaxShards = 100_000

// The forms of the settings, for schemas of job files.
const (
	ShardForm = `[1-9][0-9]{0,5}/[1-9][0-9]{0,5}|auto(?:/[1-9][0-9]{0,5})?`
	ShareForm = `[1-9][0-9]{0,8}/[1-9][0-9]{0,8}|1(?:\.0*)?|0?\.0*[1-9][0-9]*|(?:100(?:\.0*)?|[1-9][0-9]?(?:\.[0-9]*)?|0?\.0*[1-9][0-9]*) ?%`
)

var (
	shardForm = regexp.MustCompile(`^(?:` + ShardForm + `)$`)
	shareForm = regexp.MustCompile(`^(?:` + ShareForm + `)$`)
)

const shardHint = "write --shard 3/8 for the third of eight, from --shard 1/8 to --shard 8/8"

// An array is a service that runs many processes of one command, and tells each of them by the
// environment which one it is.
type array struct {
	name         string
	index, first string // the variables of the process's number, and of the first one's; the latter may be empty, and the first is then 0
	step, count  string // of the distance between numbers and of how many there are; each may be empty
}

var arrays = []array{
	{name: "Kubernetes", index: "JOB_COMPLETION_INDEX"},
	{name: "Cloud Run", index: "CLOUD_RUN_TASK_INDEX", count: "CLOUD_RUN_TASK_COUNT"},
	{name: "AWS Batch", index: "AWS_BATCH_JOB_ARRAY_INDEX", count: "AWS_BATCH_JOB_ARRAY_SIZE"},
	{name: "Slurm", index: "SLURM_ARRAY_TASK_ID", first: "SLURM_ARRAY_TASK_MIN", step: "SLURM_ARRAY_TASK_STEP", count: "SLURM_ARRAY_TASK_COUNT"},
}

// ResolveShard puts the number of the shard in place of auto, which stands for what the
// environment says. It changes nothing if the shard is given by its number. The error is an
// [*Error].
func (s *Spec) ResolveShard(env func(string) string) error {
	count, ok := autoShard(s)
	if !ok {
		return nil
	}
	var in []array
	var names []string
	for _, a := range arrays {
		names = append(names, a.index)
		if env(a.index) != "" {
			in = append(in, a)
		}
	}
	switch len(in) {
	case 0:
		return Errorf("run it in an array job, or write which one it is, as in --shard 3/8", "shard is %s, and the environment has none of %s, which say which shard this is", s.Shard, strings.Join(names, ", "))
	case 1:
	default:
		return Errorf("write which one it is, as in --shard 3/8", "shard is %s, and the environment has both %s and %s", s.Shard, in[0].index, in[1].index)
	}
	a := in[0]
	number := func(name string, otherwise int) (int, error) {
		if name == "" || env(name) == "" {
			return otherwise, nil
		}
		n, err := strconv.Atoi(env(name))
		if err != nil || n < 0 {
			return 0, Errorf("write which one it is, as in --shard 3/8", "shard is %s, and %s is %q, which is no number", s.Shard, name, env(name))
		}
		return n, nil
	}
	index, err := number(a.index, 0)
	if err != nil {
		return err
	}
	first, err := number(a.first, 0)
	if err != nil {
		return err
	}
	step, err := number(a.step, 1)
	if err != nil {
		return err
	}
	if count == "" {
		if a.count == "" || env(a.count) == "" {
			return Errorf("write --shard auto/8 for eight of them", "shard is auto, and %s does not say how many there are", a.name)
		}
		n, err := number(a.count, 0)
		if err != nil {
			return err
		}
		count = strconv.Itoa(n)
	}
	s.Shard = fmt.Sprintf("%d/%s", (index-first)/max(1, step)+1, count)
	if _, err := s.ShardOf(); err != nil {
		return Errorf("say how many there are, as in --shard auto/8", "%s is %d, which is none of %s shards that are counted from %d", a.index, index, count, first)
	}
	return nil
}

// autoShard reports whether the environment is to say which shard it is, and returns how many there
// are if the setting says so.
func autoShard(s *Spec) (count string, ok bool) {
	text := strings.TrimSpace(s.Shard)
	auto, count, _ := strings.Cut(text, "/")
	return count, auto == "auto" && shardForm.MatchString(text)
}

// ShardOf returns the part of the rows that the job is restricted to. It is the zero value for a
// job of all rows. The error is an [*Error], also if the shard is still to be found out by
// [Spec.ResolveShard].
func (s *Spec) ShardOf() (reader.Shard, error) {
	text := strings.TrimSpace(s.Shard)
	if text == "" {
		return reader.Shard{}, nil
	}
	if !shardForm.MatchString(text) {
		return reader.Shard{}, Errorf(shardHint, "shard is %q", message.OneLine(s.Shard, 80))
	}
	index, count, _ := strings.Cut(text, "/")
	i, err := strconv.Atoi(index)
	if err != nil {
		return reader.Shard{}, Errorf(shardHint, "which shard this is, is not known: shard is %s", text)
	}
	n, _ := strconv.Atoi(count) // it is made of digits
	switch {
	case n < 1 || n > MaxShards:
		return reader.Shard{}, Errorf("write a number from 1 to "+strconv.Itoa(MaxShards), "a job cannot have %s shards", count)
	case i < 1 || i > n:
		return reader.Shard{}, Errorf(shardHint, "shard is %s: there is none with that number, since they are counted from 1", text)
	}
	return reader.Shard{Index: i, Count: n}, nil
}

// A Share is the part of a quota that a process may use. The zero value stands for all of it.
type Share struct {
	Of   float64 // from above 0 to 1; 0 for all
	Name string  // of who has it: processes with the same name have it together; empty for all
}

// Share returns the part of the quota that the job may use: what quota_share says, or else the same
// part as that of the other shards. The error is an [*Error].
func (s *Spec) Share() (Share, error) {
	shard, err := s.ShardOf()
	if err != nil {
		return Share{}, err
	}
	of, err := quotaShare(s)
	if err != nil {
		return Share{}, err
	}
	switch {
	case shard.Count > 0 && of == 0:
		of = 1 / float64(shard.Count)
		fallthrough
	case shard.Count > 0:
		return Share{Of: of, Name: fmt.Sprintf("shard %d/%d", shard.Index, shard.Count)}, nil
	case of == 0 || of == 1:
		return Share{}, nil
	}
	return Share{Of: of, Name: s.QuotaShare + " for " + s.StateDir()}, nil
}

// quotaShare returns what quota_share says; 0 if it says nothing.
func quotaShare(s *Spec) (float64, error) {
	text := strings.TrimSpace(s.QuotaShare)
	if text == "" {
		return 0, nil
	}
	const hint = "write --quota-share 1/4, 0.25 or 25%"
	if !shareForm.MatchString(text) {
		return 0, Errorf(hint, "quota_share is %q", message.OneLine(s.QuotaShare, 80))
	}
	number, percent := strings.CutSuffix(text, "%")
	number = strings.TrimSpace(number)
	above, below, isFraction := strings.Cut(number, "/")
	share, err := strconv.ParseFloat(above, 64)
	if err == nil && isFraction {
		var of float64
		of, err = strconv.ParseFloat(below, 64)
		share /= of // by 0 it is infinite, or no number
	}
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) {
		return 0, Errorf(hint, "quota_share is %s, and a share is above 0 and at most 1", text)
	}
	return share, nil
}

// checkShard refuses a shard that cannot be, and what does not go with shards.
func checkShard(s *Spec) error {
	found := *s
	if count, ok := autoShard(s); ok { // which one it is, the environment of a run says
		found.Shard = "1/" + cmp.Or(count, "1")
	}
	shard, err := found.ShardOf()
	if err != nil {
		return err
	}
	share, err := found.Share()
	if err != nil {
		return err
	}
	for _, limit := range []struct {
		name string
		of   int
	}{{"rpm", s.RPM}, {"tpm", s.TPM}, {"rpd", s.RPD}} {
		if share.Of > 0 && limit.of > 0 && float64(limit.of)*share.Of < 1-1e-9 {
			return Errorf("use fewer shards, or say another share with --quota-share", "%s is %d, and the share of it that this process has is less than 1", limit.name, limit.of)
		}
	}
	if shard.Count == 0 {
		return nil
	}
	const hint = "leave it out: it would choose among the rows of each shard, and not of all"
	switch {
	case s.Limit > 0:
		return Errorf(hint, "--limit does not go with --shard")
	case s.Sample > 0:
		return Errorf(hint, "--sample does not go with --shard")
	case slices.Contains(s.Input, "-"):
		return Errorf("write the rows to a file first", "--shard does not go with rows from stdin, which each shard would need whole")
	case s.Output == "-":
		return Errorf("name the file that genbatch merge is to write", "--shard does not go with an output to stdout: a shard writes none")
	}
	return nil
}

// ShardDir returns the folder of a shard within the state folder of its job.
func ShardDir(stateDir string, s reader.Shard) string {
	return filepath.Join(stateDir, shardsFolder, fmt.Sprintf("%d-of-%d", s.Index, s.Count))
}

const shardsFolder = "shards"

// ShardsDir returns the folder with the shards of a job within its state folder.
func ShardsDir(stateDir string) string { return filepath.Join(stateDir, shardsFolder) }

// ParseShardDir returns the shard that a folder is of, and the state folder of its job, by its
// path. ok is false for any other folder.
func ParseShardDir(dir string) (stateDir string, s reader.Shard, ok bool) {
	parent := filepath.Dir(dir)
	s, ok = ParseShardName(filepath.Base(dir))
	return filepath.Dir(parent), s, ok && filepath.Base(parent) == shardsFolder
}

// ParseShardName returns the shard that the name of a folder stands for. ok is false for any other
// name.
func ParseShardName(name string) (s reader.Shard, ok bool) {
	index, count, _ := strings.Cut(name, "-of-")
	parsed := Spec{Shard: index + "/" + count}
	s, err := parsed.ShardOf()
	return s, err == nil && s.Count > 0 && name == fmt.Sprintf("%d-of-%d", s.Index, s.Count)
}
