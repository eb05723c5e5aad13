package plan

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/internal/durable"
)

// forecastFile, in the state folder, is what the last pilot foretold.
const forecastFile = "forecast.json"

// A savedForecast is forecast.json: what the whole job was to cost.
type savedForecast struct {
	Rows int64 `json:"rows"` // of the job
	Forecast
}

// SaveForecast keeps a plan's forecast in a state folder, so that the bill can be held
// against it.
func (p *Plan) SaveForecast(fsys durable.FS, dir string) error {
	f := savedForecast{Rows: p.Rows, Forecast: *p.Forecast}
	f.Mean, f.Low, f.High = f.Mean+p.Price, f.Low+p.Price, f.High+p.Price
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return fsys.WriteFile(filepath.Join(dir, forecastFile), append(text, '\n'), 0o600)
}

// SavedForecast returns what a pilot said that a whole job of so many rows would cost.
// It returns nil if there was no pilot, or one of another number of rows.
func SavedForecast(dir string, rows int64) (*Forecast, error) {
	text, err := os.ReadFile(filepath.Join(dir, forecastFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var f savedForecast
	if json.Unmarshal(text, &f) != nil || f.Rows != rows {
		return nil, nil
	}
	return &f.Forecast, nil
}
