package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file knows the folders of shards. Each stands within the folder of its job, and is one
// like it. What was merged is noted beside them.

const (
	shardFile    = "shard.json"
	mergedFile   = "merged.json"
	progressFile = "progress.json"
)

// An InputSize is a file of an input, and how many bytes it has.
type InputSize struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// An InputRecord says what an input was. The machines of shards may have its files at different
// places, and so of their paths the names alone count.
type InputRecord struct {
	Files  int         `json:"files"`
	Bytes  int64       `json:"bytes"`
	SHA256 string      `json:"sha256"`          // of the names and sizes of all files
	First  []InputSize `json:"first,omitempty"` // the first ones, for people
}

// RecordInput returns what is noted of an input.
func RecordInput(files []InputSize) InputRecord {
	const shown = 20
	r := InputRecord{Files: len(files), First: files[:min(len(files), shown)]}
	h := sha256.New()
	for _, f := range files {
		r.Bytes += f.Bytes
		fmt.Fprintf(h, "%q %d\n", filepath.Base(f.Path), f.Bytes)
	}
	r.SHA256 = hex.EncodeToString(h.Sum(nil))
	return r
}

// DifferenceTo says how an input differs from what it is now; empty if it does not.
func (r *InputRecord) DifferenceTo(now *InputRecord) string {
	if r.SHA256 == now.SHA256 {
		return ""
	}
	for i, was := range r.First {
		if i < len(now.First) && (was.Bytes != now.First[i].Bytes || filepath.Base(was.Path) != filepath.Base(now.First[i].Path)) {
			return fmt.Sprintf("%s with %d bytes, and now there is %s with %d", was.Path, was.Bytes, now.First[i].Path, now.First[i].Bytes)
		}
	}
	return fmt.Sprintf("%d files with %d bytes together, and now there are %d with %d", r.Files, r.Bytes, now.Files, now.Bytes)
}

// A ShardFolder is the state folder of a shard.
type ShardFolder struct {
	spec.Shard
	Dir string
}

