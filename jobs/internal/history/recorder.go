package history

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/jobs/record"
)

// patience is how long the end of a run waits until its last samples are written.
const patience = time.Second

// Config configures a [Recorder]. Path, Run and Take are required.
type Config struct {
	Path string // of the file
	FS   durable.FS
	Run  record.RunHistory // without its samples

	// Take takes a sample. Seq, At and Elapsed are filled in. It is called from several
	// goroutines, one at a time.
	Take func() record.Sample

	// Warn is told, once, why nothing more is written. It is called from another goroutine,
	// and may be called after Stop if the disk hangs. Nil means that nobody is told.
	Warn func(string)
}

// A Recorder takes the samples of one run, and writes them to the file. It is safe for
// concurrent use.
type Recorder struct {
	config Config
	begin  time.Time
	stop   chan struct{} // closed by Stop
	ended  chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	series  series
	seq     int64
	pending []record.Sample // that are not written yet
}

// Start starts to record a run that begins now. It does not wait for the disk.
func Start(c Config) *Recorder {
	r := &Recorder{config: c, begin: time.Now(), stop: make(chan struct{}), ended: make(chan struct{})}
	r.config.Run.Begin = stamp(r.begin)
	go func() {
		defer close(r.ended)
		r.record()
	}()
	return r
}

// stamp returns a time as it is written down.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// Stop takes the last sample, and ends the recording. It waits for the disk for a second at
// most. It must be called once.
func (r *Recorder) Stop() {
	r.take()
	close(r.stop)
	select {
	case <-r.ended:
	case <-time.After(patience):
	}
}

// Samples returns the samples after the one with the number since, the oldest first. The last
// of them shows how the run is: it was taken up to twice as long ago as the samples' distance.
func (r *Recorder) Samples(since int64) []record.Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, _ := slices.BinarySearchFunc(r.series.samples, since+1, func(s record.Sample, seq int64) int { return int(s.Seq - seq) })
	return slices.Clone(r.series.samples[from:])
}

// take takes a sample, and returns when to take the next one.
func (r *Recorder) take() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	s := r.config.Take()
	r.seq++
	s.Seq, s.At, s.Elapsed = r.seq, stamp(now), now.Sub(r.begin).Round(time.Millisecond).Seconds()
	r.series.add(s)
	r.pending = append(r.pending, s)
	return r.series.distance()
}

// record takes samples until Stop, and writes each of them at once.
func (r *Recorder) record() {
	tick := time.NewTicker(firstEvery)
	defer tick.Stop()
	file := r.open()
	for every := firstEvery; ; {
		file = r.flush(file)
		select {
		case <-tick.C:
			if d := r.take(); d != every {
				every = d
				tick.Reset(every)
			}
		case <-r.stop:
			if file = r.flush(file); file != nil {
				_ = file.Close() // nothing of it is worth a word any more
			}
			return
		}
	}
}

// open opens the file, makes it shorter if it has become long, and begins the run in it. It
// returns nil if that fails.
func (r *Recorder) open() *durable.Appender {
	err := shorten(r.config.FS, r.config.Path)
	var file *durable.Appender
	if err == nil {
		file, err = r.config.FS.OpenAppend(r.config.Path)
	}
	if err != nil {
		r.warn(err)
		return nil
	}
	var lines []byte
	if file.Size() > 0 {
		lines = append(lines, '\n')
	}
	return r.write(file, appendLine(lines, header{Type: headerType, Schema: schema, RunHistory: r.config.Run}))
}

// flush writes what is not written yet, or drops it if there is no file.
func (r *Recorder) flush(file *durable.Appender) *durable.Appender {
	r.mu.Lock()
	pending := r.pending
	r.pending = nil
	r.mu.Unlock()
	if len(pending) == 0 || file == nil {
		return file
	}
	var lines []byte
	for _, s := range pending {
		lines = appendLine(lines, s)
	}
	return r.write(file, lines)
}

// write writes lines. If that fails, it closes the file and returns nil.
func (r *Recorder) write(file *durable.Appender, lines []byte) *durable.Appender {
	if _, err := file.Write(lines); err != nil {
		_ = file.Close() // that it cannot be written is said
		r.warn(err)
		return nil
	}
	return file
}

func (r *Recorder) warn(err error) {
	if r.config.Warn != nil {
		r.config.Warn(fmt.Sprintf("how the run goes is not recorded, so that its report has no charts over time: %v", err))
	}
}

// appendLine appends a record that can be nothing but JSON.
func appendLine(lines []byte, v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers, texts and times of this century
	}
	return append(append(lines, line...), '\n')
}
