package jobs

import (
	"github.com/genbatch/genbatch/batch/journal"
	"github.com/genbatch/genbatch/internal/version"
	"github.com/genbatch/genbatch/jobs/cost"
	"github.com/genbatch/genbatch/jobs/eval"
	"github.com/genbatch/genbatch/jobs/findings"
	"github.com/genbatch/genbatch/jobs/plan"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
)

// This file keeps the names of jobs where they always were, for types that rooms define.

// The job file, which package spec defines.
type (
	// A Spec describes a job.
	Spec = spec.Spec
	// A SpecError is a mistake in the job or its input that the user can correct, with the
	// remedy. Nothing was sent because of it.
	SpecError = spec.Error
	// A List is one text or several.
	List = spec.List
	// A Classify gives each row one of some labels, or several.
	Classify = spec.Classify
	// Labels are the labels of a classification in their order.
	Labels = spec.Labels
	// Questions are several classifications of a row in one call.
	Questions = spec.Questions
	// A Question is one of them, with labels of its own.
	Question = spec.Question
	// Expected says which columns are compared with known values.
	Expected = spec.Expected
	// An ExpectedColumn says where the known values of one stand.
	ExpectedColumn = spec.ExpectedColumn
	// Confidence says how it is known how sure the model is of its labels.
	Confidence = spec.Confidence
	// A Label is a name with an optional description, both of which the model reads.
	Label = spec.Label
	// Examples are texts with their labels, which show the model what is meant.
	Examples = spec.Examples
	// An Example is one of them.
	Example = spec.Example
	// A Summarize asks for a summary of each row.
	Summarize = spec.Summarize
	// An Extract asks for JSON by a schema.
	Extract = spec.Extract
	// A Raw says that each row is a request itself.
	Raw = spec.Raw
	// Checks are what must hold of each answer.
	Checks = spec.Checks
	// A Check is one of them.
	Check = spec.Check
	// A Schema is the JSON Schema of answers.
	Schema = spec.Schema
	// A MediaColumn is a column whose cells name or hold images, sound, films or documents.
	MediaColumn = spec.MediaColumn
	// MediaColumns are a job's columns with media.
	MediaColumns = spec.MediaColumns
	// A Webhook is where a run of the command posts what it came to.
	Webhook = spec.Webhook
)

// A Purse holds the cap of a job that several processes ask the rows of.
type Purse = record.Purse

// What runs used and cost, which package cost defines.
type (
	// Totals add up the rows of a run or of a job.
	Totals = cost.Totals
	// LabelCounts count rows by question and label.
	LabelCounts = cost.LabelCounts
	// ModelTotals are those of one model.
	ModelTotals = cost.ModelTotals
	// TierTotals are those of one service tier.
	TierTotals = cost.TierTotals
	// A Bill divides the cost of Totals.
	Bill = cost.Bill
	// A Share is a part of a Bill.
	Share = cost.Share
)

// How labels compare with known ones, which package eval defines.
type (
	// An Evaluation compares the answers of a job with known values.
	Evaluation = eval.Evaluation
	// Kind is a way in which values are compared.
	Kind = eval.Kind
	// LabelFigures say how labels compare with known ones.
	LabelFigures = eval.LabelFigures
	// NumberFigures say how far numbers are off.
	NumberFigures = eval.NumberFigures
	// Excluded counts the rows that it leaves out.
	Excluded = eval.Excluded
	// Scores are precision, recall and F1.
	Scores = eval.Scores
	// LabelScores are those of one label.
	LabelScores = eval.LabelScores
	// A Finding is one thing to know about an output.
	Finding = findings.Finding
	// A Calibration says how far the confidence that the model states can be believed.
	Calibration = eval.Calibration
	// A ConfidenceBand is the rows with a confidence between two bounds.
	ConfidenceBand = eval.ConfidenceBand
	// A Calibrated is the confidence as known labels correct it.
	Calibrated = eval.Calibrated
	// A CurvePoint is a confidence, and what known labels make of it.
	CurvePoint = eval.CurvePoint
	// A Judgement says how far the answers of an output can be believed.
	Judgement = cost.Judgement
	// A Review says which rows a person should look at.
	Review = eval.Review
	// A Confused counts the rows that were expected to have one label and got another.
	Confused = eval.Confused
)

// What a run would do and cost, which package plan defines.
type (
	// A Plan says what a run would ask, and what it would cost.
	Plan = plan.Plan
	// An Outlook is what a Plan takes from the answers so far.
	Outlook = plan.Outlook
	// A Forecast is a cost with its interval.
	Forecast = plan.Forecast
	// A Comparison is what the rows would cost in each service.
	Comparison = plan.Comparison
	// Batches are the jobs of the Batch API that a run would make.
	Batches = plan.Batches
	// A Way is a way to run a job, by the rows that share a call and by tier.
	Way = plan.Way
	// Measured is what pilots tell of a Way.
	Measured = plan.Measured
	// A Pace is what a run would ask of one model.
	Pace = plan.Pace
)

