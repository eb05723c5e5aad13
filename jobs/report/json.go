package report

import (
	"encoding/json"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/apijson"
)

// A sorted struct is written with its keys in order. The struct can then be put together
// of embedded ones, such as the totals that several records have, and the order of its
// fields is free to follow their meaning.
type sorted[T any] struct{ fields T }

// MarshalJSON implements json.Marshaler, without escapes for HTML. T must not implement it,
// neither by itself nor by an embedded struct.
func (s sorted[T]) MarshalJSON() ([]byte, error) {
	text, err := apijson.Marshal(s.fields)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	return apijson.Marshal(object) // maps are written in the order of their keys
}

// dollars is an amount as it is written in JSON.
type dollars price.USD

// MarshalJSON implements json.Marshaler. It writes all digits of the amount, which a
// float could not hold.
func (d dollars) MarshalJSON() ([]byte, error) { return []byte(price.USD(d).String()), nil }

// known returns nil, which is written as null, for the 0 that stands for a number that is
// not there or not known.
func known[N ~int64 | ~float64](n N) *N {
	if n == 0 {
		return nil
	}
	return &n
}

// wholeCost is a cost as JSON. It is nil, which is written as null, if any call's price
// is not known.
func wholeCost(cost price.USD, unpriced int64) *dollars {
	if unpriced > 0 {
		return nil
	}
	return new(dollars(cost))
}