// Shards returns the folders of shards in the folder of a job, by how many shards there are to be,
// and in their order. There are none if the job has not been run in shards. The folder of a shard that was
// refused is none: it holds a lock that nobody has, and no job.
func Shards(jobDir string) (map[int][]ShardFolder, error) {
	entries, err := os.ReadDir(spec.ShardsDir(jobDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := make(map[int][]ShardFolder)
	for _, e := range entries {
		s, ok := spec.ParseShardName(e.Name())
		dir := filepath.Join(spec.ShardsDir(jobDir), e.Name())
		if !ok || !e.IsDir() {
			continue
		}
		if !HasJob(dir) && !hasJournal(dir) {
			if owner, err := Owner(dir); err == nil && owner == nil {
				continue
			}
		}
		all[s.Count] = append(all[s.Count], ShardFolder{s, dir})
	}
	for _, folders := range all {
		slices.SortFunc(folders, func(a, b ShardFolder) int { return cmp.Compare(a.Index, b.Index) })
	}
	return all, nil
}

// SaveShard notes in the folder of a shard what its job's input was.
func SaveShard(f *Folder, input InputRecord) error {
	text, err := json.MarshalIndent(shardRecord{Input: input}, "", "  ")
	if err != nil {
		return err
	}
	return f.FS.WriteFile(f.Path(shardFile), append(text, '\n'), 0o600)
}

type shardRecord struct {
	Input InputRecord `json:"input"`
}

// ShardInput returns what SaveShard has noted.
func ShardInput(dir string) (*InputRecord, error) {
	path := filepath.Join(dir, shardFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r shardRecord
	if json.Unmarshal(text, &r) != nil {
		return nil, &DamagedError{Path: path}
	}
	return &r.Input, nil
}

// A MergeRecord says which shards a journal has taken over.
type MergeRecord struct {
	At    time.Time   `json:"at"`
	Count int         `json:"count"` // of the shards
	Input InputRecord `json:"input"`
}

// SaveMerge notes in the folder of a job that its journal has taken over all shards.
func SaveMerge(f *Folder, r MergeRecord) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return f.FS.WriteFile(filepath.Join(spec.ShardsDir(f.Dir), mergedFile), append(text, '\n'), 0o600)
}

// Merge returns what SaveMerge has noted; nil if the shards of the job were not merged.
func Merge(jobDir string) (*MergeRecord, error) {
	path := filepath.Join(spec.ShardsDir(jobDir), mergedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(MergeRecord)
	if json.Unmarshal(text, r) != nil {
		return nil, &DamagedError{Path: path}
	}
	return r, nil
}

// A Served is how the shards of a job stand that is served to workers, as the process that serves
// it has seen them last.
type Served struct {
	At      time.Time        `json:"at"`
	Shards  int              `json:"shards"`
	Done    int              `json:"done"`
	Held    map[string][]int `json:"held"`    // by worker
	Results int64            `json:"results"` // collected
}

// SaveServed notes how the shards stand.
func SaveServed(f durable.FS, jobDir string, s *Served) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return f.WriteFile(filepath.Join(spec.ShardsDir(jobDir), progressFile), append(text, '\n'), 0o600)
}

// LoadServed returns what SaveServed has noted; nil if the job was not served.
func LoadServed(jobDir string) (*Served, error) {
	text, err := os.ReadFile(filepath.Join(spec.ShardsDir(jobDir), progressFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(Served)
	if json.Unmarshal(text, s) != nil {
		return nil, nil // it is written anew every second
	}
	return s, nil
}

// CheckWhole refuses to run a whole job beside its shards, whose answers would be paid for again.
// The error is a [*spec.Error], or a [*record.LockedError] if one of the shards is running.
func CheckWhole(jobDir string) error {
	all, err := Shards(jobDir)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := checkServer(jobDir); err != nil {
		return err
	}
	merged, err := Merge(jobDir)
	if err != nil {
		return err
	}
	for _, folders := range all {
		for _, f := range folders {
			if err := checkIdle(f.Dir); err != nil {
				return err
			}
			if (merged == nil || merged.Count != f.Count) && HasResults(f.Dir) {
				return Unmerged("begin anew with --fresh", f.Count, spec.ShardsDir(jobDir))
			}
		}
	}
	return nil
}

// CheckShard refuses to run one of so many shards beside its whole job, and beside shards of another
// number. The error is as of CheckWhole.
func CheckShard(jobDir string, count int) error {
	if err := checkIdle(jobDir); err != nil {
		return err
	}
	if err := checkServer(jobDir); err != nil {
		return err
	}
	all, err := Shards(jobDir)
	if err != nil {
		return err
	}
	begun := func(f ShardFolder) bool { return HasResults(f.Dir) }
	for n, folders := range all {
		if n != count && slices.ContainsFunc(folders, begun) {
			return OtherShards(n, count, spec.ShardsDir(jobDir))
		}
	}
	if !HasResults(jobDir) || slices.ContainsFunc(all[count], begun) { // the whole job has results by a merge
		return nil
	}
	return BegunWhole("begin anew with --fresh", jobDir)
}

// Unmerged refuses to run a job whose shards are not merged. otherwise says what else can be done, and
// where is the folder or the address with the answers.
func Unmerged(otherwise string, count int, where string) error {
	return spec.Errorf("merge the shards first, with genbatch merge and the job or its output; or "+otherwise,
		"the job was begun in %d shards, whose answers in %s would be paid for again", count, where)
}

// OtherShards refuses to run one of count shards of a job that was begun in n.
func OtherShards(n, count int, where string) error {
	return spec.Errorf(fmt.Sprintf("run shards of %d, or begin anew with another --output or --state", n),
		"the job was begun in %d shards and not in %d, and the answers in %s would be paid for again", n, count, where)
}

// BegunWhole refuses to run a shard of a job that was begun without shards.
func BegunWhole(otherwise, where string) error {
	return spec.Errorf("run it without --shard, or "+otherwise, "the job was begun without shards, and its answers in %s would be paid for again", where)
}

// Server returns the process that serves a job to workers, or nil if none does. It holds the lock of
// the folder of all shards.
func Server(jobDir string) (*record.Owner, error) { return Owner(spec.ShardsDir(jobDir)) }

// checkServer returns an error if another process serves the job to workers. The one that serves may
// run the whole job by itself, and makes the folders of its shards.
func checkServer(jobDir string) error {
	owner, err := Server(jobDir)
	if err != nil || owner == nil || owner.PID == os.Getpid() {
		return err
	}
	return LockedBy(spec.ShardsDir(jobDir), owner)
}

// checkIdle returns an error if a process holds the lock of a folder.
func checkIdle(dir string) error {
	owner, err := Owner(dir)
	if err != nil || owner == nil {
		return err
	}
	return LockedBy(dir, owner)
}

// LoadShard returns the Spec that the folder of a shard was last run with, and the version of the
// texts that its requests are made of. The error is [fs.ErrNotExist] if the shard did not begin.
func LoadShard(dir string) (*spec.Spec, int, error) {
	saved, err := readSaved(dir)
	if err != nil {
		return nil, 0, err
	}
	return &saved.Spec, saved.Wording, nil
}

// readJob reads what the whole job of a folder was last run with, or what its shards were.
func readJob(dir string) (*savedJob, error) {
	saved, err := readSaved(dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return saved, err
	}
	all, failed := Shards(dir)
	if failed != nil {
		return nil, err
	}
	for _, folders := range all {
		for _, f := range folders {
			if saved, err := readSaved(f.Dir); err == nil {
				saved.Spec.Shard, saved.Spec.QuotaShare = "", ""
				if saved.File != nil {
					saved.File.Shard, saved.File.QuotaShare = "", ""
				}
				return saved, nil
			}
		}
	}
	return nil, err
}
