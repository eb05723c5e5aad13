// Package fileformat tells from a file's name which format and compression it has. The
// reader and the writer share it, so that one name cannot mean two things.
package fileformat

import (
	"fmt"
	"path/filepath"
	"strings"
)

// The formats, by the names that users give them.
const (
	JSONL   = "jsonl"
	CSV     = "csv"
	TSV     = "tsv"
	Parquet = "parquet"
)

// A File is what is known of a data file before it is opened.
type File struct {
	Format      string // one of the constants
	Compression string // "gz", "zst" or empty
	Extension   string // in lower case with its dot; it stands before .gz or .zst
}

// Of returns the format and the compression of the file at path. The compression always
// follows from the extension. The format does so only if the argument format is empty;
// its case does not matter. An error names flag, the flag by which the user gives a format.
func Of(path, format, flag string) (File, error) {
	var f File
	name := strings.ToLower(filepath.Base(path))
	if ext := filepath.Ext(name); ext == ".gz" || ext == ".zst" {
		f.Compression = ext[1:]
		name = strings.TrimSuffix(name, ext)
	}
	f.Extension = filepath.Ext(name)
	switch f.Format = strings.ToLower(format); f.Format {
	case JSONL, CSV, TSV, Parquet:
		return f, nil
	case "":
		if f.Format = byExtension(f.Extension); f.Format == "" {
			return File{}, fmt.Errorf("the extension %q says no format; give %s jsonl, csv, tsv or parquet", f.Extension, flag)
		}
		return f, nil
	}
	return File{}, fmt.Errorf("unknown %s %q; it is jsonl, csv, tsv or parquet", flag, format)
}

// byExtension returns the format that an extension stands for, or "".
func byExtension(ext string) string {
	switch ext {
	case ".jsonl", ".ndjson", ".json":
		return JSONL
	case ".csv":
		return CSV
	case ".tsv":
		return TSV
	case ".parquet":
		return Parquet
	}
	return ""
}
