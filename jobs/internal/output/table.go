package output

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/fileformat"
	"github.com/genbatch/genbatch/jobs/internal/schema"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/reader"
	"github.com/genbatch/genbatch/writer"
)

// A table is an output that is being written, with the columns that the job picks.
type table struct {
	*writer.Output
	result []column // the result columns that are written
	values []any    // those of the current row, reused
	filer  *filer   // nil if no column needs the answers' files
	format string
}

// newTable begins to write an output. For an input without a header it reads all rows
// first, unless the output can hold different columns in each row.
func (d *Deriver) newTable(to Target) (*table, error) {
	result := d.Columns.Names()
	c := writer.Config{
		To: to.To, Path: to.Path, Format: to.Format,
		Delimiter: d.Spec.OutputDelimiter, BOM: d.Spec.BOM, Null: spec.NullText(d.Spec), CSVSafe: d.Spec.CSVSafe, FS: d.FS,
	}
	written, err := writer.FormatOf(to.Path, to.Format)
	if err != nil {
		return nil, &spec.Error{Err: err}
	}
	input := d.List.Input.Columns()
	if !d.List.Input.KnownColumns() {
		if written == fileformat.JSONL && len(d.Spec.Columns) == 0 {
			c.AllInput = true
			input = nil
		} else {
			var u reader.Union
			for row, err := range d.List.Rows() {
				if err != nil {
					return nil, err
				}
				u.Add(row)
			}
			// A row that has a result column itself is bad, and its value is not written.
			input = slices.DeleteFunc(addNamed(d.Spec, u.Columns(), result), func(c batch.Column) bool {
				return slices.ContainsFunc(result, func(r batch.Column) bool { return r.Name == c.Name })
			})
		}
	}
	in, out, err := Pick(d.Spec, input, result)
	if err != nil {
		return nil, err
	}
	o := &table{values: make([]any, len(out)), format: written}
	for _, i := range in {
		c.Columns = append(c.Columns, input[i])
	}
	c.Input = len(in)
	for _, i := range out {
		c.Columns = append(c.Columns, result[i])
		o.result = append(o.result, d.Columns.list[i])
		if d.Columns.list[i].files {
			if to.Stream {
				return nil, spec.Errorf("name a file with --output, or leave the column out with --columns", "the column %q names files, which are written beside an output that has a place", result[i].Name)
			}
			// CheckFiles has asked before whether the folder is the job's.
			if o.filer, err = newFiler(d.FS, to.Path, d.StateDir, to.To != nil, true); err != nil {
				return nil, err
			}
		}
	}
	if o.Output, err = writer.Create(c); err != nil {
		return nil, err
	}
	return o, nil
}

// write writes one row, after the files of its answer.
func (o *table) write(row *batch.Row, x *reply) (err error) {
	if o.filer != nil {
		if x.paths, err = o.filer.put(row.Number, x.files); err != nil {
			return err
		}
	}
	for i, c := range o.result {
		o.values[i] = c.value(x)
		if o.format == fileformat.Parquet && schema.Beyond64(o.values[i], c.Type) {
			o.values[i] = nil // the note says so, and the response has the number
		}
	}
	return o.Output.Write(row, o.values)
}
