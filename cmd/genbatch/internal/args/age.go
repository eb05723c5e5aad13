package args

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/genbatch/genbatch/jobs"
)

// agePattern matches a number of days and a duration. Either may be left out.
var agePattern = regexp.MustCompile(`^(?:(\d+)d)?(.*)$`)

// ParseAge reads a duration that may begin with days: 30d, 1d12h, 90m.
func ParseAge(text string) (time.Duration, error) {
	wrong := &jobs.SpecError{Err: fmt.Errorf("older-than is %q", text), Hint: "write --older-than 30d, 36h or 1d12h"}
	m := agePattern.FindStringSubmatch(text)
	var d time.Duration
	if m[2] != "" {
		var err error
		if d, err = time.ParseDuration(m[2]); err != nil {
			return 0, wrong
		}
	}
	if m[1] != "" {
		const day = 24 * time.Hour
		days, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || d < 0 || days > int64((math.MaxInt64-d)/day) {
			return 0, wrong
		}
		d += time.Duration(days) * day
	}
	if d <= 0 {
		return 0, wrong
	}
	return d, nil
}
