package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/quota"
)

// Limits shows what earlier runs left about the limits of models, as a table.
type Limits struct {
	Kept  []quota.Kept // in the order of quota.List
	Model string       // whose limits were asked for; empty means those of all models
}

func (l Limits) String() string {
	switch {
	case len(l.Kept) > 0:
	case l.Model != "":
		return fmt.Sprintf("Nothing is kept about the limits of %s; genbatch limits shows what is kept of all models.\n", l.Model)
	default:
		return "Nothing is kept about limits: no run has learned one in the last 24 hours, or counted requests today.\n"
	}
	var b strings.Builder
	w := newTable(&b)
	// What follows the model is one cell: the requests of the day fit into no column.
	limit := l.limitFormat()
	byKey, key := severalKeys(l.Kept), ""
	if byKey {
		key = "KEY\t"
	}
	fmt.Fprintf(w, "ENDPOINT\tMODEL\t%s"+limit, key, "LIMIT", "KNOWN", "AGE")
	for i := range l.Kept {
		k := &l.Kept[i]
		if byKey {
			key = keyText(k.Key) + "\t"
		}
		place := k.Endpoint + "\t" + k.Model + "\t" + key
		for _, learned := range k.Learned {
			fmt.Fprintf(w, "%s"+limit, place, limitText(learned), knownText(learned), oneUnit(time.Since(learned.At))+" ago")
		}
		if day := dayText(&k.Known); day != "" {
			fmt.Fprintf(w, "%s%s\n", place, day)
		}
	}
	w.Flush()
	return b.String()
}

// limitFormat returns the format of a limit, how it is known and its age, as wide as the
// widest of each.
func (l Limits) limitFormat() string {
	limit, known := len("LIMIT"), len("KNOWN")
	for i := range l.Kept {
		for _, learned := range l.Kept[i].Learned {
			limit, known = max(limit, len(limitText(learned))), max(known, len(knownText(learned)))
		}
	}
	return fmt.Sprintf("%%-%ds  %%-%ds  %%s\n", limit, known)
}

func limitText(l quota.Learned) string { return Count(l.Value) + " " + l.Limit }

func knownText(l quota.Learned) string {
	if l.Estimated {
		return "estimated"
	}
	return "named by the server"
}

// severalKeys reports whether more than one key is kept for an endpoint and model.
func severalKeys(kept []quota.Kept) bool {
	for i := 1; i < len(kept); i++ {
		if kept[i].Endpoint == kept[i-1].Endpoint && kept[i].Model == kept[i-1].Model {
			return true
		}
	}
	return false
}

// keyText tells keys apart. Eight digits of an id are enough for that, and a group is known
// by its name.
func keyText(id string) string {
	const digits = 8
	switch {
	case id == "":
		return "none"
	case strings.HasPrefix(id, quota.GroupID("")):
		return id
	}
	return id[:min(len(id), digits)]
}

// dayText says what is known of the requests of the day. It is empty if they are not counted.
func dayText(k *quota.Known) string {
	var parts []string
	if k.Used > 0 {
		parts = append(parts, Many(int64(k.Used), "request")+" today")
	}
	if !k.ParkedUntil.IsZero() {
		until := k.ParkedUntil.In(k.Reset.Location()) // the zone in which the day ends
		parts = append(parts, "used up until "+until.Format("2006-01-02 15:04 MST"))
	}
	return strings.Join(parts, ", ")
}

// ForgottenLimits shows which learned limits were forgotten.
type ForgottenLimits struct {
	Forgotten []quota.Kept // as they were before, in the order of quota.List
}

func (f ForgottenLimits) String() string {
	const days = "The requests of the day are kept.\n"
	if len(f.Forgotten) == 0 {
		return "There is no learned limit to forget. " + days
	}
	var b strings.Builder
	byKey := severalKeys(f.Forgotten)
	for i := range f.Forgotten {
		k := &f.Forgotten[i]
		where := fmt.Sprintf("model %s at %s", k.Model, k.Endpoint)
		if byKey {
			where += ", key " + keyText(k.Key)
		}
		for _, limit := range k.Learned {
			fmt.Fprintf(&b, "forgot: %v (%s)\n", limit, where)
		}
	}
	return b.String() + days
}

// ModelLimits is what earlier runs left about the limits of one model, as JSON.
type ModelLimits struct {
	Kept      *quota.Kept
	Forgotten bool // the learned limits are not kept any more
}

// modelLimitsJSON is [ModelLimits] as JSON.
type modelLimitsJSON struct {
	Type          string          `json:"type"`
	Endpoint      string          `json:"endpoint"`
	Model         string          `json:"model"`
	Key           string          `json:"key"` // an id, or "group NAME"
	Learned       []quota.Learned `json:"learned"`
	RequestsToday int             `json:"requests_today"` // 0: none, or they are not counted
	UsedUpUntil   *time.Time      `json:"used_up_until"`  // null: the quota of the day is not used up
}

// MarshalJSON implements json.Marshaler.
func (m ModelLimits) MarshalJSON() ([]byte, error) {
	k := m.Kept
	record := modelLimitsJSON{
		Type: "limits", Endpoint: k.Endpoint, Model: k.Model, Key: k.Key,
		Learned: append([]quota.Learned{}, k.Learned...), RequestsToday: k.Used,
	}
	if m.Forgotten {
		record.Type = "forgotten_limits"
	}
	if !k.ParkedUntil.IsZero() {
		record.UsedUpUntil = &k.ParkedUntil
	}
	return marshal(sorted[modelLimitsJSON]{record})
}
