package journal

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
)

// The index sets these limits: it has 32 bits for an offset and 16 for a segment.
const (
	maxSegment  = math.MaxUint32 // bytes of a segment
	maxSegments = math.MaxUint16 // segments of a journal
	maxGroup    = 2 << 30        // bytes of the results of one Write
)

// A Config says where a journal is. Only Dir is required.
type Config struct {
	Dir string // the state folder

	// ReadOnly opens a journal that must exist. Another process may be writing to it:
	// nothing is changed, and an unfinished last line is passed over.
	ReadOnly bool

	SegmentBytes int64 // a new segment begins before one grows larger; 0 = 256 MiB, at most 1 GiB
	BlobBytes    int   // an answer that is longer goes to a blob; 0 = 1 MiB

	// FS is for tests within this module, which make writes fail. Others leave it at its
	// zero value, the real file system.
	FS durable.FS
}

// A Journal is an open journal. It is safe for concurrent use. At any time only one
// Journal of a folder may be open without ReadOnly. The caller has to make sure of that:
// package jobs locks the folder, and a program that writes journals by itself needs a lock
// of its own.
type Journal struct {
	config Config

	// Open sets these; afterwards they are read-only.
	damage     []Damage
	unread     int64 // damaged lines since the last good one
	generation int   // how often the journal was pruned

	// mu guards what readers share with Write. It is never held during a write to the
	// disk, so that a lookup does not wait for one.
	mu       sync.Mutex
	index    index
	answers  map[answerID]place // the lines of answers that rows share
	segments []segment
	seq      int64 // of the last result
	closed   bool

	// wmu serialises Write and Close, and guards what they alone use.
	wmu    sync.Mutex
	err    error             // sticky
	out    *durable.Appender // the last segment; nil if none has been begun
	enc    encoder
	newest string // the last blob that was written, so that the folder for blobs is there; or empty
}

// A segment is one file of the journal.
type segment struct {
	name   string
	number int
	size   int64    // readers read up to here
	f      *os.File // for Read; nil until it is needed
}

// An encodedLine says where a line stands in the encoder's buffer.
type encodedLine struct {
	head   head
	offset int
	length int
}

// Open opens the journal in a folder and reads all of it. It makes the folder, unless
// c.ReadOnly is set. A torn end and damage are no errors, see [Journal.Damage]. A journal
// of an unknown format is an error.
func Open(c Config) (*Journal, error) {
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 256 << 20
	}
	c.SegmentBytes = min(c.SegmentBytes, 1<<30)
	if c.BlobBytes <= 0 {
		c.BlobBytes = 1 << 20
	}
	for {
		j := &Journal{config: c}
		err := j.open()
		if c.ReadOnly && j.outdated() {
			j.Close()
			continue // another process has pruned it meanwhile
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("journal %s: %w", c.Dir, err), j.Close())
		}
		return j, nil
	}
}

func (j *Journal) open() error {
	if !j.config.ReadOnly {
		if err := j.config.FS.MkdirAll(j.config.Dir); err != nil {
			return err
		}
		if err := j.removeTemps(); err != nil {
			return err
		}
	}
	files, err := listSegments(j.config.Dir)
	if err != nil {
		return err
	}
	j.generation = files.generation
	numbers := files.numbers
	if len(numbers) > maxSegments {
		return fmt.Errorf("%d segments are more than the %d that can be read", len(numbers), maxSegments)
	}
	var torn line
	for i, n := range numbers {
		j.segments = append(j.segments, segment{name: segmentName(j.generation, n), number: n})
		if torn, err = j.scan(i, i == len(numbers)-1); err != nil {
			return err
		}
	}
	if j.config.ReadOnly {
		return nil
	}
	// A place where nothing can be written is found now, and not by the first answer.
	if len(numbers) > 0 {
		err = j.resume(torn)
	} else {
		err = begin(j)
	}
	if err != nil {
		return err
	}
	return j.removeStale(files.stale)
}

