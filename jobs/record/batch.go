package record

import "time"

// A Batch is a batch job at an endpoint, as far as the record of the job knows it.
type Batch struct {
	ID       string    `json:"id"`
	Name     string    `json:"name,omitempty"` // at the endpoint; empty before it is created
	Endpoint string    `json:"endpoint"`
	Model    string    `json:"model"`
	State    string    `json:"state"` // submitting, pending, running, cancelling, collecting, collected or dropped
	Live     bool      `json:"live"`  // rows belong to it, and are not asked in another way
	Rows     int64     `json:"rows"`
	Created  time.Time `json:"created,omitzero"`
	Expires  time.Time `json:"expires,omitzero"`       // when it ends unfinished
	Keeps    time.Time `json:"results_until,omitzero"` // until when its results are sure to be there
	Why      string    `json:"why,omitempty"`          // why it came to nothing, or was cancelled

	Answered int64    `json:"answered,omitzero"` // rows with an answer, once it is collected
	Invalid  int64    `json:"invalid,omitzero"`  // of these, those that failed their check
	Missing  int64    `json:"missing,omitzero"`  // rows without a result
	Others   []string `json:"others,omitempty"`  // jobs of the same requests that were made by mistake, and cancelled
}
