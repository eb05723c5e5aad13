// Package logprobs knows what log probabilities are good for, and whether an endpoint serves
// them.
//
// An answer comes with its [Tokens] and the probability of each. So the label in it is as
// probable as the tokens that spell it. Few models serve them, some refuse the question, and
// gateways leave them out without a word. Only an answer tells, so that a [Watch] looks at the
// first of a run, and remembers for a day what it saw.
package logprobs
