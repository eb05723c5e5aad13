package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/record"
	"github.com/genbatch/genbatch/jobs/spec"
	"github.com/genbatch/genbatch/objects"
)

// This file holds what the folder does about an output that is an object.

// sumMeta is the name under which the SHA-256 of an output is kept beside its object. Nothing
// goes by it here, since programs copy it to what they write; it is for people and other tools.
const sumMeta = "genbatch_sha256"

// A Draft is an output on its way into an object store. Until it is whole it is a file of this
// machine, because a store takes an object in one go. It is for one goroutine.
type Draft struct{ file *os.File }

// NewDraft begins a draft in a folder. The caller must Remove it. What a killed process leaves of
// one, [Folder.RemoveTemps] removes.
func NewDraft(dir string) (*Draft, error) {
	f, err := os.CreateTemp(dir, draftFile+".tmp-*")
	if err != nil {
		return nil, err
	}
	return &Draft{f}, nil
}

// Write implements [io.Writer].
func (d *Draft) Write(p []byte) (int, error) { return d.file.Write(p) }

// Remove removes the draft's file.
func (d *Draft) Remove() {
	d.file.Close()
	os.Remove(d.file.Name()) // it takes space, and does no harm
}

// Send makes an object of what was written to the draft.
func (d *Draft) Send(ctx context.Context, address string, o objects.WriteOptions) (store.Info, error) {
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return store.Info{}, err
	}
	return store.Write(ctx, address, d.file, o)
}

// Meta returns what is kept beside the object of an output.
func Meta(sha256 string) map[string]string { return map[string]string{sumMeta: sha256} }

// Publish makes the job's output, which is an object, of a draft that is whole. These are steps 3
// and 4 of the protocol in the package comment. It replaces no object that is not the job's, also
// if that appears only now, unless force is set; the error is then an [*AppearedError].
func Publish(ctx context.Context, f *Folder, d *Draft, size int64, sha256 string, force bool) (FileID, error) {
	info, err := store.Stat(f.Output)
	there := err == nil && !info.Mode.IsDir()
	if err := allows(f, info, err, force); err != nil {
		return FileID{}, Appeared(err)
	}
	if there && !force {
		if err := acknowledge(f, info); err != nil {
			return FileID{}, err
		}
	}
	if err := f.Announce(size, sha256); err != nil {
		return FileID{}, err
	}
	o := objects.WriteOptions{Size: size, Meta: Meta(sha256), New: !there && !force}
	if there && !force {
		o.Over = info.Version
	}
	written, err := d.Send(ctx, f.Output, o)
	if err != nil && ctx.Err() == nil {
		// The store may have taken what it did not answer for.
		found, there := store.Stat(f.Output)
		switch id := (FileID{Size: size, SHA256: sha256}); {
		case there == nil && id.matches(f.Output, found):
			written, err = found, nil
		case errors.Is(err, fs.ErrExist):
			err = &AppearedError{Err: &record.OutputError{Path: f.Output, Why: "was replaced by another program meanwhile"}}
		}
	}
	if err != nil {
		return FileID{}, err
	}
	id := idOf(written)
	id.SHA256 = sha256
	return id, nil
}

// acknowledge writes into the manifest that the object which is there is the job's, if only its
// announcement says so: the next one takes the place of that, and may come to nothing.
func acknowledge(f *Folder, info store.Info) error {
	next, err := readNext(f.Dir)
	if err != nil || next.Size != info.Size {
		return nil
	}
	m, err := ReadManifest(f.Dir)
	if err != nil {
		m = new(Manifest)
	} else if m.Output.matches(f.Output, info) {
		return nil
	}
	m.LastSeq, m.Output = -1, idOf(info)
	m.Output.SHA256 = next.SHA256
	return f.WriteManifest(m)
}

// trialPatience is how long a store may take to say whether it can be written to.
const trialPatience = 2 * time.Minute

// TryOutput sees whether the object of the output can be written, before anything is paid for. It
// writes a small object beside it and removes that, which takes no right that the output does not
// take. It stays if it may not be removed.
func TryOutput(f *Folder) error {
	if !store.IsAddress(f.Output) {
		return nil // CheckPlace has seen to it
	}
	ctx, cancel := context.WithTimeout(context.Background(), trialPatience)
	defer cancel()
	const text = "genbatch has written this to see whether it may write here. It can be removed.\n"
	trial := f.Output + ".genbatch-trial"
	_, err := store.Write(ctx, trial, strings.NewReader(text), objects.WriteOptions{Size: int64(len(text))})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return spec.Errorf("make it first, or choose another --output", "the bucket of the output %s does not exist", f.Output)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the output %s cannot be written: %w; give the credentials the right to write there, or choose another --output", f.Output, err)
	case err != nil:
		return fmt.Errorf("the output %s cannot be written: %w; run again when the store can be reached, or choose another --output", f.Output, err)
	}
	_ = store.Remove(ctx, trial) // the right to remove is not needed otherwise
	return nil
}

// checkAddress is CheckPlace for an address.
func checkAddress(address string) error {
	_, _, key, err := objects.Split(address)
	switch {
	case err != nil:
		return spec.Errorf("name an object", "the output %w", err)
	case key == "" || strings.HasSuffix(key, "/"):
		return spec.Errorf("name an object in it", "the output %s is a folder", address)
	}
	ctx, cancel := context.WithTimeout(context.Background(), trialPatience)
	defer cancel()
	if _, _, err := objects.Open(ctx, address); err != nil {
		return spec.Errorf("", "the output %s cannot be written: %w", address, err)
	}
	if info, err := store.Stat(address); err == nil && info.Mode.IsDir() {
		return spec.Errorf("name an object in it", "the output %s is a folder", address)
	}
	return nil
}
