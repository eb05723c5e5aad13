package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/genbatch/genbatch/batch/quota"
	"github.com/genbatch/genbatch/internal/apijson"
	"github.com/genbatch/genbatch/internal/terminal"
)

// Limits shows what earlier runs left about the limits of models.
type Limits struct {
	Kept  []quota.Kept // in the order of quota.List
	Model string       // whose limits were asked for; empty means those of all models
}

func (l Limits) String() string {
	switch {
	case len(l.Kept) > 0:
	case l.Model != "":
		return terminal.Paragraph(fmt.Sprintf("Nothing is kept about the limits of %s; genbatch limits shows what is kept of all models.\n", terminal.Name(l.Model)))
	default:
		return "Nothing is kept about limits: no run has learned one in the last 24 hours, or\ncounted requests today.\n"
	}
	var b strings.Builder
	byKey := severalKeys(l.Kept)
	for i := range l.Kept {
		k := &l.Kept[i]
		fmt.Fprint(&b, terminal.Paragraph(placeText(k, byKey)+"\n"))
		w := newTable(&b)
		for _, learned := range k.Learned {
			fmt.Fprintf(w, "  %s\t%s\t%s ago\n", limitText(learned), knownText(learned), oneUnit(time.Since(learned.At)))
		}
		w.Flush()
		if day := dayText(&k.Known); day != "" {
			fmt.Fprintf(&b, "  %s\n", day)
		}
	}
	return b.String()
}

// placeText says of which model limits are, at which endpoint and, if there are several, of
// which key.
func placeText(k *quota.Kept, byKey bool) string {
	text := fmt.Sprintf("%s at %s", terminal.Name(k.Model), terminal.Line(k.Endpoint, terminal.Columns))
	if byKey {
		text += ", key " + terminal.Name(keyText(k.Key))
	}
	return text
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
		for _, limit := range k.Learned {
			fmt.Fprint(&b, terminal.Paragraph(fmt.Sprintf("forgot: %v (%s)\n", limit, placeText(k, byKey))))
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
	return apijson.Marshal(sorted[modelLimitsJSON]{record})
}
