// Package reader reads rows from JSONL, CSV, TSV and Parquet files, or makes a row of each
// file. [Open] checks the files, and [Input.Rows] ranges over their rows. A [Union] collects the columns of rows that need
// not be alike.
//
// Two kinds of failure are kept apart. A record that cannot be read is still a row:
// its [batch.Row.Err] is set, and the records after it are read. A source that breaks
// (a corrupt page, a truncated gzip file, a failing disk) ends the sequence: its error
// is the second value of the last pair.
//
// Memory does not grow with the input. The reader holds one record of a text file, one page of
// each column of a Parquet file, or the text of one file, at a time.
package reader

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/internal/textfile"
	"github.com/genbatch/genbatch/reader/internal/paths"
)

// DefaultMaxRowBytes is the length of the longest record that is read if
// [Config.MaxRowBytes] is 0.
const DefaultMaxRowBytes = 256 << 20

// Config says what to read. Only Paths is required.
type Config struct {
	// Paths are files, folders or globs, which are read in this order. The files of a folder,
	// and those that match a glob, are sorted bytewise by their paths. A path that exists is
	// taken literally, even if it has the characters of a glob. In a glob ** stands for any
	// number of folders. If it matches folders alone, those are read.
	//
	// Of a folder all files are read whose extensions say a format, also those of folders in
	// it. All must say the same one. With a Format, those are read whose extensions say it, or
	// if there are none, all files. Folders and globs pass over names that begin with a dot or
	// an underscore, state folders of jobs, and empty files. Where no file is left, that is an
	// error.
	//
	// Folders named KEY=VALUE make columns of the files below them: those below a folder of
	// Paths, or below what a glob has before its first wildcard, and those in which that ends.
	// Their values are integers if all of them are, in all files. Such a column counts before
	// one of the same name in the file.
	Paths []string

	// Format is jsonl, csv, tsv, parquet or files. If it is empty, each file's extension
	// decides, in front of any .gz or .zst: .jsonl .ndjson .json .csv .tsv .parquet.
	//
	// With files, each file is one row, whatever its extension. Its columns are path, with
	// forward slashes, text, which is null if the file holds none, and size, in bytes as the
	// file is stored.
	Format string

	// First says that only the first file is opened, which takes no longer for many. What
	// folders say is still that of all files.
	First bool

	// Root is the folder that the column path of files as rows is relative to. Files that are
	// not below it, and all files if it is empty, have their paths as Paths name them.
	Root string

	// MaxRowBytes is the length of the longest JSONL line or CSV record, in bytes, or of the
	// longest text of a file that is a row. A longer one is a bad row. 0 means
	// DefaultMaxRowBytes.
	MaxRowBytes int

	// Quotes says that TSV files have fields in quotes, as CSV files do. A file whose
	// names are all in quotes is read so in any case. NoQuotes says that no file has: in
	// CSV and TSV, a quote is then a part of the text. They exclude each other.
	Quotes, NoQuotes bool

	// Delimiter is what separates the fields of CSV and TSV files: one character of ASCII,
	// or its name, such as semicolon or tab. If it is empty, it is what the format's name
	// says, unless a first line sep=; or the header and the first rows together say
	// otherwise, of which [Input.Notes] tell.
	Delimiter string

	// Escape is the character that makes text of the separator, quote or line end after it
	// in CSV and TSV files, mostly a backslash; its name can stand for it. If it is empty,
	// only a quote within quotes is written in another way, namely twice.
	Escape string

	// Null are the texts that stand for null in CSV and TSV files, where they make up a
	// whole field that is not in quotes. The empty text can be one of them. If there are
	// none, an empty field is an empty text.
	Null []string

	// Encoding is that of all text files, by any usual name, such as windows-1252 or
	// Shift_JIS. If it is empty, it is UTF-8. A byte order mark of UTF-8 or
	// UTF-16 counts before it.
	Encoding string

	// Shard is the part of the rows that is read; the zero value stands for all of them.
	Shard Shard
}

// An Input is a list of files that Open has found to be readable, with their headers
// and schemas. It holds no open files. Its methods may be called concurrently.
type Input struct {
	files   []*file
	columns []batch.Column
	known   bool     // see KnownColumns
	notes   []string // of what paths stand for, with the path
	shard   Shard
}

