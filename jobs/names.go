package jobs

import (
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/internal/budget"
	"github.com/genbatch/genbatch/jobs/internal/prune"
	"github.com/genbatch/genbatch/jobs/internal/state"
	"github.com/genbatch/genbatch/jobs/internal/tier"
	"github.com/genbatch/genbatch/jobs/internal/work"
	"github.com/genbatch/genbatch/jobs/plan"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file keeps the names of jobs where they always were, for types that rooms define.

// The job file's types, which package spec defines.
type (
	Spec         = spec.Spec
	SpecError    = spec.Error
	List         = spec.List
	Classify     = spec.Classify
	Labels       = spec.Labels
	Label        = spec.Label
	Examples     = spec.Examples
	Example      = spec.Example
	Summarize    = spec.Summarize
	Extract      = spec.Extract
	Raw          = spec.Raw
	Schema       = spec.Schema
	MediaColumn  = spec.MediaColumn
	MediaColumns = spec.MediaColumns
)

// What runs used and cost, which package cost defines.
type (
	Totals      = cost.Totals
	ModelTotals = cost.ModelTotals
	TierTotals  = cost.TierTotals
	Bill        = cost.Bill
	Share       = cost.Share
)

// How labels compare with known ones, which package eval defines.
type (
	Evaluation     = eval.Evaluation
	Excluded       = eval.Excluded
	Scores         = eval.Scores
	LabelScores    = eval.LabelScores
	Calibration    = eval.Calibration
	ConfidenceBand = eval.ConfidenceBand
	Confused       = eval.Confused
)

// What a run would do and cost, which package plan defines.
type (
	Plan     = plan.Plan
	Outlook  = plan.Outlook
	Forecast = plan.Forecast
	Pace     = plan.Pace
)

// What Prune removes and has removed, which package prune defines.
type (
	Pruning = prune.Pruning
	Pruned  = prune.Pruned
)

// An InputStatus counts the rows of the input that a job has now.
type InputStatus = work.Status

// What the file at the output's path is to a job, which package state knows.
const (
	OutputUnwritten = state.Unwritten
	OutputCurrent   = state.Current
	OutputTouched   = state.Touched
	OutputOutdated  = state.Outdated
	OutputMissing   = state.Missing
	OutputForeign   = state.Foreign
)

// A Survey counts those that a run is to ask.
type Survey = work.Survey

// Errors that end a run early, beside those of [batch.Run].
type (
	BudgetError   = budget.Error
	DeadlineError = tier.DeadlineError
	LostError     = journal.LostError
)

// Load reads a job file; see [spec.Load].
func Load(path string) (*Spec, error) { return spec.Load(path) }

// SchemaFile returns the Schema that a file holds; see [spec.SchemaFile].
func SchemaFile(path string) Schema { return spec.SchemaFile(path) }

// StateDirOf returns the default state folder of an output.
func StateDirOf(output string) string { return spec.StateDirOf(output) }

// Version returns the version of genbatch that is running.
func Version() string { return version.Version() }

// GroupOf is [spec.GroupOf].
func GroupOf(key string) string { return spec.GroupOf(key) }

// Guards is [spec.Guards].
func Guards() map[string]string { return spec.Guards() }

// Blank is [spec.Blank].
func Blank(key, value string) bool { return spec.Blank(key, value) }
