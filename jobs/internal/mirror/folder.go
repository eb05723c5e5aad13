package mirror

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/genbatch/genbatch/internal/durable"
)

// This file knows which files of a state folder are copied, and the mark by which a folder is
// known as the working folder of a copy.

const (
	markFile      = "copy.json"
	batchesFolder = "batches"
	shardsFolder  = "shards" // says what was merged; the folders in it have copies of their own
)

// The names that are no part of the state: they belong to this machine, or to the process that
// runs.
var ownNames = []string{markFile, "lock", "control.sock", "stdout", shardsFolder}

// segmentName matches the segments of a journal; see package journal.
var segmentName = regexp.MustCompile(`^results-(?:p[1-9]\d*-)?\d{6,}\.jsonl$`)

func isSegment(name string) bool { return segmentName.MatchString(name) }

// wholeName matches files that are copied whole.
var wholeName = regexp.MustCompile(`^(?:(?:` + batchesFolder + `|` + shardsFolder + `)/)?[A-Za-z0-9][A-Za-z0-9._-]*$`)

// isCopied reports whether a file of this name, with slashes, is copied whole.
func isCopied(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	return wholeName.MatchString(name) && !slices.Contains(ownNames, name) && !isSegment(name) &&
		!strings.HasSuffix(base, ".lock") && !strings.Contains(base, ".tmp-") && !strings.HasPrefix(base, "torn-")
}

// isBlob reports whether a file in the folder of blobs is one: it has the name of a SHA-256.
func isBlob(name string) bool { return blobName.MatchString(name) }

var blobName = regexp.MustCompile(`^[0-9a-f]{64}$`)

// roundName matches the name of a folder of files that a round has copied.
var roundName = regexp.MustCompile(`^(\d{6,})-\d{8,}$`)

// castagnoli is the polynomial of all sums, as in the journal.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A step is how far a working folder has come in being restored.
type step string

const (
	inUse     step = ""
	moving    step = "moving"    // its files are moved to the last of Aside
	restoring step = "restoring" // what is in it comes from the copy, and may be half of it
)

// A mark is copy.json, by which a folder is known as the working folder of a copy.
type mark struct {
	Address string   `json:"address"`
	Folder  string   `json:"folder"` // random, the name of this folder in commits
	Step    step     `json:"step,omitempty"`
	Aside   []string `json:"aside,omitempty"` // folders beside this one whose results are to be imported

	Seen *commit `json:"seen,omitempty"` // what a folder holds that is only looked at
}

// AddressOf returns the address whose state a folder holds, as one that is worked in or looked at.
// It is empty for any other folder, and if that is not known.
func AddressOf(dir string) string {
	m, err := readMark(dir)
	if err != nil {
		return ""
	}
	return m.Address
}

// A home is a working folder.
type home struct {
	dir  string
	fs   durable.FS
	mark mark
}

// openHome reads a folder's mark, and makes it if there is none.
func openHome(dir string, disk durable.FS, address string) (*home, error) {
	m, err := readMark(dir)
	if err != nil {
		return nil, err
	}
	if m.Address != address || m.Folder == "" {
		m = mark{Address: address, Folder: random(), Step: m.Step, Aside: m.Aside}
		if err := writeMark(disk, dir, &m); err != nil {
			return nil, err
		}
	}
	return &home{dir, disk, m}, nil
}

// readMark reads the mark of a folder. It is the zero value if the folder has none.
func readMark(dir string) (m mark, err error) {
	text, err := os.ReadFile(filepath.Join(dir, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return mark{}, fmt.Errorf("%s is damaged: move the folder away, and run again, which brings the state back from its copy: %w", filepath.Join(dir, markFile), err)
	}
	return m, nil
}

// writeMark replaces the mark of a folder.
func writeMark(disk durable.FS, dir string, m *mark) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return disk.WriteFile(filepath.Join(dir, markFile), append(text, '\n'), 0o600)
}

// A local file is one of the folder.
type local struct {
	name string // with slashes
	info fs.FileInfo
}

// filesIn returns the files of a folder that are copied whole, and its segments, by name. A file
// that vanishes meanwhile is left out.
func filesIn(dir string) (whole, segments []local, err error) {
	for _, sub := range []string{"", batchesFolder, shardsFolder} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if sub != "" {
				name = sub + "/" + name
			}
			if !e.Type().IsRegular() || !isCopied(name) && !isSegment(name) {
				continue
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			if isSegment(name) {
				segments = append(segments, local{name, info})
			} else {
				whole = append(whole, local{name, info})
			}
		}
	}
	return whole, segments, nil
}

// countSegments returns how many segments a folder has. It is 0 if the folder cannot be read, which
// copying it will tell.
func countSegments(dir string) (n int) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if isSegment(e.Name()) {
			n++
		}
	}
	return n
}

// blobsIn returns the names of the blobs in a folder.
func blobsIn(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, blobsFolder))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if isBlob(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// sumOf returns the CRC-32C of the first n bytes of a file. The error is [io.ErrUnexpectedEOF] if
// it is shorter.
func sumOf(path string, n int64) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < n {
		return 0, io.ErrUnexpectedEOF
	}
	return addSum(0, io.LimitReader(f, n))
}

// addSum returns the sum of what was summed up so far, and what r holds.
func addSum(sum uint32, r io.Reader) (uint32, error) {
	b := make([]byte, 256<<10)
	for {
		n, err := r.Read(b)
		sum = crc32.Update(sum, castagnoli, b[:n])
		if err == io.EOF {
			return sum, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// lineEnd returns the place behind the last line end of a file in its bytes from from to to, or
// from if there is none.
func lineEnd(f io.ReaderAt, from, to int64) (int64, error) {
	const step = 64 << 10
	for end := to; end > from; {
		begin := max(from, end-step)
		b := make([]byte, end-begin)
		if _, err := f.ReadAt(b, begin); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return begin + int64(i) + 1, nil
		}
		end = begin
	}
	return from, nil
}

// firstLineEnd returns the place behind the first line end from from on, or from if there is none
// before to.
func firstLineEnd(f io.ReaderAt, from, to int64) (int64, error) {
	r := bufio.NewReader(io.NewSectionReader(f, from, to-from))
	at := from
	for {
		line, err := r.ReadSlice('\n')
		at += int64(len(line))
		switch {
		case err == nil:
			return at, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF:
			return from, nil
		default:
			return 0, err
		}
	}
}

// random returns a name that nobody else has.
func random() string { return strings.ToLower(rand.Text()[:16]) }
