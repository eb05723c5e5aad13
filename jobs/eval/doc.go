// Package eval compares the values that a model gave with known ones. It tells how good the
// answers are, as far as a sample of rows with known values can tell.
//
// An [Evaluator] is a fold over the rows of an output: [New] makes one from a [Config], which
// says of which [Kind] the values are, [Evaluator.Add] takes a row with its [Answer], and
// [Evaluator.Result] returns the [Evaluation] of what was added. An Evaluation is a record of
// figures: accuracy with its confidence interval, and what there is of each kind. Labels have
// precision, recall and F1 of each, the confusion of labels, and the [Calibration] of the
// confidence that the model states; numbers have their errors; sets have the scores of their
// items.
//
// The figures are those of scikit-learn, which most people compare with; where this package
// has to decide something that scikit-learn leaves to its caller, the field says what.
//
// The package knows nothing of jobs, prompts and answers beyond what its Config says, so
// that values of any origin can be compared.
package eval
