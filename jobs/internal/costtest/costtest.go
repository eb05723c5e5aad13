// Package costtest checks that totals keep what package cost promises.
package costtest

import (
	"testing"

	"github.com/genbatch/genbatch/jobs/cost"
)

// CheckBill fails the test if a division of the bill does not add up to the whole.
func CheckBill(t *testing.T, all *cost.Totals) {
	t.Helper()
	whole := all.Share()
	var endpoints, statuses cost.Share
	for _, s := range all.Bill.Endpoints {
		endpoints.Add(s)
	}
	for _, s := range all.Bill.Statuses {
		statuses.Add(s)
	}
	if endpoints != whole || statuses != whole {
		t.Errorf("the endpoints add up to %+v and the statuses to %+v, and all to %+v", endpoints, statuses, whole)
	}
	if parts := all.Bill.Parts.Total(); parts != whole.Cost {
		t.Errorf("the parts add up to %d, and all to %d", parts, whole.Cost)
	}
	if _, fee := all.SearchFees(); fee != all.Bill.Parts.Searches {
		t.Errorf("searches cost %d by model and %d by part", fee, all.Bill.Parts.Searches)
	}
	r := all.Bill.Retries
	if r.Cost > whole.Cost || r.Calls > whole.Calls || r.Unknown > whole.Unknown || r.Unreported > whole.Unreported || r.Most > whole.Most {
		t.Errorf("retries come to %+v of %+v", r, whole)
	}
}
