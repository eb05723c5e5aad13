package price

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// USD is an amount of money in pico-dollars (1e-12 USD). A price of 1 USD per million
// tokens is 1e6 pico-dollars per token, so costs are exact. The largest amount is about
// 9.2 million dollars.
type USD int64

// Dollar is one dollar.
const Dollar USD = 1e12

// ParseUSD reads a decimal number of dollars, such as "5", "0.075" or "7.5e-2". The
// amount must be a whole number of pico-dollars, and must fit into USD.
func ParseUSD(s string) (USD, error) {
	// big.Rat also reads fractions and other bases, and allocates for any exponent.
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(s), "e")
	if len(mantissa) > 64 || strings.Trim(mantissa, "+-.0123456789") != "" {
		return 0, fmt.Errorf("%.80q is not a decimal number of dollars", s)
	}
	if hasExponent {
		if e, err := strconv.Atoi(exponent); err != nil || e < -64 || e > 64 {
			return 0, fmt.Errorf("%.80q is not a decimal number of dollars", s)
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return 0, fmt.Errorf("%.80q is not a decimal number of dollars", s)
	}
	r.Mul(r, new(big.Rat).SetInt64(int64(Dollar)))
	if !r.IsInt() {
		return 0, fmt.Errorf("%s dollars are finer than a pico-dollar (12 decimals)", s)
	}
	if !r.Num().IsInt64() {
		return 0, fmt.Errorf("%s dollars are too much: the largest amount is 9223372", s)
	}
	return USD(r.Num().Int64()), nil
}

// String returns the exact amount as a decimal number without exponent: "0.0001234".
func (u USD) String() string {
	s := strings.TrimRight(decimal(u.magnitude()), "0")
	s = strings.TrimSuffix(s, ".")
	if u < 0 {
		s = "-" + s
	}
	return s
}

// Format returns the amount rounded to a number of decimals from 0 to 12, such as "12.35".
// Halves are rounded away from zero.
func (u USD) Format(decimals int) string {
	decimals = min(max(0, decimals), 12)
	unit := uint64(Dollar)
	for range decimals {
		unit /= 10
	}
	n := u.magnitude()
	n = (n + unit/2) / unit * unit
	s := decimal(n)
	s = s[:len(s)-12+decimals]
	s = strings.TrimSuffix(s, ".")
	if u < 0 && n > 0 {
		s = "-" + s
	}
	return s
}

// decimal returns the amount with all 12 decimals.
func decimal(n uint64) string {
	return fmt.Sprintf("%d.%012d", n/uint64(Dollar), n%uint64(Dollar))
}

// magnitude returns the amount without its sign. Unlike -u, it is right for the lowest
// int64 too.
func (u USD) magnitude() uint64 {
	if u < 0 {
		return uint64(-(u + 1)) + 1
	}
	return uint64(u)
}