// resume makes the last segment ready for more lines. It also syncs the segment and the
// name of its file, because from now on what was read from it counts. If the process that
// wrote it was killed before its own sync, both may be in the page cache only.
func (j *Journal) resume(torn line) error {
	seg := &j.segments[len(j.segments)-1]
	out, err := j.config.FS.OpenAppend(filepath.Join(j.config.Dir, seg.name))
	if err != nil {
		return err
	}
	j.out = out
	if torn.offset < out.Size() {
		kept, err := j.keepAside(seg.name, torn.offset, out.Size())
		if err != nil {
			return fmt.Errorf("%s ends in an unfinished write, which cannot be kept aside: %w", seg.name, err)
		}
		j.report(&Damage{Kind: Torn, Segment: seg.name, Line: max(1, torn.number), Offset: torn.offset, Length: out.Size() - torn.offset,
			Detail: fmt.Sprintf("%d bytes after the last good line, as an interrupted write leaves them, are cut and kept in %s", out.Size()-torn.offset, kept)})
		if err := out.Truncate(torn.offset); err != nil {
			return err
		}
	}
	if torn.offset > 0 && !torn.ended { // the last line is whole and lacks only its line end
		if _, err := io.WriteString(out, "\n"); err != nil {
			return err
		}
	}
	seg.size = out.Size()
	if err := out.Sync(); err != nil {
		return err
	}
	return j.config.FS.SyncDir(j.config.Dir)
}

