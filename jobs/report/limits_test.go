package report

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/genbatch/genbatch/batch/quota"
)

// someLimits are those of three models, of which one was asked with two keys and by a group.
func someLimits(now time.Time) []quota.Kept {
	angeles := time.FixedZone("PST", -8*60*60)
	reset := time.Date(2026, 11, 29, 0, 0, 0, 0, angeles)
	return []quota.Kept{
		{Endpoint: "google", Model: "gemini-a", Known: quota.Known{Reset: reset, Used: 1}},
		{Endpoint: "google", Key: "0123456789abcdef", Model: "gemini-a", Known: quota.Known{Reset: reset, Learned: []quota.Learned{
			{Limit: quota.LimitRPM, Value: 600, At: now.Add(-3 * time.Minute)},
			{Limit: quota.LimitTPM, Value: 250_000, At: now.Add(-5 * time.Hour), Estimated: true},
		}}},
		{Endpoint: "google", Key: quota.GroupID("my project"), Model: "gemini-a", Known: quota.Known{Reset: reset, Used: 12, ParkedUntil: reset.UTC(), Learned: []quota.Learned{
			{Limit: quota.LimitRPD, Value: 1000, At: now.Add(-10 * time.Second)},
		}}},
		{Endpoint: "vertex:p/global", Model: "gemini-b", Known: quota.Known{Reset: reset, ParkedUntil: reset.UTC()}},
	}
}

// The text is a table, and the requests of the day stand beside its columns.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		kept := someLimits(now)
		tests := []struct {
			name   string
			record interface{ String() string }
			want   string
		}{
			{"of several keys", Limits{Kept: kept}, `
gemini-a at google, key none
  1 request today
gemini-a at google, key 01234567
  600 rpm      named by the server  3 min ago
  250,000 tpm  estimated            5 h ago
gemini-a at google, key group my project
  1,000 rpd  named by the server  10 s ago
  12 requests today, used up until 2026-11-29 00:00 PST
gemini-b at vertex:p/global, key none
  used up until 2026-11-29 00:00 PST
`},
			{"of one key", Limits{Kept: kept[2:]}, `
gemini-a at google
  1,000 rpd  named by the server  10 s ago
  12 requests today, used up until 2026-11-29 00:00 PST
gemini-b at vertex:p/global
  used up until 2026-11-29 00:00 PST
`},
			{"nothing", Limits{}, `
Nothing is kept about limits: no run has learned one in the last 24 hours, or
counted requests today.
`},
			{"nothing of a model", Limits{Model: "gemini-c"}, `
Nothing is kept about the limits of gemini-c; genbatch limits shows what is kept
of all models.
`},
			{"forgotten", ForgottenLimits{kept[1:2]}, `
forgot: 600 rpm from the server's refusal (gemini-a at google)
forgot: 250000 tpm, estimated (gemini-a at google)
The requests of the day are kept.
`},
			{"forgotten of several keys", ForgottenLimits{kept[1:3]}, `
forgot: 600 rpm from the server's refusal (gemini-a at google, key 01234567)
forgot: 250000 tpm, estimated (gemini-a at google, key 01234567)
forgot: 1000 requests a day from the server's refusal (gemini-a at google, key
group my project)
The requests of the day are kept.
`},
			{"nothing forgotten", ForgottenLimits{}, `
There is no learned limit to forget. The requests of the day are kept.
`},
		}
		for _, tt := range tests {
			if got := "\n" + tt.record.String(); got != tt.want {
				t.Errorf("%s: the text is%s\nwant%s", tt.name, got, tt.want)
			}
		}
	})
}

func TestModelLimitsJSON(t *testing.T) {
	kept := someLimits(time.Date(2026, 11, 28, 20, 0, 0, 0, time.UTC))
	tests := []struct {
		record ModelLimits
		want   string // with white space
	}{
		{ModelLimits{Kept: &kept[0]}, `{
			"endpoint": "google",
			"key": "",
			"learned": [],
			"model": "gemini-a",
			"requests_today": 1,
			"type": "limits",
			"used_up_until": null
		}`},
		{ModelLimits{Kept: &kept[2], Forgotten: true}, `{
			"endpoint": "google",
			"key": "group my project",
			"learned": [{"limit": "rpd", "value": 1000, "at": "2026-11-28T19:59:50Z"}],
			"model": "gemini-a",
			"requests_today": 12,
			"type": "forgotten_limits",
			"used_up_until": "2026-11-29T08:00:00Z"
		}`},
	}
	for _, tt := range tests {
		got, err := json.Marshal(tt.record)
		if err != nil {
			t.Fatal(err)
		}
		if want := compact(t, tt.want); string(got) != want {
			t.Errorf("the JSON is\n%s\nwant\n%s", got, want)
		}
	}
}
