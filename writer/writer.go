// Package writer writes rows and their results to JSONL, CSV, TSV and Parquet files. A
// file appears under its name all at once, when it is complete.
//
// [Create] begins an [Output] by a [Config], [Output.Write] appends a row with its results,
// and [Output.Commit] gives the file its name.
package writer

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/fileformat"
)

// Config says what to write. Path is required, and so is Columns unless AllInput is set.
type Config struct {
	// Path is the file to write. Its folder must exist. A file of that name is replaced.
	Path string

	// To, if not nil, receives what would be in the file, and no file is made.
	To io.Writer

	// Format is jsonl, csv, tsv or parquet. If it is empty, the extension decides, in
	// front of any .gz or .zst, which compress every format but Parquet.
	Format string

	// Columns are the columns in the order of the output. The first Input of them are
	// taken from the rows by name; the others are the results.
	Columns []batch.Column
	Input   int

	// AllInput writes every column that a row itself has; Input must be 0. Only JSONL
	// allows it, since its lines need not be alike. A row that was read from JSONL
	// keeps its bytes.
	AllInput bool

	// Delimiter separates the fields in CSV. It is one character of ASCII or its name, such
	// as semicolon. If it is empty, it is a comma. TSV has tabs in any case.
	Delimiter string

	// BOM begins CSV and TSV with a byte order mark, by which Excel knows UTF-8.
	BOM bool

	// Null is what is written for null in CSV and TSV. Then a text that is the same is
	// written in quotes, so that readers can keep the two apart. If Null is nil, null and
	// the empty text are both written as an empty field.
	Null *string

	// CSVSafe puts an apostrophe before each text in CSV and TSV, and before each name of
	// a column, that a spreadsheet would take for a formula. Such a text begins with
	// = + - @, a tab or a line end, and is not a number.
	CSVSafe bool

	// FS is for tests within this module, which make writes fail. Others leave it at its
	// zero value, the real file system.
	FS durable.FS
}

// results returns the columns that are not the row's own.
func (c *Config) results() []batch.Column { return c.Columns[c.Input:] }

// An Output is a file that is being written. It is for one goroutine.
type Output struct {
	config Config
	file   target
	layers []io.Closer  // must be closed before the file, in this order
	flush  func() error // flushes the buffer between encoder and compressor
	enc    encoder
	sum    *summer
	rows   int64
	done   bool  // Finish has succeeded
	err    error // sticky: after a failed write the file is worthless
}

// A target takes the bytes of an output. It is mostly a file.
type target interface {
	io.Writer
	Commit() error
	Abort() error
}

// A stream is the target of an output that goes to [Config.To].
type stream struct{ io.Writer }

func (stream) Commit() error { return nil }
func (stream) Abort() error  { return nil }

// An encoder writes rows in one format.
type encoder interface {
	// write appends one row. row may be nil. write keeps neither argument.
	write(row *batch.Row, result []any) error
	// close writes what is still buffered.
	close() error
}

// Create begins an output file. The caller must call Commit or Abort; a deferred Abort
// is always right.
func Create(c Config) (*Output, error) {
	file, err := formatOf(c.Path, c.Format)
	if err == nil {
		err = c.check(file.Format)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	o := &Output{config: c}
	if c.To != nil {
		o.file = stream{c.To}
	} else if o.file, err = c.FS.CreateShared(c.Path); err != nil {
		return nil, err
	}
	if err := o.start(file.Format, file.Compression); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", c.Path, err), o.Abort())
	}
	return o, nil
}

// Check says whether an output can be written in its format, as far as that can be known
// before there are rows. It touches no file.
func Check(c Config) error {
	file, err := formatOf(c.Path, c.Format)
	if err == nil {
		err = c.check(file.Format)
	}
	if err == nil {
		o := &Output{config: c, file: stream{io.Discard}}
		err = o.start(file.Format, file.Compression)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Path, err)
	}
	return nil
}

// guard calls do and turns a panic, such as that of a library, into an error. What was
// answered must not end with a panic at its very last step.
func guard(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = unholdable(fmt.Errorf("%v", r))
		}
	}()
	return do()
}

// unholdable adds to err, which says what the format cannot hold, the way out.
func unholdable(err error) error {
	return fmt.Errorf("%w; write another format, such as .jsonl, which genbatch export does at no cost for what is answered", err)
}

// check refuses columns that cannot be written in a format.
func (c *Config) check(format string) error {
	if c.Input < 0 || c.Input > len(c.Columns) {
		return fmt.Errorf("%d input columns among %d columns", c.Input, len(c.Columns))
	}
	if c.AllInput && (format != fileformat.JSONL || c.Input > 0) {
		return errors.New("all columns of each row can only be written as JSONL, and then none is named")
	}
	if len(c.Columns) == 0 && !c.AllInput {
		return errors.New("no columns")
	}
	seen := make(map[string]bool, len(c.Columns))
	for _, col := range c.Columns {
		if seen[col.Name] {
			return fmt.Errorf("two columns are named %q; --prefix renames those of the results", col.Name)
		}
		seen[col.Name] = true
	}
	return nil
}