// A file is one input file.
type file struct {
	path        string
	size        int64 // in bytes, when it was opened
	format      string
	compression string // "gz", "zst" or empty
	max         int    // the longest record, in bytes
	columns     []batch.Column
	notes       []string
	text        *textOptions // what the user says of text files

	hive hive // what folders say that are named for a value

	root string     // of paths, in files that are rows
	info store.Info // its Path is empty if nothing is known yet

	// What is known of a text file.
	encoding textfile.Encoding
	guess    string           // the encoding that it is likely in, if it cannot be read as it is
	dialect  textfile.Finding // of a CSV or TSV file, as what follows
	header   []string         // as it is written
	spare    bool             // an empty field at the end of a row is none

	count int64 // the rows of a Parquet file
}

// note keeps what the user should know about how the file is read.
func (f *file) note(format string, args ...any) {
	f.notes = append(f.notes, fmt.Sprintf(format, args...))
}

// Open checks that every file can be read, and reads the CSV headers and the Parquet
// footers. Each error is an [*Error].
func Open(c Config) (*Input, error) {
	if len(c.Paths) == 0 {
		return nil, &Error{File: "input", Err: errors.New("no file is given")}
	}
	if c.MaxRowBytes < 0 {
		return nil, &Error{File: "input", Err: fmt.Errorf("--max-row-bytes %d is negative", c.MaxRowBytes)}
	}
	if err := c.Shard.check(); err != nil {
		return nil, &Error{File: "input", Err: err}
	}
	text, err := newTextOptions(c)
	if err != nil {
		return nil, &Error{File: "input", Err: err}
	}
	in := &Input{known: true, shard: c.Shard}
	for _, path := range c.Paths {
		if err := in.find(path, c.Format); err != nil {
			return nil, placed(err, path)
		}
	}
	typeHives(in.files)
	if c.First {
		in.files = in.files[:1]
	}
	var union Union
	for _, f := range in.files {
		f.max, f.text, f.root = c.MaxRowBytes, text, c.Root
		if f.max == 0 {
			f.max = DefaultMaxRowBytes
		}
		if err := f.open(c.Format); err != nil {
			return nil, placed(err, f.path)
		}
		f.notes = slices.Concat(f.notes, f.hive.notes(f.columns))
		if f.format == fileformat.JSONL {
			in.known = false
		}
		if columns := newJoint(f.columns, f.hive.columns).columns; len(columns) > 0 {
			union.addHeader(columns)
		}
	}
	in.columns = union.Columns()
	return in, nil
}

// find adds the files that a path stands for.
func (in *Input) find(path, format string) error {
	if path == "" {
		return &Error{File: "input", Err: errors.New("a path is empty")}
	}
	if way := fileformat.Download(path); way != "" && !store.IsAddress(path) {
		return errors.New("is an address, and inputs are files; fetch it first, with: " + way)
	}
	found, err := paths.Find(path, format)
	if err != nil {
		return err
	}
	var files []*file
	for _, one := range found.Files {
		f := &file{path: one.Path, info: one.Info}
		if f.hive, err = newHive(one.Folders); err != nil {
			return placed(err, f.path)
		}
		if folder := filepath.Base(filepath.Dir(f.path)); one.Named && paths.IsPartition(folder) {
			f.note("its folder's name, %s, is read as no column, since the file is named itself; a folder as --input makes columns of such names, and so does a glob", folder)
		}
		files = append(files, f)
	}
	for _, note := range found.Notes {
		in.notes = append(in.notes, path+": "+note)
	}
	in.files = append(in.files, files...)
	return checkKeys(path, files)
}

// placed returns err as an [*Error]. Unless it is one already, or knows its place, it concerns
// the path.
func placed(err error, path string) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*paths.Error](err); ok {
		return &Error{File: e.Path, Err: e.Err}
	}
	return &Error{File: path, Err: err}
}

// Expand returns the files that a path of a [Config] stands for. An error is an [*Error].
func Expand(path, format string) ([]string, error) {
	found, err := paths.Find(path, format)
	if err != nil {
		return nil, placed(err, path)
	}
	var files []string
	for _, f := range found.Files {
		files = append(files, f.Path)
	}
	return files, nil
}

// Matches reports whether an input that is named by a path, which may be a folder or a glob,
// would read the file at another path if it were there. A path that is a file itself matches
// none. Both paths are absolute, or both are relative to the working folder.
func Matches(input, path string) bool { return paths.Matches(input, path) }

// Paths returns the files in the order in which they are read, with folders and globs expanded.
func (in *Input) Paths() []string {
	paths := make([]string, len(in.files))
	for i, f := range in.files {
		paths[i] = f.path
	}
	return paths
}

