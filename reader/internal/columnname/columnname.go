// Package columnname gives each column of a file a name of its own. Other programs write an index
// without a name, and names that come twice.
package columnname

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Unique returns the names with others for those that are empty or that came before, and a
// sentence without its end about them, which is empty if there are none. It keeps each name
// that some column has by itself.
func Unique(names []string) (unique []string, said string) {
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[name] = true
	}
	var changes []string
	used := make(map[string]bool, len(names))
	next := make(map[string]int) // the number to try next, by name
	unique = slices.Clone(names)
	for i, name := range names {
		if name == "" || used[name] {
			what, free := fmt.Sprintf("is another %q", name), name
			if name == "" {
				what, name = "has no name", "column_"+strconv.Itoa(i+1)
				free = name
			}
			for taken[free] {
				next[name] = max(2, next[name]+1)
				free = name + "_" + strconv.Itoa(next[name])
			}
			changes = append(changes, fmt.Sprintf("column %d %s and is called %q", i+1, what, free))
			name = free
		}
		taken[name], used[name] = true, true
		unique[i] = name
	}
	const most = 5
	if more := len(changes) - most; more > 0 {
		changes = append(changes[:most], fmt.Sprintf("%d more likewise", more))
	}
	return unique, strings.Join(changes, "; ")
}
