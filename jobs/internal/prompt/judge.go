package prompt

import (
	"encoding/json"
	"strings"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/jobs/internal/checks"
	"github.com/genbatch/genbatch/jobs/internal/pack"
	"github.com/genbatch/genbatch/jobs/internal/schema"
)

// A Judge reads answers as the kind understands them, and holds them to the job's own checks.
// It is safe for concurrent use.
type Judge struct {
	prompt *Prompt
	own    *checks.Set // nil: the job has none
}

// A Reading is what an answer holds.
type Reading struct {
	Values []any    // for the columns of the kind
	Note   string   // what had to be done to read it; mostly empty
	Failed []string // the names of the job's own checks that it fails, also those that only flag
}

// NewJudge returns the Judge of a job. Its checks see these columns of the input, or any if
// none are known. A column has the type String only if it is never null. The errors are of
// the type [spec.Error].
func NewJudge(p *Prompt, columns []batch.Column) (*Judge, error) {
	own, err := checks.Compile(p.spec.Checks, columns, p.kind.shape())
	return &Judge{p, own}, err
}

// Own returns the job's own checks. It is nil if the job has none.
func (j *Judge) Own() *checks.Set { return j.own }

// FindsFault reports whether Read may return an error.
func (j *Judge) FindsFault() bool { return j.own != nil || j.prompt.Checks() }

// Read is [Prompt.Read] with the job's own checks. The row is nil if it is not at hand; then
// checks that look at it are left out. With an error, Failed holds all the same.
func (j *Judge) Read(row *batch.Row, a *gemini.Answer) (Reading, error) {
	values, note, err := j.prompt.Read(a)
	return j.judge(row, a, values, note, err)
}

// ReadCut is [Prompt.ReadCut] with the job's own checks, as Read is.
func (j *Judge) ReadCut(row *batch.Row, a *gemini.Answer) (Reading, error) {
	values, note, err := j.prompt.ReadCut(a)
	return j.judge(row, a, values, note, err)
}

func (j *Judge) judge(row *batch.Row, a *gemini.Answer, values []any, note string, err error) (Reading, error) {
	r := Reading{Values: values, Note: note}
	if err != nil || j.own == nil || strings.TrimSpace(a.Text) == "" && len(a.FunctionCalls) > 0 { // the model wants something done first
		return r, err
	}
	v := j.own.Judge(checks.Facts{Row: row, Answer: j.prompt.kind.document(a, values), Response: a.Text, FinishReason: a.FinishReason})
	r.Failed = v.Failed
	return r, v.Err
}

// StatusNow returns the status of a settled result as the job's own checks are now. They may
// be others than when the row was answered.
func (j *Judge) StatusNow(row *batch.Row, r *batch.Result) batch.Status {
	if r.Part == "" && r.FinishReason != "STOP" || r.Status != batch.OK && r.Status != batch.Invalid {
		return r.Status
	}
	a, err := pack.Parse(r)
	if err == nil {
		_, err = j.Read(row, a)
	}
	if err != nil {
		return batch.Invalid
	}
	return batch.OK
}

// shape returns what checks can name in an answer: the members of the schema, the columns of
// the kind, or the text.
func (k *kind) shape() *schema.Shape {
	if k.answers != nil {
		return k.answers.schema.Shape()
	}
	columns := k.columns()
	if len(columns) == 0 {
		return &schema.Shape{Members: map[string]*schema.Shape{"text": {Type: batch.String}}}
	}
	shape := &schema.Shape{Members: make(map[string]*schema.Shape, len(columns))}
	for _, c := range columns {
		shape.Members[c.Name] = &schema.Shape{Type: batch.JSON}
	}
	return shape
}

// document returns an answer that was read, in the form of shape.
func (k *kind) document(a *gemini.Answer, values []any) any {
	if k.answers != nil {
		return json.RawMessage(a.Text)
	}
	members := make(map[string]any)
	columns := k.columns()
	for i, c := range columns {
		if i < len(values) {
			members[c.Name] = values[i]
		}
	}
	if len(columns) == 0 {
		members["text"] = a.Text
	}
	return members
}