// Columns returns the columns that the headers and schemas of all files name, and their
// folders, in order of appearance. Equal names are merged by the rules of [Union]. The columns
// in JSONL files are not among them, because only their rows tell them.
func (in *Input) Columns() []batch.Column { return slices.Clone(in.columns) }

// KnownColumns reports whether Columns returns every column, which it does unless some
// file is JSONL.
func (in *Input) KnownColumns() bool { return in.known }

// MayBeNull reports whether a value of a column may be null, or missing, in a row that can be
// read. Of the cells of CSV and TSV files it knows that none is.
func (in *Input) MayBeNull(name string) bool {
	return slices.ContainsFunc(in.files, func(f *file) bool {
		is := func(c batch.Column) bool { return c.Name == name }
		if i := slices.IndexFunc(f.hive.columns, is); i >= 0 {
			return f.hive.values[i] == nil
		}
		switch {
		case !slices.ContainsFunc(f.columns, is):
			return true
		case f.format == fileformat.Files:
			return name == textColumn
		}
		return f.format == fileformat.Parquet || len(f.text.null) > 0
	})
}

// Notes returns what the user should know about how the files are read, such as columns
// that had to be renamed. Each begins with the name of a file.
func (in *Input) Notes() []string {
	var notes []string
	first, more := make(map[string]string), make(map[string]int)
	for _, f := range in.files {
		for _, note := range f.notes {
			if _, said := first[note]; said {
				more[note]++
				continue
			}
			first[note] = f.path
			notes = append(notes, note)
		}
	}
	for i, note := range notes {
		place := first[note]
		if n := more[note]; n > 0 {
			place += fmt.Sprintf(" (and %d more)", n)
		}
		notes[i] = place + ": " + note
	}
	return slices.Concat(in.notes, notes)
}

// Rows returns a sequence of the rows of all files, or of those that belong to the shard. Each
// range over it reads from the start with file handles of its own. If a source breaks, the last
// pair is an empty row and an [*Error]. The error of every other pair is nil. The rows of a shard
// are numbered from 1, and the Line of one that was found by its place in the file is 0.
func (in *Input) Rows() iter.Seq2[batch.Row, error] {
	return func(yield func(batch.Row, error) bool) {
		l := in.line()
		in.each(func(file int) portion { return l.portion(file, in.shard) }, func(_ int, r batch.Row, _ int64, err error) bool {
			return yield(r, err)
		})
	}
}

// open determines the file's format and reads its header or schema.
func (f *file) open(format string) error {
	info := f.info
	if info.Path == "" {
		var err error
		if info, err = store.Stat(f.path); err != nil {
			return plainPathError(err)
		}
	}
	if info.Mode.IsDir() {
		return errors.New("is a folder now, and was a file")
	}
	if !info.Mode.IsRegular() {
		// A pipe can be read only once. A run reads its input twice, and so does the next.
		return errors.New("is not a regular file; read a pipe with --input - instead")
	}
	kind, err := f.kind(format)
	if err != nil {
		return err
	}
	f.format, f.compression, f.size = kind.Format, kind.Compression, info.Size
	switch f.format {
	case fileformat.Files:
		f.columns, f.info = fileColumns, info
		return nil
	case fileformat.JSONL:
		return f.openJSONL(kind.Extension == ".json")
	case fileformat.Parquet:
		if f.compression != "" {
			return fmt.Errorf("a Parquet file inside .%s cannot be read, its pages are compressed already; unpack it first", f.compression)
		}
		return f.openParquet()
	}
	return f.openCSV()
}

// rows calls yield for the rows of a portion, and perhaps for others, with their places, until
// yield returns false. An error means that the source broke.
func (f *file) rows(p portion, yield func(r batch.Row, place int64) bool) error {
	switch f.format {
	case fileformat.Files:
		return f.rowsFiles(func(r batch.Row) bool { return yield(r, 0) })
	case fileformat.JSONL:
		return f.rowsJSONL(p, yield)
	case fileformat.Parquet:
		return f.rowsParquet(p, yield)
	}
	return f.rowsCSV(p, yield)
}

// tooLong returns the error of a row that is over the limit.
func tooLong(limit int) error {
	return fmt.Errorf("the row is longer than %d bytes; raise the limit with --max-row-bytes", limit)
}

// plainPathError removes the operation and the path from err, because [Error] names
// the file.
func plainPathError(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
