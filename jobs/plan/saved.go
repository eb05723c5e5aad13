package plan

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/genbatch/genbatch/internal/durable"
)

// forecastFile is the file in the state folder with the forecast of the last pilot.
const forecastFile = "forecast.json"

// A savedForecast is the content of forecast.json: what the whole job will cost.
type savedForecast struct {
	Rows int64 `json:"rows"` // of the job when the forecast was made
	Forecast
}

// SaveForecast keeps a plan's forecast in a state folder, so that the bill can be compared
// with it. p.Forecast must not be nil. What the job has cost so far is added to it.
func (p *Plan) SaveForecast(fsys durable.FS, dir string) error {
	f := savedForecast{Rows: p.Rows, Forecast: *p.Forecast}
	f.Mean, f.Low, f.High = f.Mean+p.Price, f.Low+p.Price, f.High+p.Price
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return fsys.WriteFile(filepath.Join(dir, forecastFile), append(text, '\n'), 0o600)
}

// SavedForecast returns the forecast of the last pilot for the whole job, if the job still has
// so many rows. It returns nil if there was no pilot, or if the number of rows has changed.
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