// Records of a job, which package record defines.
type (
	// A Row is one row of a job with what became of it; see [Job.Rows].
	Row = record.Row
	// A Selection says which rows [Show] shows.
	Selection = record.Selection
	// A RowRange is the rows from one number to another.
	RowRange = record.RowRange
	// A Detail is a row with all that its job knows of it.
	Detail = record.Detail
	// An AttemptCost is what one attempt cost.
	AttemptCost = record.AttemptCost
	// A Superseded is a result that does not count.
	Superseded = record.Superseded
	// Found are the rows that a Selection finds.
	Found = record.Found
	// An Owner is the process that runs a job.
	Owner = record.Owner
	// A Standing says what the file at the output's path is to the job.
	Standing = record.Standing
	// An InputStatus counts the rows of the input.
	InputStatus = record.InputStatus
	// A Survey says what a run that carries on is to do.
	Survey = record.Survey
	// A Pruning says which results [Prune] removes.
	Pruning = record.Pruning
	// A Pruned says what it removed.
	Pruned = record.Pruned
	// A Batch is a batch job at an endpoint.
	Batch = record.Batch
	// A Sample says how a run was at one moment.
	Sample = record.Sample
	// A RunHistory is one run of a job, as it went.
	RunHistory = record.RunHistory
	// Limits are limits to set by a [Control].
	Limits = record.Limits
	// A ControlState is how a run is steered.
	ControlState = record.ControlState
	// An InForce is a limit in force, and who set it.
	InForce = record.InForce
	// A Failure is a row of a run that is not ok.
	Failure = record.Failure
)

// What the file at the output's path is to a job; see [Status.Standing].
const (
	OutputUnwritten = record.Unwritten // no output was finished, and no file is there
	OutputCurrent   = record.Current   // the job would write the same again, as far as sizes and times tell
	OutputTouched   = record.Touched   // likewise, but times of inputs differ, as in a copy
	OutputOutdated  = record.Outdated  // the job has written it, from another input, job or journal
	OutputMissing   = record.Missing   // it was finished, and the file is not there any more
	OutputForeign   = record.Foreign   // the job has not written it, or it was changed since
	OutputUnseen    = record.Unseen    // it is an object, and its store could not be asked
)

// Errors that programs tell apart, beside [SpecError] and those of [batch.Run].
type (
	// A LockedError says that another process, or another Job of this one, runs the job.
	LockedError = record.LockedError
	// A LeaseError says that another machine works, or may work, with a state in an object store.
	LeaseError = record.LeaseError
	// A NotCopiedError says that the newest of a state is not in the object store yet.
	NotCopiedError = record.NotCopiedError
	// An OutputError says that a file was not replaced: it is not the job's, or is read-only.
	OutputError = record.OutputError
	// A BudgetError ends a run that has come to max_cost.
	BudgetError = record.BudgetError
	// A DeadlineError ends a run whose deadline has come.
	DeadlineError = record.DeadlineError
	// A DetachedError ends a run that leaves rows to batch jobs at the endpoint.
	DetachedError = record.DetachedError
	// A LostError ends a run whose journal was deleted, moved or cut.
	LostError = journal.LostError
	// A Damage is a place where the journal is not as it was written.
	Damage = journal.Damage
)

// Load reads a job file. An unknown key, or a value that it cannot have, is a [*SpecError]
// with its line and column, and a near name if there is one.
func Load(path string) (*Spec, error) { return spec.Load(path) }

// How it is known how sure the model is.
const (
	ConfidenceSaid     = spec.Said     // it is asked for a number
	ConfidenceLogprobs = spec.Logprobs // the probability of the label's tokens
)

// AllExpected returns what a job compares: what it expects, and what its questions expect
// where it says nothing of them itself.
func AllExpected(s *Spec) Expected { return spec.AllExpected(s) }

// ParseConfidence reads a setting as it is written in a job file: said, logprobs, true or false.
func ParseConfidence(text string) (Confidence, error) { return spec.ParseConfidence(text) }

// SchemaFile returns a Schema that is read from a file, once the job is opened.
func SchemaFile(path string) Schema { return spec.SchemaFile(path) }

// StateDirOf returns the default state folder of an output, as [ReadStatus] and [LoadState]
// take one: its path and ".genbatch".
func StateDirOf(output string) string { return spec.StateDirOf(output) }

// Version returns the version of genbatch that is running.
func Version() string { return version.Version() }

// GroupOf returns the key under which a job file has a key, such as summarize for words. It
// is empty for the job's own keys. It is for commands that make a Spec of flags.
func GroupOf(key string) string { return spec.GroupOf(key) }

// Guards returns the keys of a job file that must not be left empty where they are given, such
// as max_cost, and what is to be written for each. It is for commands that make a Spec of flags.
func Guards() map[string]string { return spec.Guards() }

// Blank is [spec.Blank].
func Blank(key, value string) bool { return spec.Blank(key, value) }
