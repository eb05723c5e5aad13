package template

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/genbatch/genbatch/internal/apijson"
)

// A fault is a mistake in how a template uses a row's values. It is an error of the row,
// and of the job if all rows have it.
type fault struct{ text string }

// Error returns what is wrong.
func (f *fault) Error() string { return f.text }

func faultf(format string, args ...any) error { return &fault{fmt.Sprintf(format, args...)} }

// IsFault reports whether an error of [Template.Render] says that the template does with the
// row's values what cannot be done with them.
func IsFault(err error) bool {
	_, ok := errors.AsType[*fault](err)
	return ok
}

// A function is one that templates can call.
type function struct {
	least, most int  // how many arguments it takes; any number if most is 0
	asks        bool // it takes what the row lacks for null
	call        func(args []any) (any, error)
}

// functions are those of templates. They take the place of text/template's own of the same
// names, which know no null and no numbers as they are written, except for and and or.
// None reads files, the environment or the network, and none must: templates come from job
// files that people pass on.
var functions = map[string]function{
	"json":     {1, 1, false, func(a []any) (any, error) { text, err := apijson.Marshal(a[0]); return string(text), err }},
	"trim":     {1, 1, false, textFunc(strings.TrimSpace)},
	"lower":    {1, 1, false, textFunc(strings.ToLower)},
	"upper":    {1, 1, false, textFunc(strings.ToUpper)},
	"truncate": {2, 2, false, truncate},
	"default":  {2, 2, true, defaultTo},
	"join":     {2, 2, false, join},
	"num":      {1, 1, true, toNumber},

	"not":   {1, 1, true, func(a []any) (any, error) { return !isTrue(a[0]), nil }},
	"len":   {1, 1, true, length},
	"index": {2, 0, true, index},
	"slice": {1, 3, false, slice},

	"eq": {2, 0, true, equal},
	"ne": {2, 2, true, func(a []any) (any, error) { same, err := equal(a); return same != true, err }},
	"lt": {2, 2, true, ordering("lt", func(c int) bool { return c < 0 })},
	"le": {2, 2, true, ordering("le", func(c int) bool { return c <= 0 })},
	"gt": {2, 2, true, ordering("gt", func(c int) bool { return c > 0 })},
	"ge": {2, 2, true, ordering("ge", func(c int) bool { return c >= 0 })},

	"print":    {0, 0, false, func(a []any) (any, error) { return fmt.Sprint(a...), nil }},
	"println":  {0, 0, false, func(a []any) (any, error) { return fmt.Sprintln(a...), nil }},
	"printf":   {1, 0, false, printf},
	"html":     {1, 0, false, func(a []any) (any, error) { return template.HTMLEscaper(a...), nil }},
	"js":       {1, 0, false, func(a []any) (any, error) { return template.JSEscaper(a...), nil }},
	"urlquery": {1, 0, false, func(a []any) (any, error) { return template.URLQueryEscaper(a...), nil }},
	"call":     {1, 0, false, func([]any) (any, error) { return nil, faultf("call: a row holds nothing that can be called") }},
}

// functionNames returns what templates can call, for messages.
func functionNames() []string {
	names := append(slices.Collect(maps.Keys(functions)), "and", "or")
	slices.Sort(names)
	return names
}

// templateFuncs are the functions in text/template's form, with those that rewritten
// templates call.
func templateFuncs() template.FuncMap {
	m := template.FuncMap{"_get": get, "_out": textOf, "_true": trueOrNil, "_items": items, "_pairs": pairs}
	for name, f := range functions {
		m[name] = func(args ...any) (any, error) { return f.checked(name, args) }
	}
	return m
}

// checked calls the function after it has checked the number of arguments, and that none
// is missing.
func (f function) checked(name string, args []any) (any, error) {
	if len(args) < f.least || f.most > 0 && len(args) > f.most {
		want := fmt.Sprintf("%d", f.least)
		switch {
		case f.most == 0:
			want += " or more"
		case f.most > f.least:
			want = fmt.Sprintf("%d to %d", f.least, f.most)
		}
		return nil, faultf("%s is given %d arguments, and takes %s", name, len(args), want)
	}
	for i, a := range args {
		if a == nil {
			args[i] = null{}
		}
		if m, is := a.(missing); is && !f.asks {
			return nil, m
		}
	}
	return f.call(args)
}

