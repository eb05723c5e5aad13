package mirror

import (
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/batch/journal"
)

// importGroup is how many results are imported with one sync.
const importGroup = 256

// An identity tells results apart: no two of a row end in the same moment.
type identity struct {
	row        batch.Fingerprint
	occurrence int
	at         time.Time
}

func identityOf(r *batch.Result) identity {
	return identity{r.Fingerprint, r.Occurrence, r.At.UTC().Round(0)}
}

// Imported is what [Copy.Import] has found in a folder.
type Imported struct {
	Dir     string
	Results int64 // that the copy did not have
	Damaged int64 // that cannot be read, for which the folder is kept
}

// Import writes to the journal of the working folder what only the folders have that were moved
// aside. Results of rows that have been answered elsewhere, too, are kept beside the others: the one
// that is imported counts, as in any journal the later one does. A folder all of whose results are
// in the journal is removed, but for what tells which output this machine has written.
func (c *Copy) Import(j *journal.Journal) (all []Imported, err error) {
	if c == nil {
		return nil, nil
	}
	for len(c.mark.Aside) > 0 {
		name := c.mark.Aside[0]
		one := Imported{Dir: filepath.Join(filepath.Dir(c.dir), name)}
		if one.Results, one.Damaged, err = importFrom(j, one.Dir); err != nil {
			return all, err
		}
		c.mark.Aside = c.mark.Aside[1:]
		if err := writeMark(c.fs, c.dir, &c.mark); err != nil {
			return all, err
		}
		if one.Damaged == 0 {
			if err := clearAside(one.Dir); err != nil {
				return all, err
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// Pending reports whether there is something to import.
func (c *Copy) Pending() bool { return c != nil && len(c.mark.Aside) > 0 }

// clearAside removes what is imported. Two files stay, by which an output is known as the job's.
func clearAside(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := e.Name(); name != "manifest.json" && name != "next.json" {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrExist) && !notEmpty(dir) {
		return err
	}
	return nil
}

func notEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// importFrom writes to a journal the results of another one that it lacks.
func importFrom(j *journal.Journal, dir string) (imported, damaged int64, err error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil // it was removed
	}
	old, err := journal.Open(journal.Config{Dir: dir, ReadOnly: true})
	if err != nil {
		return 0, 0, err
	}
	defer old.Close()
	missing, err := missingIn(j, old)
	if err != nil || len(missing) == 0 {
		return 0, int64(len(old.Damage())), err
	}
	var group []*batch.Result
	flush := func() error {
		err := j.Write(group)
		imported += int64(len(group))
		group = group[:0]
		return err
	}
	for r, err := range journal.Readable(old) {
		if err != nil {
			return imported, 0, err
		}
		if !missing[identityOf(r)] {
			continue
		}
		delete(missing, identityOf(r)) // of two that cannot be told apart one is enough
		if group = append(group, r); len(group) == importGroup {
			if err := flush(); err != nil {
				return imported, 0, err
			}
		}
	}
	return imported, int64(len(old.Damage())), flush()
}

// missingIn returns the results of a journal that another one does not have. Both began as one, so
// that mostly they have a long beginning in common, which takes no memory.
func missingIn(j, old *journal.Journal) (map[identity]bool, error) {
	next, stop := iter.Pull2(journal.Readable(j))
	defer stop()
	missing := make(map[identity]bool)
	common := true
	for r, err := range journal.Readable(old) {
		if err != nil {
			return nil, err
		}
		if common {
			n, err, ok := next()
			if err != nil {
				return nil, err
			}
			if common = ok && identityOf(n) == identityOf(r); common {
				continue
			}
		}
		missing[identityOf(r)] = true
	}
	// All of j is looked at again, since an import that was cut off has left some anywhere in it.
	if len(missing) == 0 {
		return nil, nil
	}
	for r, err := range journal.Readable(j) {
		if err != nil {
			return nil, err
		}
		delete(missing, identityOf(r))
	}
	return missing, nil
}
