package planner

import (
	"math"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/jobs/plan"
)

// An observation is one call, of a row or of several: the estimated tokens of its prompt, and what
// all attempts of its rows cost in pico-dollars. Rows that share a call share what it costs, and
// tell no more of other calls than one row does.
type observation struct{ tokens, cost float64 }

// fewestObservations is the number of observations that a forecast needs. Fewer do not tell
// how much rows differ.
const fewestObservations = 5

// forecast returns what so many calls, with so many estimated tokens in all, will cost. It is
// false without calls, or with too few observations.
//
// The mean comes from a linear regression of the cost on the tokens of the prompt. These
// explain the cost of the input, and how far longer prompts have longer answers. Thinking
// does not depend on the prompt's length, and so is in the residuals. They make the interval,
// which covers both the error of the fit and the chance in the calls to come.
//
// The residuals are skewed, since the model thinks ten times as long about some rows as about
// others. The interval is shifted for that after Johnson, Modified t tests and confidence
// intervals for asymmetrical populations, 1978.
func forecast(known []observation, calls, tokens float64) (f plan.Forecast, ok bool) {
	n := float64(len(known))
	if len(known) < fewestObservations || calls == 0 {
		return f, false
	}
	var meanX, meanY float64
	for _, o := range known {
		meanX += o.tokens / n
		meanY += o.cost / n
	}
	var sxx, sxy float64
	for _, o := range known {
		sxx += (o.tokens - meanX) * (o.tokens - meanX)
		sxy += (o.tokens - meanX) * (o.cost - meanY)
	}
	slope := 0.0
	if sxx > 0 {
		slope = sxy / sxx
	}
	var square, cube float64
	for _, o := range known {
		r := o.cost - meanY - slope*(o.tokens-meanX)
		square += r * r
		cube += r * r * r
	}
	free := n - 2
	variance := square / free
	away := tokens/calls - meanX
	each := meanY + slope*away
	fit := variance / n
	if sxx > 0 {
		fit += variance * away * away / sxx
	}
	spread := student(free) * math.Sqrt(calls*calls*fit+calls*variance)
	shift := 0.0
	if variance > 0 {
		shift = calls * (cube / n) / (6 * variance * n)
	}
	mean := max(0, calls*each)
	amount := func(x float64) price.USD { return price.USD(min(max(0, x), 9e18)) }
	return plan.Forecast{
		Answers: int64(len(known)), Mean: amount(mean), Low: amount(mean + shift - spread), High: amount(mean + shift + spread),
	}, true
}

// student returns the 95th percentile of Student's t distribution with so many degrees of
// freedom, so that 5 % are left at either end. It is the Cornish-Fisher expansion of Abramowitz
// and Stegun, 26.7.5, which is within 1 % from 3 degrees of freedom on.
func student(free float64) float64 {
	const z = 1.6448536269514722 // the same percentile of the normal distribution
	g1 := (z*z*z + z) / 4
	g2 := (5*math.Pow(z, 5) + 16*z*z*z + 3*z) / 96
	g3 := (3*math.Pow(z, 7) + 19*math.Pow(z, 5) + 17*z*z*z - 15*z) / 384
	return z + g1/free + g2/(free*free) + g3/(free*free*free)
}