// trueOrNil returns a value that counts as true, and nil for any other, since text/template
// takes each number that is written with a point for true.
func trueOrNil(v any) any {
	if isTrue(v) {
		return v
	}
	return nil
}

// items returns what range goes over, with the values alone.
func items(v any) (any, error) {
	if t, is := v.(*tree); is && !t.isList() {
		return func(yield func(any) bool) {
			for _, x := range t.members() {
				if !yield(x) {
					return
				}
			}
		}, nil
	}
	return pairs(v)
}

// pairs returns what range goes over, with indexes or names beside the values.
func pairs(v any) (any, error) {
	switch v := v.(type) {
	case nil, null, missing:
		return []any(nil), nil
	case *tree:
		if v.isList() {
			return v.list(), nil
		}
		return (func(func(string, any) bool))(v.members()), nil
	case rowData, int, int64:
		return v, nil
	}
	return nil, faultf("range goes over lists and objects, not over %s", describe(v))
}

// textFunc returns what makes another text of a value's.
func textFunc(f func(string) string) func([]any) (any, error) {
	return func(a []any) (any, error) {
		text, err := textOf(a[0])
		return f(text), err
	}
}

// truncate returns the first characters of a text.
func truncate(a []any) (any, error) {
	n, err := whole("truncate", a[0])
	if err != nil {
		return nil, err
	}
	text, err := textOf(a[1])
	return firstCharacters(text, n), err
}

// firstCharacters returns the first n characters of a text.
func firstCharacters(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// whole returns an argument that counts something.
func whole(name string, v any) (int, error) {
	if r, ok := exact(v); ok && r.IsInt() && r.Sign() >= 0 && r.Num().IsInt64() && r.Num().Int64() <= math.MaxInt32 {
		return int(r.Num().Int64()), nil
	}
	return 0, faultf("%s wants a whole number that is not negative, not %s", name, describe(v))
}

// defaultTo returns its first argument when the second is null or empty.
func defaultTo(a []any) (any, error) {
	switch a[1] {
	case null{}, "":
		return a[0], nil
	}
	if _, is := a[1].(missing); is {
		return a[0], nil
	}
	return a[1], nil
}

// join returns the texts of a list's items with a separator between them.
func join(a []any) (any, error) {
	separator, err := textOf(a[0])
	if err != nil {
		return nil, err
	}
	t, isTree := a[1].(*tree)
	if a[1] == (null{}) {
		return "", nil
	}
	if !isTree || !t.isList() {
		return nil, faultf("join wants a list, not %s", describe(a[1]))
	}
	var texts []string
	for _, item := range t.list() {
		text, err := textOf(item)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, separator), nil
}

// toNumber returns the number that a text holds. An empty one is null.
func toNumber(a []any) (any, error) {
	switch v := a[0].(type) {
	case null, missing:
		return null{}, nil
	case int, int64, float64, number:
		return v, nil
	case string:
		text := strings.TrimSpace(v)
		if text == "" {
			return null{}, nil
		}
		// ParseFloat also takes what only programs write: 0x1p-2, 1_000, inf.
		if _, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpP_nN") {
			return numberValue(strings.TrimPrefix(text, "+")), nil
		}
	}
	return nil, faultf("num wants a number such as 3 or 0.5, not %s", describe(a[0]))
}

// length returns how many items, members or characters a value has.
func length(a []any) (any, error) {
	switch v := a[0].(type) {
	case null, missing:
		return 0, nil
	case string:
		return utf8.RuneCountInString(v), nil
	case *tree:
		return v.size(), nil
	case rowData:
		return len(v), nil
	}
	return nil, faultf("len wants a text, a list or an object, not %s", describe(a[0]))
}

