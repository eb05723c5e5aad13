package repair

import "github.com/genbatch/genbatch/batch"

// provenanceModel stops a run whose answers are made up while the journal's are real,
// or the other way round: at an address of this machine only the answers tell.
type provenanceModel struct {
	batch.Model
	simulated bool // the journal's answers
}

// KeepProvenance returns the model m for a journal whose answers are simulated, or are not.
func KeepProvenance(m batch.Model, simulated bool) batch.Model { return provenanceModel{m, simulated} }
