package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/objects"
)

const (
	formatName    = "genbatch-copy"
	formatVersion = 1

	leaseFolder = "lease/"
	filesFolder = "files/"
	blobsFolder = "blobs/"
	probePrefix = leaseFolder + "probe-"
)

// A commit says who works with the copy, and what the copy is made of.
type commit struct {
	Format  string `json:"format"`
	Version int    `json:"version"`

	Epoch   int64         `json:"epoch"`
	Number  int64         `json:"number"` // within the epoch, from 1
	Holder  durable.Owner `json:"holder"`
	Run     string        `json:"run"`                 // random, of the process that holds the lease
	Folder  string        `json:"folder"`              // random, of its working folder
	Source  string        `json:"source"`              // of the folder that was copied last
	Ended   bool          `json:"ended,omitempty"`     // the process has ended, and anybody may work
	Renewed time.Time     `json:"renewed_at,omitzero"` // by the clock of the holder, for people

	Segments []segment `json:"segments"` // by name
	Files    []file    `json:"files"`    // by name
}

// A segment is one of the journal, made of parts that follow each other.
type segment struct {
	Name  string `json:"name"`
	Size  int64  `json:"size"`
	CRC   uint32 `json:"crc32c"` // of all of it
	Parts []part `json:"parts"`
}

// A part is the bytes of a segment that are in pieces of one epoch.
type part struct {
	Epoch int64 `json:"epoch"`
	From  int64 `json:"from"`
	To    int64 `json:"to"`
}

// A file is one that is copied whole.
type file struct {
	Name   string `json:"name"` // in the folder, with slashes
	Object string `json:"object"`
	Size   int64  `json:"size"`
	CRC    uint32 `json:"crc32c"`
}

// extend notes that the segment has been copied up to a byte, with all from another byte on in
// pieces of an epoch.
func (s *segment) extend(epoch, from, to int64, crc uint32) {
	for len(s.Parts) > 0 && s.Parts[len(s.Parts)-1].From >= from {
		s.Parts = s.Parts[:len(s.Parts)-1]
	}
	if last := len(s.Parts) - 1; last >= 0 && s.Parts[last].Epoch == epoch {
		s.Parts[last].To = to
	} else {
		if last >= 0 {
			s.Parts[last].To = from
		}
		s.Parts = append(s.Parts, part{Epoch: epoch, From: from, To: to})
	}
	s.Size, s.CRC = to, crc
}

// clone returns a commit that shares nothing with c.
func (c *commit) clone() *commit {
	next := *c
	next.Files = slices.Clone(c.Files)
	next.Segments = slices.Clone(c.Segments)
	for i := range next.Segments {
		next.Segments[i].Parts = slices.Clone(next.Segments[i].Parts)
	}
	return &next
}

// find returns the segment of a name, or nil.
func (c *commit) find(name string) *segment {
	for i := range c.Segments {
		if c.Segments[i].Name == name {
			return &c.Segments[i]
		}
	}
	return nil
}

// empty reports whether nothing has been copied.
func (c *commit) empty() bool { return len(c.Segments) == 0 && len(c.Files) == 0 }

// A place is where a copy is: a bucket, and what the keys of all its objects begin with.
type place struct {
	address string // as messages name it, without a slash at its end
	bucket  objects.Bucket
	prefix  string // ends in a slash
}

// findPlace finds the bucket of an address.
func findPlace(ctx context.Context, address string) (place, error) {
	b, key, err := objects.Open(ctx, address)
	if err != nil {
		return place{}, err
	}
	if key = strings.Trim(key, "/"); key == "" {
		return place{}, spec.Errorf("write "+strings.TrimRight(address, "/")+"/runs/NAME, for example", "the state %s is a whole bucket, and a state is kept in a folder of its own", address)
	}
	return place{address: strings.TrimRight(address, "/"), bucket: b, prefix: key + "/"}, nil
}

func (c *commit) key() string {
	return fmt.Sprintf("%s%06d-%08d.json", leaseFolder, c.Epoch, c.Number)
}