// start builds the layers from the file upwards: sum, compressor, buffer, encoder.
func (o *Output) start(format, compression string) error {
	o.sum = &summer{w: o.file, hash: sha256.New()}
	var w io.Writer = o.sum
	switch compression {
	case "gz":
		z := gzip.NewWriter(w)
		o.layers = append(o.layers, z)
		w = z
	case "zst":
		// A concurrency of 1 keeps the encoder from starting goroutines.
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		o.layers = append(o.layers, z)
		w = z
	}
	b := bufio.NewWriterSize(w, 256<<10)
	o.flush = b.Flush
	var err error
	switch format {
	case fileformat.JSONL:
		o.enc = newJSONL(b, &o.config)
	case fileformat.Parquet:
		err = guard(func() (err error) { o.enc, err = newParquet(b, &o.config); return err })
	default:
		o.enc, err = newCSV(b, &o.config, format == fileformat.TSV)
	}
	return err
}

// Write appends one row. It takes the input columns from row, which may be nil; result is
// parallel to the result columns. The values have the types of [batch.Row.Values], and
// nil is null. After an error the output can only be aborted.
func (o *Output) Write(row *batch.Row, result []any) error {
	if o.err != nil {
		return o.err
	}
	o.rows++
	if want := len(o.config.results()); len(result) != want {
		o.err = fmt.Errorf("%s: row %d has %d results for %d columns", o.config.Path, o.rows, len(result), want)
		return o.err
	}
	if err := guard(func() error { return o.enc.write(row, result) }); err != nil {
		o.err = fmt.Errorf("%s: row %d: %w", o.config.Path, o.rows, err)
	}
	return o.err
}

// Cleaned returns the number of cells from which something was removed that the format
// cannot hold: NUL characters, and bytes that are not UTF-8, in CSV and TSV.
func (o *Output) Cleaned() int64 {
	if e, ok := o.enc.(*csvEncoder); ok {
		return e.cleaned
	}
	return 0
}

// A Sum identifies the bytes of a file.
type Sum struct {
	Size   int64
	SHA256 string // hexadecimal
}

// Finish completes the file but neither makes it durable nor gives it its name. It returns
// the sum of the file, so that the caller can record it before Commit. Only Commit or
// Abort may follow.
func (o *Output) Finish() (Sum, error) {
	if o.err != nil {
		return Sum{}, errors.Join(o.err, o.Abort())
	}
	o.err = errors.New(o.config.Path + ": the output is closed")
	err := guard(o.enc.close)
	if err == nil {
		err = o.flush()
	}
	for _, l := range o.layers {
		if err == nil {
			err = l.Close()
		}
	}
	if err != nil {
		return Sum{}, errors.Join(fmt.Errorf("%s: %w", o.config.Path, err), o.file.Abort())
	}
	o.done = true
	return Sum{Size: o.sum.size, SHA256: hex.EncodeToString(o.sum.hash.Sum(nil))}, nil
}

// Commit finishes the file, makes it durable and gives it its name. If it fails, no new
// file has that name, unless only the last step failed: making the name itself durable.
func (o *Output) Commit() error {
	if !o.done {
		if _, err := o.Finish(); err != nil {
			return err
		}
	}
	return o.file.Commit()
}

// A summer passes on what is written to it, and computes the [Sum].
type summer struct {
	w    io.Writer
	hash hash.Hash
	size int64
}

func (s *summer) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.hash.Write(p[:n]) // never fails
	s.size += int64(n)
	return n, err
}

// Abort removes what was written. After Commit it does nothing.
func (o *Output) Abort() error {
	if o.err == nil {
		o.err = errors.New(o.config.Path + ": the output is closed")
	}
	return o.file.Abort()
}

// FormatOf returns the format in which [Create] writes the file at path: jsonl, csv, tsv
// or parquet. The argument format is as in [Config]. An error says that there is none.
func FormatOf(path, format string) (string, error) {
	file, err := formatOf(path, format)
	return file.Format, err
}

// formatOf returns the format and the compression of the file at path.
func formatOf(path, format string) (fileformat.File, error) {
	file, err := fileformat.Of(path, format, "--output-format")
	if err == nil && file.Extension == ".json" && format == "" {
		return fileformat.File{}, errors.New("a .json file holds one JSON value, and an output one object a line; name it .jsonl, or say --output-format jsonl")
	}
	if err == nil && file.Format == fileformat.Parquet && file.Compression != "" {
		return fileformat.File{}, fmt.Errorf("a Parquet file compresses by itself; leave .%s away", file.Compression)
	}
	return file, err
}

// A lookup finds the output's input columns in rows, by name.
type lookup struct {
	index map[string]int // of the input columns
	last  []batch.Column
	at    []int // the place of each input column in last, or -1
}

func newLookup(columns []batch.Column) *lookup {
	l := &lookup{index: make(map[string]int, len(columns)), at: make([]int, len(columns))}
	for i, c := range columns {
		l.index[c.Name] = i
		l.at[i] = -1
	}
	return l
}

// find returns the place of each input column in the row, or -1. changed is false if the
// row shares its columns with the row before, which is then not looked at again.
func (l *lookup) find(row *batch.Row) (at []int, changed bool) {
	var columns []batch.Column
	if row != nil {
		columns = row.Columns[:min(len(row.Columns), len(row.Values))]
	}
	if len(columns) == len(l.last) && (len(columns) == 0 || &columns[0] == &l.last[0]) {
		return l.at, false
	}
	l.last = columns
	for i := range l.at {
		l.at[i] = -1
	}
	for i, c := range columns {
		if out, ok := l.index[c.Name]; ok {
			l.at[out] = i
		}
	}
	return l.at, true
}
