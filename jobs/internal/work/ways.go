package work

import (
	"slices"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// This file finds a row's answer by how many rows share its call. The answer to a row that is
// asked alone is kept under the fingerprint of its single request, and any other under one that
// is derived from it. A pilot, which asks the same rows in several ways, keeps its answers by
// the number of rows, and a run with this number takes them for its own.

// Way returns the list of the same rows as a pilot asks them with so many rows a call. l stays
// as it is.
func (l *List) Way(rowsPerCall int) *List {
	way := *l
	way.RowsPerCall, way.pilot = rowsPerCall, true
	return &way
}

// SetPiloted says in which numbers of rows a call pilots have asked. Then answers of other ways
// than the list's own count as [Item.Elsewhere], and are no orphans as long as their rows are
// there.
func (l *List) SetPiloted(rowsPerCall []int) { l.piloted = rowsPerCall }

// WithoutPilots returns a list for which answers of other ways are orphans, as they are to a run.
// has is false if pilots have asked nothing, and then it is l.
func (l *List) WithoutPilots() (list *List, has bool) {
	if len(l.piloted) == 0 {
		return l, false
	}
	list = new(*l)
	list.piloted = nil
	return list, true
}

// CountElsewhere returns how many answers the journal has to the rows of the input in other ways
// than the list's. It reads the input if there was a pilot.
func (l *List) CountElsewhere() (n int64, err error) {
	if len(l.piloted) == 0 {
		return 0, nil
	}
	for it, err := range l.All() {
		if err != nil {
			return n, err
		}
		n += int64(it.Elsewhere)
	}
	return n, nil
}

// shares reports whether a request can share its call as far as a list is concerned. One with
// media never does.
func shares(r *batch.Request, rowsPerCall int) bool { return rowsPerCall > 1 && len(r.Media) == 0 }

// fingerprints returns the fingerprints under which an answer to a row may be kept that shares
// its call with so many rows at most, from the first one to look at.
func fingerprints(single batch.Fingerprint, r *batch.Request, rowsPerCall int) []batch.Fingerprint {
	if !shares(r, rowsPerCall) {
		return []batch.Fingerprint{single}
	}
	shared := single.Shared()
	return []batch.Fingerprint{shared, shared.Piloted(rowsPerCall)}
}

// lookUp numbers the row, finds its result, and sets the fingerprint under which that is kept, or
// is to be. known is false if there is none.
func (p *pass) lookUp(it *Item) (known bool) {
	r := it.Request
	it.Single = r.Fingerprint
	own := fingerprints(it.Single, r, p.RowsPerCall)
	if p.pilot {
		own = own[len(own)-1:]
	}
	r.Fingerprint = own[0]
	r.Occurrence, it.Entry, known = p.results.Next(r.Fingerprint)
	for _, f := range own[1:] {
		if known {
			break
		}
		if it.Entry, known = p.results.Meet(f, r.Occurrence); known {
			r.Fingerprint = f
		}
	}
	if len(p.piloted) > 0 {
		it.Elsewhere = p.meetOthers(it)
	}
	return known
}

// meetOthers counts the answers to a row in other ways than the one that the list has found.
func (p *pass) meetOthers(it *Item) (n int) {
	for _, f := range p.otherWays(it) {
		if _, known := p.results.Meet(f, it.Request.Occurrence); known {
			n++
		}
	}
	return n
}

// otherWays returns the fingerprints under which an item may have answers in other ways.
func (l *List) otherWays(it *Item) (others []batch.Fingerprint) {
	all := []batch.Fingerprint{it.Single}
	if len(it.Request.Media) == 0 {
		shared := it.Single.Shared()
		all = append(all, shared)
		for _, rows := range l.piloted {
			if rows > 1 {
				all = append(all, shared.Piloted(rows))
			}
		}
	}
	return slices.DeleteFunc(all, func(f batch.Fingerprint) bool { return f == it.Request.Fingerprint })
}

// Others returns the identities under which the journal has answers to an item in other ways.
// There are [Item.Elsewhere] of them.
func (l *List) Others(it *Item) (ids []batch.ID) {
	if it.Elsewhere == 0 {
		return nil
	}
	for _, f := range l.otherWays(it) {
		if _, known := l.journal.Lookup(f, it.Request.Occurrence); known {
			ids = append(ids, batch.ID{Fingerprint: f, Occurrence: it.Request.Occurrence})
		}
	}
	return ids
}

// inWay returns the result that the journal has for an occurrence of an item's request when so
// many rows share a call, and its fingerprint.
func (l *List) inWay(it *Item, rowsPerCall, occurrence int) (f batch.Fingerprint, e journal.Entry, known bool) {
	for _, f := range fingerprints(it.Single, it.Request, rowsPerCall) {
		if e, known = l.journal.Lookup(f, occurrence); known {
			return f, e, true
		}
	}
	return it.Single, journal.Entry{}, false
}

// InWay returns an item as it is for a run with so many rows a call. The item must be of the list.
func (l *List) InWay(it Item, rowsPerCall int) Item {
	if it.Request == nil {
		return it
	}
	request := *it.Request
	if request.Fingerprint = it.Single; shares(&request, rowsPerCall) {
		request.Fingerprint = it.Single.Shared()
	}
	f, e, known := l.inWay(&it, rowsPerCall, request.Occurrence)
	if known {
		request.Fingerprint = f
	}
	it.Request, it.Entry = &request, e
	switch {
	case it.Fate == Copied || l.Dedupe && request.Occurrence > 0 && !known:
		it.Fate = Copied
	case !known:
		it.Fate = New
	default:
		it.Fate = (&pass{List: l}).fate(it.Row, e)
	}
	return it
}

// Piloted returns the result that a pilot with so many rows a call has for an item; see [List.Way].
// known is false if there is none.
func (l *List) Piloted(it *Item, rowsPerCall int) (e journal.Entry, known bool) {
	if it.Request == nil {
		return e, false
	}
	of := fingerprints(it.Single, it.Request, rowsPerCall)
	return l.journal.Lookup(of[len(of)-1], it.Request.Occurrence)
}