// commitKey matches the key of a commit.
var commitKey = regexp.MustCompile(`^lease/(\d{6,})-(\d{8,})\.json$`)

// parseCommit returns epoch and number of a commit by its key, without the prefix.
func parseCommit(key string) (epoch, number int64, ok bool) {
	m := commitKey.FindStringSubmatch(key)
	if m == nil {
		return 0, 0, false
	}
	epoch, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, 0, false
	}
	number, err = strconv.ParseInt(m[2], 10, 64)
	return epoch, number, err == nil
}

// A found commit is the last one, with what the store says of it.
type found struct {
	*commit
	at time.Time // when it was made, by the clock of the store
}

// newest returns the last commit, or one that is nil if there is none.
func (p place) newest(ctx context.Context) (found, error) {
	const tries = 5
	for try := 1; ; try++ {
		last, _, err := p.lastKey(ctx)
		if err != nil || last.Key == "" {
			return found{}, err
		}
		text, err := p.read(ctx, last)
		if errors.Is(err, fs.ErrNotExist) && try < tries {
			continue // a newer one has taken its place meanwhile
		}
		if err != nil {
			return found{}, err
		}
		c, err := parse(text)
		if err != nil {
			return found{}, fmt.Errorf("%s/%s: %w", p.address, strings.TrimPrefix(last.Key, p.prefix), err)
		}
		return found{c, last.ModTime}, nil
	}
}

// parse reads a commit.
func parse(text []byte) (*commit, error) {
	c := new(commit)
	if err := json.Unmarshal(text, c); err != nil {
		return nil, fmt.Errorf("it is no commit of a copy: %w", err)
	}
	if c.Format != formatName || c.Version != formatVersion {
		return nil, fmt.Errorf("it is a %q of version %d, and this genbatch reads version %d of %s: use the one that wrote it", c.Format, c.Version, formatVersion, formatName)
	}
	for _, f := range c.Files {
		if !isCopied(f.Name) || f.Object != path.Clean(f.Object) || !strings.HasPrefix(f.Object, filesFolder) {
			return nil, fmt.Errorf("it names the file %q, which no state folder has", f.Name)
		}
	}
	for _, s := range c.Segments {
		if !isSegment(s.Name) {
			return nil, fmt.Errorf("it names the segment %q, which no journal has", s.Name)
		}
	}
	return c, nil
}

// lastKey returns the object of the last commit, with the keys of all commits. It has no key if
// there is none.
func (p place) lastKey(ctx context.Context) (last objects.Info, all []string, err error) {
	var epoch, number int64
	for info, err := range p.bucket.List(ctx, p.prefix+leaseFolder) {
		if err != nil {
			return objects.Info{}, nil, err
		}
		e, n, ok := parseCommit(strings.TrimPrefix(info.Key, p.prefix))
		if !ok {
			continue
		}
		all = append(all, info.Key)
		if e > epoch || e == epoch && n > number {
			epoch, number, last = e, n, info
		}
	}
	return last, all, nil
}

// read returns the content of a small object.
func (p place) read(ctx context.Context, o objects.Info) ([]byte, error) {
	text := make([]byte, o.Size)
	if o.Size == 0 {
		return text, nil
	}
	n, err := p.bucket.ReadAt(ctx, o.Key, o.Version, text, 0)
	if n == len(text) {
		return text, nil
	}
	if err == nil {
		err = objects.ErrChanged
	}
	return nil, err
}

// write makes a commit. The error wraps [fs.ErrExist] if there is one with its number.
func (p place) write(ctx context.Context, c *commit) (objects.Info, error) {
	c.Format, c.Version = formatName, formatVersion
	text, err := json.Marshal(c)
	if err != nil {
		return objects.Info{}, err
	}
	text = append(text, '\n')
	return p.bucket.Write(ctx, p.prefix+c.key(), bytes.NewReader(text), objects.WriteOptions{New: true, Size: int64(len(text))})
}
