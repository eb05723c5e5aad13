package eval

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/jobs/internal/stats"
)

// A Tolerance says how much a right number may be off: in itself, or as a share of the
// expected one. The zero value is not at all.
type Tolerance struct {
	text  string
	most  *big.Rat // nil for none
	share bool     // of the expected number
}

// ParseTolerance reads a tolerance such as 0.01, or 1% of the expected number. An empty text
// is none.
func ParseTolerance(text string) (Tolerance, error) {
	if text == "" {
		return Tolerance{}, nil
	}
	number, share := strings.CutSuffix(text, "%")
	most, err := parseNumber(number)
	if err != nil || most.Sign() < 0 {
		return Tolerance{}, fmt.Errorf("%q is no tolerance, such as 0.01 or 1%%", text)
	}
	if share {
		most.Quo(most, big.NewRat(100, 1))
	}
	return Tolerance{text, most, share}, nil
}

// holds reports whether a number is as the expected one, within the tolerance.
func (t Tolerance) holds(expected, given *big.Rat) bool {
	off := new(big.Rat).Sub(given, expected)
	off.Abs(off)
	if t.most == nil {
		return off.Sign() == 0
	}
	most := t.most
	if t.share {
		most = new(big.Rat).Abs(new(big.Rat).Mul(t.most, expected))
	}
	return off.Cmp(most) <= 0
}

// numbers compare numbers. They are compared as the decimals that they are written as: 0.3 is
// within 0.01 of 0.29, which floating point would deny.
type numbers struct {
	tolerance Tolerance
	errors    []float64 // of all rows, eight bytes each: their median needs them
}

func (n *numbers) add(known string, g *Answer, counts bool) (bool, error) {
	if isNull(known) {
		return g.OK && g.Text == "", nil
	}
	expected, err := parseNumber(known)
	if err != nil {
		return false, err
	}
	given, err := parseNumber(g.Text)
	if !g.OK || err != nil {
		return false, nil
	}
	if counts {
		off, _ := new(big.Rat).Sub(given, expected).Float64()
		n.errors = append(n.errors, off)
	}
	return n.tolerance.holds(expected, given), nil
}

func (n *numbers) finish(e *Evaluation) {
	e.Numbers = &NumberFigures{Tolerance: n.tolerance.text, Rows: int64(len(n.errors))}
	if len(n.errors) > 0 {
		e.Numbers.MeanAbsoluteError = new(stats.MeanAbsoluteError(n.errors))
		e.Numbers.MedianAbsoluteError = new(stats.MedianAbsoluteError(n.errors))
		e.Numbers.MeanError = new(stats.Mean(n.errors))
	}
}

// parseNumber reads a decimal number, without separators of thousands: whether 1,234 is one
// with them or one with a decimal comma, the cell alone does not tell.
func parseNumber(text string) (*big.Rat, error) {
	const longest = 100 // digits of numbers are computed with as they are
	text = strings.TrimSpace(text)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || len(text) > longest {
		return nil, fmt.Errorf("%q is no number", text)
	}
	if strings.ContainsAny(text, "eExX_pP") { // 1e-300 has too many digits
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("%q is no number", text)
	}
	return n, nil
}

// isNull reports whether a cell says that its value is known to be absent.
func isNull(known string) bool { return strings.TrimSpace(known) == Null }
