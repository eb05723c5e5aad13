package detail

import (
	"encoding/json"
	"fmt"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/jobs"
)

// A Row is one row as JSON, the whole of it, however long.
type Row struct {
	Detail *jobs.Detail
}

// rowJSON is [Row] as JSON.
type rowJSON struct {
	Type string `json:"type"`
	placeJSON
	outcomeJSON
	Input   json.RawMessage `json:"input"`           // the row's own columns; null if the input cannot be read
	Model   string          `json:"model,omitempty"` // that is asked
	Request json.RawMessage `json:"request"`         // null for a row that cannot be rendered
	Output  json.RawMessage `json:"output"`          // the result columns
	Text    string          `json:"text"`            // of the answer
	costJSON
	Result   *resultJSON  `json:"result"`            // as the journal has it
	Earlier  []resultJSON `json:"earlier,omitempty"` // likewise
	BatchJob *jobs.Batch  `json:"batch_job,omitempty"`
}

// placeJSON says which row it is.
type placeJSON struct {
	Row  int64  `json:"row"`
	Key  string `json:"key,omitempty"`
	File string `json:"file,omitempty"`
	Line int64  `json:"line,omitzero"`
}

// outcomeJSON says what became of it.
type outcomeJSON struct {
	Status batch.Status `json:"status"`
	Error  string       `json:"error,omitempty"`
	Note   string       `json:"note,omitempty"`
	Copied bool         `json:"copied,omitzero"`
}

// costJSON says what it used.
type costJSON struct {
	Usage   *batch.Usage `json:"usage"`       // of the final attempt, as the API names it
	CostUSD *dollars     `json:"cost_usd"`    // of all attempts
	Parts   partsJSON    `json:"by_part_usd"` // of those with a known price
}

// partsJSON are [price.Parts] as JSON, by the names that summaries have.
type partsJSON struct {
	CachedInput dollars `json:"cached_input"`
	Input       dollars `json:"input"`
	Output      dollars `json:"output"`
	Requests    dollars `json:"requests"`
	Searches    dollars `json:"searches"`
	Thinking    dollars `json:"thinking"`
	ToolInput   dollars `json:"tool_input"`
}

// dollars is an amount as it is written in JSON, with all its digits.
type dollars price.USD

// MarshalJSON implements json.Marshaler.
func (d dollars) MarshalJSON() ([]byte, error) { return []byte(price.USD(d).String()), nil }

// resultJSON is a result as the journal has it, with what each attempt cost.
type resultJSON struct {
	*batch.Result
	Spent []attemptJSON `json:"spent,omitempty"` // in the place of the result's own
}

type attemptJSON struct {
	batch.Spend
	CostUSD *dollars `json:"cost_usd"`
	MostUSD *dollars `json:"most_usd,omitempty"` // of an attempt that did not report what it used
}

func resultOf(r *batch.Result, costs []jobs.AttemptCost) resultJSON {
	j := resultJSON{Result: r}
	for i, s := range r.Spent {
		a := attemptJSON{Spend: s}
		if costs[i].Known {
			a.CostUSD = new(dollars(costs[i].Cost))
		}
		if costs[i].Most > 0 {
			a.MostUSD = new(dollars(costs[i].Most))
		}
		j.Spent = append(j.Spent, a)
	}
	return j
}

// MarshalJSON implements json.Marshaler.
func (r Row) MarshalJSON() ([]byte, error) {
	d := r.Detail
	p := &d.Parts
	j := rowJSON{
		Type:        "row",
		placeJSON:   placeJSON{d.Input.Number, d.Key, d.Input.Source, d.Input.Line},
		outcomeJSON: outcomeJSON{d.Status, d.Error, d.Note, d.Copied},
		Text:        d.Text, BatchJob: d.Batch,
		costJSON: costJSON{Usage: d.Usage, Parts: partsJSON{
			Input: dollars(p.Input), CachedInput: dollars(p.Cached), ToolInput: dollars(p.Tool), Output: dollars(p.Output),
			Thinking: dollars(p.Thinking), Searches: dollars(p.Searches), Requests: dollars(p.Requests),
		}},
	}
	if d.Request != nil {
		j.Model, j.Request = d.Request.Model, d.Request.Body
	}
	var err error
	if d.Input.Source != "" {
		if j.Input, err = objectOf(d.Input.Columns, d.Input.Values); err != nil {
			return nil, err
		}
	}
	if j.Output, err = objectOf(d.Columns, d.Values); err != nil {
		return nil, err
	}
	if d.Priced {
		j.CostUSD = new(dollars(d.Cost))
	}
	if d.Result != nil {
		j.Result = new(resultOf(d.Result, d.Spent))
	}
	for _, e := range d.Earlier {
		j.Earlier = append(j.Earlier, resultOf(e.Result, e.Costs))
	}
	return apijson.Marshal(j)
}

// objectOf returns the values of columns as an object, whose members keep the columns' order.
func objectOf(columns []batch.Column, values []any) (json.RawMessage, error) {
	object := []byte{'{'}
	for i, c := range columns {
		if i >= len(values) {
			break // of a record that could not be read to its end
		}
		v := values[i]
		if n, ok := v.(int64); ok && c.Type == batch.Money {
			v = dollars(n)
		}
		text, err := apijson.Marshal(v)
		if _, isFloat := v.(float64); err != nil && isFloat { // NaN and infinity, which JSON does not have
			text, err = []byte("null"), nil
		}
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		if i > 0 {
			object = append(object, ',')
		}
		object = append(apijson.AppendString(object, c.Name), ':')
		object = append(object, text...)
	}
	return append(object, '}'), nil
}
