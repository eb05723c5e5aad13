package answer

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/internal/sim/wire"
)

// arithmetic finds an operation on two numbers.
var arithmetic = regexp.MustCompile(`(-?\d+(?:\.\d+)?)\s*([-+*/])\s*(\d+(?:\.\d+)?)`)

// runCode writes a program for the prompt, and runs it. The program computes the first
// operation in the prompt, or adds up its numbers, or counts its characters.
func (t *Turn) runCode(r *Reply) {
	p := t.Prompt
	code, output, failed := "", "", false
	if m := arithmetic.FindStringSubmatch(p.User); m != nil {
		code = "print(" + m[1] + " " + m[2] + " " + m[3] + ")"
		output, failed = calculate(m[1], m[2], m[3])
	} else if n := numbersIn(subjectOf(p)); len(n) > 1 {
		total := 0.0
		var items []string
		for _, v := range n {
			total += v
			items = append(items, strconv.FormatFloat(v, 'f', -1, 64))
		}
		code = "values = [" + strings.Join(items, ", ") + "]\nprint(sum(values))"
		output = strconv.FormatFloat(total, 'f', -1, 64)
	} else {
		text := wire.Clip(p.User, 60)
		code = "print(len(" + strconv.Quote(text) + "))"
		output = strconv.Itoa(len([]rune(text)))
	}
	result := &codeResult{"OUTCOME_OK", output + "\n"}
	if failed {
		result.Outcome = "OUTCOME_FAILED"
	}
	ex := &r.extras
	ex.before = append(ex.before, part{Code: &executableCode{"PYTHON", code + "\n"}}, part{Result: result})
	ex.toolTokens += 40 + wire.CountText(code) + wire.CountText(output)
	if t.Request.Schema == nil {
		r.text = "The result is " + output + "."
		if failed {
			r.text = "The calculation failed: " + output
		}
	}
}

// calculate returns what Python prints for an operation on two numbers.
func calculate(left, op, right string) (output string, failed bool) {
	a, okA := new(big.Rat).SetString(left)
	b, okB := new(big.Rat).SetString(right)
	if !okA || !okB {
		return "ValueError: no number", true
	}
	out := new(big.Rat)
	switch op {
	case "+":
		out.Add(a, b)
	case "-":
		out.Sub(a, b)
	case "*":
		out.Mul(a, b)
	case "/":
		if b.Sign() == 0 {
			return "ZeroDivisionError: division by zero", true
		}
		out.Quo(a, b)
	}
	if out.IsInt() && op != "/" && !strings.Contains(left+right, ".") {
		return out.Num().String(), false
	}
	f, _ := out.Float64()
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s, false
}