// index returns what stands in a value under each of the keys, one in the other: names in
// the row and in objects, numbers from 0 in lists.
func index(a []any) (any, error) {
	v := a[0]
	for _, key := range a[1:] {
		name, isName := key.(string)
		t, isTree := v.(*tree)
		var err error
		switch {
		case isTree && t.isList():
			n, wrong := whole("index", key)
			if wrong != nil {
				return nil, wrong
			}
			if list := t.list(); n < len(list) {
				v = list[n]
			} else {
				v = missing{fmt.Sprintf("item [%d] of %s", n, describe(t))}
			}
			continue
		case isName:
			v, err = get(v, name)
		case v == null{}:
		default:
			if _, is := v.(missing); !is {
				return nil, faultf("index cannot look for %s in %s", describe(key), describe(v))
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

// slice returns the part of a text, in bytes, or of a list between two indexes.
func slice(a []any) (any, error) {
	t, isTree := a[0].(*tree)
	text, isText := a[0].(string)
	var list []any
	size := len(text)
	switch {
	case isTree && t.isList():
		list = t.list()
		size = len(list)
	case !isText:
		return nil, faultf("slice wants a text or a list, not %s", describe(a[0]))
	}
	bounds := [2]int{0, size}
	for i, v := range a[1:] {
		n, err := whole("slice", v)
		if err != nil {
			return nil, err
		}
		bounds[i] = n
	}
	if bounds[0] > bounds[1] || bounds[1] > size {
		return nil, faultf("slice is to go from %d to %d, and %s has %d", bounds[0], bounds[1], describe(a[0]), size)
	}
	if isText {
		return text[bounds[0]:bounds[1]], nil
	}
	raw, err := apijson.Marshal(list[bounds[0]:bounds[1]])
	return &tree{raw}, err
}

// printf formats values as fmt does, and makes an error of what fmt only notes in the text.
func printf(a []any) (any, error) {
	format, isText := a[0].(string)
	if !isText {
		return nil, faultf("printf wants a format such as \"%%.2f\" first, not %s", describe(a[0]))
	}
	values := slices.Clone(a[1:])
	own := strings.Count(format, "%!") // of the texts themselves
	for i, v := range values {
		own += strings.Count(fmt.Sprint(v), "%!")
		if n, is := v.(int64); is {
			values[i] = number(strconv.FormatInt(n, 10)) // it has all verbs
		}
	}
	text := fmt.Sprintf(format, values...)
	if strings.Count(text, "%!") > own {
		given := make([]string, len(values))
		for i, v := range values {
			given[i] = describe(v)
		}
		return nil, faultf("printf %q cannot write %s; num makes a number of a text", format, strings.Join(given, " and "))
	}
	return text, nil
}

// equal reports whether the first value equals any of the others.
func equal(a []any) (any, error) {
	for _, other := range a[1:] {
		c, ordered, err := compare("eq", a[0], other)
		if err != nil {
			return nil, err
		}
		if ordered && c == 0 {
			return true, nil
		}
	}
	return false, nil
}

// ordering returns what compares two values that have an order. Null is neither less nor
// greater than anything.
func ordering(name string, holds func(c int) bool) func([]any) (any, error) {
	return func(a []any) (any, error) {
		c, ordered, err := compare(name, a[0], a[1])
		return ordered && holds(c), err
	}
}

// compare returns how two values are ordered. It reports false for null and NaN, which have
// no order. Null equals null, and the empty text, as which CSV files have it. An error is
// one of values of different kinds.
func compare(name string, a, b any) (c int, ordered bool, err error) {
	isNull := func(v any) bool { _, lacks := v.(missing); return lacks || v == null{} }
	x, isText := a.(string)
	y, areTexts := b.(string)
	areTexts = areTexts && isText
	p, isBool := a.(bool)
	q, areBools := b.(bool)
	switch {
	case isNull(a) || isNull(b):
		return 0, name == "eq" && (isNull(a) || a == "") && (isNull(b) || b == ""), nil
	case areTexts:
		return strings.Compare(x, y), true, nil
	case isBool && areBools && name == "eq":
		if p != q {
			c = 1
		}
		return c, true, nil
	case isNumber(a) && isNumber(b):
		r, ok := exact(a)
		s, ok2 := exact(b)
		if !ok || !ok2 {
			return 0, false, nil
		}
		return r.Cmp(s), true, nil
	}
	hint := ""
	if _, is := a.(string); is && isNumber(b) {
		hint = fmt.Sprintf("; columns of CSV files are texts: write %s (num .column) %v", name, b)
	} else if _, is := b.(string); is && isNumber(a) {
		hint = "; write the number without quotes"
	}
	return 0, false, faultf("%s cannot compare %s with %s%s", name, describe(a), describe(b), hint)
}
