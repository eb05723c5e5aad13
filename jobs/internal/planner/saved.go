package planner

import (
	"encoding/json"

	"github.com/genbatch/genbatch/jobs/plan"
)

// A savedForecast is what is kept of a pilot: what the whole job will cost.
type savedForecast struct {
	Rows int64 `json:"rows"` // of the job when the forecast was made
	plan.Forecast
}

// MarshalForecast returns the forecast of a plan as JSON, for [ParseForecast] to compare the
// bill with it later. p.Forecast must not be nil. What the job has cost so far is added to
// it.
func MarshalForecast(p *plan.Plan) ([]byte, error) {
	f := savedForecast{Rows: p.Rows, Forecast: *p.Forecast}
	f.Mean, f.Low, f.High = f.Mean+p.Price, f.Low+p.Price, f.High+p.Price
	return json.Marshal(f)
}

// ParseForecast returns the forecast for a whole job of so many rows. It returns nil if the
// text is none, or if the number of rows has changed since.
func ParseForecast(text []byte, rows int64) *plan.Forecast {
	var f savedForecast
	if json.Unmarshal(text, &f) != nil || f.Rows != rows {
		return nil
	}
	return &f.Forecast
}
