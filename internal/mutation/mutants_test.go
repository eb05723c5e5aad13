package mutation

// A replacement is a mutant that is written down.
type replacement struct {
	name, file, from, to string // the file has the text from once
}

// replacements are the mutants that are no missing call of a sync.
var replacements = []replacement{
	// The syncs that are no calls which give an error alone.
	{"a whole file is not synced before its rename", "internal/durable/durable.go",
		`return f.fs.sync(OpSync, f.f.Name(), f.f.Sync)`, `return nil`},
	{"no sync reaches the system", "internal/durable/durable.go",
		`return really()`, `return nil`},
	{"fdatasync syncs nothing", "internal/durable/sync_linux.go",
		`serr = syscall.Fdatasync(int(fd))`, `serr = error(nil)`},

	// Order.
	{"a whole file gets its name before it is synced", "internal/durable/durable.go",
		`	err := f.fs.do(OpSync, f.path, func() error {`,
		`	if err := f.fs.do(OpRename, f.path, func() error { return os.Link(f.f.Name(), f.path+"-linked") }); err == nil {
		f.fs.do(OpRename, f.path, func() error { return f.fs.rename(f.path+"-linked", f.path) })
	}
	err := f.fs.do(OpSync, f.path, func() error {`},
	{"a result is written before its long answer", "batch/journal/journal.go",
		`	for _, b := range blobs {
		if err := j.writeBlob(b); err != nil {
			return false, err
		}
	}
	made := j.out == nil`,
		`	defer func() {
		for _, b := range blobs {
			if berr := j.writeBlob(b); err == nil {
				err = berr
			}
		}
	}()
	made := j.out == nil`},
	{"an output is not announced before it gets its name", "jobs/export.go",
		`return j.state.Announce(sum.Size, sum.SHA256)`, `return nil`},
	{"a batch job is created before its upload is recorded", "jobs/internal/batchjob/create.go",
		`	return c.note(j, batchstate.Uploaded)
}

// adopted`, `	return nil
}

// adopted`},
	{"stale segments are removed before their successors are synced", "batch/journal/generation.go",
		`	if err := j.removeBlobs(); err != nil {
		return err
	}
	for _, name := range stale {
		if err := j.config.FS.Remove(filepath.Join(j.config.Dir, name)); err != nil {
			return err
		}
	}`,
		`	for _, name := range stale {
		if err := j.config.FS.Remove(filepath.Join(j.config.Dir, name)); err != nil {
			return err
		}
	}
	if err := j.removeBlobs(); err != nil {
		return err
	}`},
	{"a torn end is cut without being kept", "batch/journal/journal.go",
		`return name, out.Commit()`, `return name, nil`},
	{"a torn end is not cut", "batch/journal/journal.go",
		`if err := out.Truncate(torn.offset); err != nil {`, `if false {`},

	// Sums.
	{"no sum of a line is checked", "internal/durable/sum.go",
		`return line[:n], string(line[n+len(sumField):len(line)-2]) == string(text[:])`, `return line[:n], true`},
	{"a result is read without its sum", "batch/journal/reader.go",
		`if l.body, l.ok = durable.VerifySum(l.text); !l.ok {`, `if l.body, _ = durable.VerifySum(l.text); l.body == nil {`},
	{"a long answer is read without its sum", "batch/journal/blob.go",
		`return data, compareBlob(name, sum[:])`, `_ = sum
	return data, nil`},
	{"a long answer is found without its sum", "batch/journal/blob.go",
		`return compareBlob(name, sum.Sum(nil))`, `return nil`},
	{"a shared answer is read without its sum", "batch/journal/answer.go",
		`body, ok := durable.VerifySum(text)`, `body, _ := durable.VerifySum(text)
	ok = true`},
	{"a row counts without the answer that it shares", "batch/journal/answer.go",
		`return id == answerID{} || ok && !p.lost`, `_ = p
	return id == answerID{} || ok || true`},
	{"a row shares an answer of another segment", "batch/journal/answer.go",
		`ok && !p.lost && j.out != nil && int(p.segment) == len(j.segments)-1`, `ok && !p.lost`},
	{"a row goes to another segment than the answer that it shares", "batch/journal/journal.go",
		`if j.out == nil && j.enc.borrowed {`, `if false {`},
	{"a line of the record of batch jobs is read without its sum", "jobs/internal/batchstate/store.go",
		`if !whole || !ok {`, `if !whole || !ok && !durable.HasSum(line) {`},
	{"an output is up to date whatever it holds", "jobs/internal/state/file.go",
		`return err == nil && sum == id.SHA256`, `return err == nil && sum != ""`},

	// Locks and places.
	{"a lock is never held by another process", "internal/durable/os_unix.go",
		`case errors.Is(err, syscall.EWOULDBLOCK):
		return f, true, nil`,
		`case errors.Is(err, syscall.EWOULDBLOCK):
		return f, false, nil`},
	{"a run takes no lock", "jobs/open.go",
		`if err := lock(j); err != nil {`, `if err := lock(j); false {`},
	{"pruning takes no lock", "jobs/prune.go",
		`if err := lock(j); err != nil {`, `if err := lock(j); false {`},
	{"an export takes no lock", "jobs/export.go",
		`if err := j.state.Lock(); err != nil {`, `if err := j.state.Lock(); false {`},
	{"a cancel takes no lock", "jobs/batches.go",
		`if err := lock(j); err != nil {`, `if err := lock(j); false {`},
	{"a lost lock is not noticed", "jobs/internal/state/guard.go",
		`if err := g.lock.InPlace(); err != nil {`, `if err := g.lock.InPlace(); false {`},
	{"a journal that was moved is not noticed", "batch/journal/journal.go",
		`err = errors.Join(j.out.InPlace(), j.out.SameSize())`, `err = j.out.SameSize()`},
	{"a journal that was cut is not noticed after a write", "batch/journal/journal.go",
		`err = errors.Join(j.out.InPlace(), j.out.SameSize())`, `err = j.out.InPlace()`},
	{"a journal that was changed is not noticed before a write", "batch/journal/place.go",
		`if err := unchanged(j); err != nil {
		return err
	}`, ``},
	{"the quota of the day is counted without a lock", "batch/quota/store.go",
		`l, err := s.FS.Lock(path)`, `l, err := s.FS.Lock(path + time.Now().String())`},

	// Copies of a state in an object store.
	{"the lease of a copy is taken while another process lives", "jobs/internal/mirror/lease.go",
		`if last.Ended || last.Folder == folder {`, `if folder != "" {`},
	{"two processes can begin the same term of a copy", "jobs/internal/mirror/commit.go",
		`objects.WriteOptions{New: true, Size: int64(len(text))}`, `objects.WriteOptions{Size: int64(len(text))}`},
	{"a lease lasts although nobody renews it", "jobs/internal/mirror/lease.go",
		`if c.lost == nil && time.Now().Round(0).Sub(c.renewed.Round(0)) > lapseAfter {`, `if false {`},
	{"a commit names a piece that was not copied", "jobs/internal/mirror/copy.go",
		`		return nil // this process has made it, in a round that failed later: what has its name has its bytes
	}
	return err`, `		return nil
	}
	return nil`},
	{"a commit names a round of pieces of which some are missing", "jobs/internal/mirror/copy.go",
		`	if err := c.renew(ctx, func(next *commit) {`, `	c.pieces = made.pieces
	if err := c.renew(ctx, func(next *commit) {`},
	{"a piece is removed as soon as others have taken it in", "jobs/internal/mirror/sweep.go",
		`time.Since(c.retired[0].at) >= retireAfter`, `time.Since(c.retired[0].at) >= 0`},
	{"a process that was held up removes pieces of a later one", "jobs/internal/mirror/sweep.go",
		`if p.epoch <= c.epoch && !slices`, `if !slices`},
	{"a batch job is created before the state is copied", "jobs/batches.go",
		`Before: j.copy.Sync,`, `Before: nil,`},
	{"the state is not copied at the end of a run", "jobs/copied.go",
		`failed := j.copy.SyncAtEnd(ctx)`, `failed := error(nil)`},

	// Rows that share a call.
	{"a request of a batch job is done if one of its rows is", "jobs/internal/batchjob/collect.go",
		`if len(done) == len(ids) {`, `if len(done) > 0 {`},
	{"rows of a batch job that was half applied are settled again", "jobs/internal/batchjob/settle.go",
		`return m.isDone(p.Request) })`, `return false })`},
	{"what was settled of a batch job counts in the next one", "jobs/internal/batchjob/collect.go",
		`	c.settler.done.Clear() // an earlier job's rows may have been asked again in this one
`, ``},
	{"rows that share requests of batch jobs have attempts without end", "jobs/internal/batchjob/collect.go",
		`row.History = earlier.History`, `_ = earlier`},
	{"a row's part of an answer is settled before it is checked", "jobs/internal/pack/model.go",
		`if strings.TrimSpace(own.Text) == "" || m.packer.Judge(row, &own) != nil {`, `if strings.TrimSpace(own.Text) == "" {`},

	// Errors that must be final.
	{"a failed write of an Appender is tried again", "internal/durable/durable.go",
		`	if a.err == nil {
		a.err = a.fs.do(op, a.f.Name(), f)
	}
	return a.err`, `	return a.fs.do(op, a.f.Name(), f)`},
	{"a failed write of a journal is tried again", "batch/journal/journal.go",
		`if j.err != nil || len(rs) == 0 {`, `if j.err = nil; len(rs) == 0 {`},
}
