package plan

import (
	"math"

	"github.com/genbatch/genbatch/batch/price"
)

// A Forecast is what rows that were not asked yet will cost.
type Forecast struct {
	Answers int64     `json:"answers"` // that it is derived from
	Mean    price.USD `json:"mean_picousd"`
	Low     price.USD `json:"low_picousd"` // and High: the bounds of a 90 % interval
	High    price.USD `json:"high_picousd"`
}

// An observation is one answered row: the estimated tokens of its prompt, and what
// all its attempts cost, in pico-dollars.
type observation struct{ tokens, cost float64 }

// fewestObservations are those that a forecast needs: with fewer there is no
// telling how far rows differ.
const fewestObservations = 5

// forecast says what so many rows with so many estimated tokens in all will cost:
// by regression on the length of the prompt, which carries the cost of the input
// and what longer prompts make of the output. Thinking, which no prompt foretells,
// is in the residuals, and those make the interval: for the error of the fit and for
// the chance in the rows to come. They are skewed, since some rows are thought about
// ten times as long as others, for which the interval is shifted after Johnson
// (Modified t tests and confidence intervals for asymmetrical populations, 1978).
func forecast(known []observation, rows, tokens float64) (f Forecast, ok bool) {
	n := float64(len(known))
	if len(known) < fewestObservations || rows == 0 {
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
	away := tokens/rows - meanX
	each := meanY + slope*away
	fit := variance / n
	if sxx > 0 {
		fit += variance * away * away / sxx
	}
	spread := student(free) * math.Sqrt(rows*rows*fit+rows*variance)
	shift := 0.0
	if variance > 0 {
		shift = rows * (cube / n) / (6 * variance * n)
	}
	mean := max(0, rows*each)
	amount := func(x float64) price.USD { return price.USD(min(max(0, x), 9e18)) }
	return Forecast{
		Answers: int64(len(known)), Mean: amount(mean), Low: amount(mean + shift - spread), High: amount(mean + shift + spread),
	}, true
}

// student returns the 95th percentile of Student's distribution, which leaves 5 % at
// either end: the Cornish-Fisher expansion around the normal one. Abramowitz and
// Stegun 26.7.5; it is within 1 % from 3 degrees of freedom on.
func student(free float64) float64 {
	const z = 1.6448536269514722
	g1 := (z*z*z + z) / 4
	g2 := (5*math.Pow(z, 5) + 16*z*z*z + 3*z) / 96
	g3 := (3*math.Pow(z, 7) + 19*math.Pow(z, 5) + 17*z*z*z - 15*z) / 384
	return z + g1/free + g2/(free*free) + g3/(free*free*free)
}