// keepAside copies the bytes of a segment between from and to into a file of their own.
func (j *Journal) keepAside(segment string, from, to int64) (name string, err error) {
	base := fmt.Sprintf("torn-%s-%d", strings.TrimSuffix(segment, segmentSuffix), from)
	name = base + ".bin"
	for n := 2; ; n++ { // several crashes can tear the same place
		_, err := os.Lstat(filepath.Join(j.config.Dir, name))
		if errors.Is(err, os.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		name = fmt.Sprintf("%s-%d.bin", base, n)
	}
	in, err := os.Open(filepath.Join(j.config.Dir, segment))
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := j.config.FS.CreateFile(filepath.Join(j.config.Dir, name))
	if err != nil {
		return "", err
	}
	defer out.Abort()
	if _, err := io.Copy(out, io.NewSectionReader(in, from, to-from)); err != nil {
		return "", err
	}
	return name, out.Commit()
}

// Write appends results, sets their Seq, and returns when all of them are durable. It
// implements [batch.Sink]. However many the results are, it makes one write and one sync.
// If a result has none of the known statuses, Write returns an error and writes nothing.
// After any other error none of the results counts, though the next Open may find some of
// them, and every later call fails with the same error. If another program has taken the
// journal's files away or changed them, the error is a [*LostError], in a [*batch.KeptError]
// if these results could be kept even so.
//
// A Response must be JSON, as its type says. One that is not is kept as a JSON string. Results
// with a Part share answers: a Response that several of them have is kept once in each
// segment.
func (j *Journal) Write(rs []*batch.Result) error {
	j.wmu.Lock()
	defer j.wmu.Unlock()
	if j.err != nil || len(rs) == 0 {
		return j.err
	}
	if j.config.ReadOnly {
		return fmt.Errorf("journal %s is open for reading only", j.config.Dir)
	}
	blobs, err := j.encode(rs)
	if err != nil {
		return err
	}
	kept := false
	if err = ready(j); err == nil {
		kept, err = j.commit(rs, blobs)
	}
	if err != nil {
		kept, j.err = rescue(j, rs, blobs, kept, fmt.Errorf("journal %s: %w", j.config.Dir, err))
		if !kept {
			return j.err
		}
		err = &batch.KeptError{Err: j.err}
	}
	for i, r := range rs {
		r.Seq = j.enc.results[i].head.seq
	}
	return err
}

// encode fills j.enc, and returns the answers that go to blobs.
func (j *Journal) encode(rs []*batch.Result) (blobs []blob, err error) {
	j.enc = encoder{buf: j.enc.buf[:0], results: j.enc.results[:0], answers: j.enc.answers[:0]}
	shares := sharing{j: j}
	seq := j.Last()
	for _, r := range rs {
		h := head{fingerprint: r.Fingerprint, occurrence: r.Occurrence, status: statusCode(string(r.Status))}
		if h.status == 0 || r.Occurrence < 0 || int64(r.Occurrence) > maxNumber || seq == maxNumber {
			return nil, fmt.Errorf("journal: row %d has status %q and occurrence %d after seq %d, which cannot be written", r.Row, r.Status, r.Occurrence, seq)
		}
		seq++
		h.seq = seq
		var response []byte
		if r.Part != "" {
			h.shared, blobs = shares.add(r, blobs)
		} else if response = oneLine(r.Response); len(response) > j.config.BlobBytes {
			b := newBlob(response)
			blobs = append(blobs, b)
			h.blob = b.name
		}
		start := len(j.enc.buf)
		if err := j.enc.add(r, h, response); err != nil {
			return nil, fmt.Errorf("journal: row %d cannot be written: %w", r.Row, err)
		}
		j.enc.results = append(j.enc.results, encodedLine{head: h, offset: start, length: len(j.enc.buf) - start - 1})
	}
	if int64(len(j.enc.buf)) > maxGroup {
		return nil, fmt.Errorf("journal: %d bytes of results are too much for one write", len(j.enc.buf))
	}
	return blobs, nil
}

// commit makes durable what encode has prepared, and adds it to the index. written says that
// the lines are in the segment, also if the error is that this is not where it was, or was
// changed.
func (j *Journal) commit(rs []*batch.Result, blobs []blob) (written bool, err error) {
	if j.out == nil && j.enc.borrowed { // a segment has the answers of all its results
		if blobs, err = j.encode(rs); err != nil {
			return false, err
		}
	}
	// The blobs come first, because a whole line must not refer to a blob that is not.
	// A crash in between leaves blobs to which no line refers; if the same answers are
	// bought again, their lines will.
	for _, b := range blobs {
		if err := j.writeBlob(b); err != nil {
			return false, err
		}
	}
	made := j.out == nil
	if made {
		if err := j.nextSegment(); err != nil {
			return false, err
		}
	}
	if j.out.Size() == 0 {
		if _, err := j.out.Write(appendHeader(nil, j.enc.results[0].head.seq)); err != nil {
			return false, err
		}
	}
	start := j.out.Size()
	if _, err := j.out.Write(j.enc.buf); err != nil {
		return false, err
	}
	if err := j.out.Sync(); err != nil {
		return false, err
	}
	if made {
		if err := j.config.FS.SyncDir(j.config.Dir); err != nil {
			return false, err
		}
	}
	// A file that has lost its name keeps nothing, however often it is synced.
	err = errors.Join(j.out.InPlace(), j.out.SameSize())

	// This is the commit point: the results are on the disk. The rest is memory.
	j.mu.Lock()
	defer j.mu.Unlock()
	at := len(j.segments) - 1
	for _, a := range j.enc.answers {
		putAnswer(j, a.id, place{segment: uint16(at), offset: uint32(start + int64(a.offset)), length: uint32(a.length)})
	}
	for _, p := range j.enc.results {
		j.index.put(p.head, uint16(at), uint32(start+int64(p.offset)), uint32(p.length))
	}
	j.segments[at].size = j.out.Size()
	j.seq = j.enc.results[len(j.enc.results)-1].head.seq
	return true, err
}

// nextSegment opens a new segment. The name of its file becomes durable only when the
// caller syncs the folder.
func (j *Journal) nextSegment() error {
	number := 1
	if n := len(j.segments); n > 0 {
		number = j.segments[n-1].number + 1
	}
	if len(j.segments) == maxSegments {
		return fmt.Errorf("%d segments are as many as a journal can have: begin a new one (--fresh)", maxSegments)
	}
	name := segmentName(j.generation, number)
	out, err := j.config.FS.OpenAppend(filepath.Join(j.config.Dir, name))
	if err != nil {
		return err
	}
	j.out = out
	if out.Size() != 0 {
		return fmt.Errorf("%s was made by another process: two must not run the same job", name)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.segments = append(j.segments, segment{name: name, number: number})
	return nil
}

// Last returns the seq of the last durable result, or 0 if there is none.
func (j *Journal) Last() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq
}

// Close closes the journal. Every result that Write has written is durable already.
func (j *Journal) Close() error {
	j.wmu.Lock()
	defer j.wmu.Unlock()
	if j.err == nil {
		j.err = fmt.Errorf("journal %s: %w", j.config.Dir, os.ErrClosed)
	}
	var errs []error
	if j.out != nil {
		errs = append(errs, j.out.Close())
		j.out = nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for i := range j.segments {
		if f := j.segments[i].f; f != nil {
			errs = append(errs, f.Close())
			j.segments[i].f = nil
		}
	}
	return errors.Join(errs...)
}
