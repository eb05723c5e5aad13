package output

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/genbatch/genbatch/batch/gemini"
	"github.com/genbatch/genbatch/internal/durable"
	"github.com/genbatch/genbatch/internal/store"
	"github.com/genbatch/genbatch/jobs/spec"
)

// filesDir returns the folder for the images and sounds of an output: labels_files beside
// labels.parquet.
func filesDir(output string) string {
	name := filepath.Base(output)
	for _, ext := range []string{".gz", ".zst"} {
		name = strings.TrimSuffix(name, ext)
	}
	return filepath.Join(filepath.Dir(output), strings.TrimSuffix(name, filepath.Ext(name))+"_files")
}

// filesMark is the name of the file by which genbatch knows such a folder as its own.
const filesMark = ".genbatch"

// fileName matches the names that a filer gives: the number of the row and, from the
// second file of an answer on, its place in the answer.
var fileName = regexp.MustCompile(`^\d{6,}(-\d+)?\.[a-z0-9]+$`)

// RemoveTemps removes temporary files that killed runs have left in the folder for the
// images and sounds of an output. The caller must hold the job's lock.
func RemoveTemps(output string) error {
	if store.IsAddress(output) {
		return nil // see CheckFiles
	}
	return durable.RemoveTemps(filesDir(output), func(name string) bool { return name == filesMark || fileName.MatchString(name) })
}

// A filer writes the images and sounds of answers into the folder of an output. Like the
// output, they are derived from the journal. So a file that already holds what it should
// is left alone, and a file that the output does not name is removed.
type filer struct {
	fs    durable.FS
	dir   string
	state string          // the job's state folder
	check bool            // compare files and change nothing
	made  bool            // the folder exists and has its mark
	stale map[string]bool // files of an earlier output that this one has not named so far
}

// newFiler looks at the folder of an output. It refuses a folder that is not genbatch's,
// or that is another job's: labels.csv and labels.parquet share one. With check or force
// it accepts any folder.
func newFiler(fsys durable.FS, output, state string, check, force bool) (*filer, error) {
	f := &filer{fs: fsys, dir: filesDir(output), state: state, check: check, stale: make(map[string]bool)}
	entries, err := os.ReadDir(f.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	const hint = "choose another --output, or use the folder with --force"
	if err != nil {
		return nil, spec.Errorf("choose another --output, whose files have another folder", "the answers' files cannot be written: %w", err)
	}
	mark, err := os.ReadFile(filepath.Join(f.dir, filesMark))
	switch {
	case check || force:
	case err != nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return !durable.IsTempOf(e.Name(), filesMark) }):
		return nil, spec.Errorf(hint, "the answers' files go to %s, which exists and is not genbatch's", f.dir)
	case err == nil && f.others(mark):
		return nil, spec.Errorf(hint, "the answers' files go to %s, which holds those of another job", f.dir)
	}
	for _, e := range entries {
		if fileName.MatchString(e.Name()) {
			f.stale[e.Name()] = true
		}
	}
	return f, nil
}

// markJob begins the line of the mark that names the job's state folder. The path is
// relative to the folder of the mark, so that both can be moved together.
const markJob = "job: "

// mark returns the content of the mark.
func (f *filer) mark() []byte {
	text := "The files here are answers. genbatch writes and removes them with the output beside this folder.\n"
	if rel, err := filepath.Rel(f.dir, f.state); err == nil {
		text += markJob + filepath.ToSlash(rel) + "\n"
	}
	return []byte(text)
}

// others reports whether a mark names the state folder of another job that still exists.
func (f *filer) others(mark []byte) bool {
	_, rest, named := strings.Cut(string(mark), "\n"+markJob)
	rel, _, _ := strings.Cut(rest, "\n")
	state := filepath.Join(f.dir, filepath.FromSlash(rel))
	return named && state != filepath.Clean(f.state) && durable.IsDir(state)
}

// A FileError says that a file of an answer is not what the journal has.
type FileError struct{ path, what string }

// Error says which file it is, and whether it is missing or different.
func (e *FileError) Error() string { return e.path + " " + e.what }

// put writes the files of a row's answer, and returns their paths from the output's
// folder on.
func (f *filer) put(row int64, files []answerFile) (paths []string, err error) {
	for i, file := range files {
		name := fmt.Sprintf("%06d", row)
		if i > 0 {
			name += "-" + strconv.Itoa(i+1)
		}
		name += file.ext
		if err := f.write(name, file.data); err != nil {
			return nil, err
		}
		delete(f.stale, name)
		paths = append(paths, filepath.ToSlash(filepath.Join(filepath.Base(f.dir), name)))
	}
	return paths, nil
}

// write writes a file, unless it already holds the data. If the filer checks, it only
// compares.
func (f *filer) write(name string, data []byte) error {
	path := filepath.Join(f.dir, name)
	if f.check || f.stale[name] {
		if err := compare(path, data); err == nil || f.check {
			return err
		}
	}
	if !f.made {
		if err := f.fs.MkdirShared(f.dir); err != nil {
			return err
		}
		if err := f.save(filepath.Join(f.dir, filesMark), f.mark()); err != nil {
			return err
		}
		f.made = true
	}
	return f.save(path, data)
}

// save replaces a file.
func (f *filer) save(path string, data []byte) error {
	w, err := f.fs.CreateShared(path)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}

// compare returns a *FileError unless the file holds data.
func compare(path string, data []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return &FileError{path, "is missing"}
	}
	if info.Size() == int64(len(data)) {
		if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
			return nil
		}
	}
	return &FileError{path, "is not as it was written"}
}

// tidy removes the files of an earlier output that this one does not name.
func (f *filer) tidy() error {
	if f.check {
		return nil
	}
	for name := range f.stale {
		if err := f.fs.Remove(filepath.Join(f.dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// An answerFile is an image or a sound of an answer.
type answerFile struct {
	ext  string // .png
	data []byte
	pcm  string // the MIME type of its raw samples; empty if the file came as it is
}

// filesOf returns the images and sounds of an answer. Raw samples become a WAV file, even
// if a stream brings them in pieces.
func filesOf(media []gemini.Media) ([]answerFile, error) {
	var files []answerFile
	for i := range media {
		data, err := media[i].Bytes()
		if err != nil {
			return nil, err
		}
		kind, params, _ := mime.ParseMediaType(media[i].MIMEType)
		last := len(files) - 1
		switch pcm := kind == "audio/l16" || kind == "audio/pcm"; {
		case pcm && last >= 0 && files[last].pcm == media[i].MIMEType:
			files[last].data = append(files[last].data, data...)
		case pcm:
			files = append(files, answerFile{".wav", append(wavHeader(params), data...), media[i].MIMEType})
		default:
			files = append(files, answerFile{ext: extension(kind), data: data})
		}
	}
	for _, f := range files {
		if f.pcm != "" {
			fillSizes(f.data)
		}
	}
	return files, nil
}

// extensions are the file extensions of the MIME types that models answer with. The table
// of the system is not used, because it differs from machine to machine.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "image/heic": ".heic", "image/svg+xml": ".svg",
	"audio/wav": ".wav", "audio/x-wav": ".wav", "audio/mpeg": ".mp3", "audio/mp3": ".mp3", "audio/ogg": ".ogg", "audio/flac": ".flac", "audio/aac": ".aac",
	"video/mp4": ".mp4", "application/pdf": ".pdf",
}

// extension returns the file extension of a MIME type.
func extension(kind string) string {
	if ext, ok := extensions[kind]; ok {
		return ext
	}
	return ".bin"
}

const wavHeaderLen = 44

// wavHeader returns the header of a WAV file with 16-bit samples, as the API sends
// them: audio/L16;codec=pcm;rate=24000, one channel, the low byte first (unlike RFC
// 2586, which gave the type its name). The sizes are filled in later.
// https://ai.google.dev/gemini-api/docs/speech-generation
func wavHeader(params map[string]string) []byte {
	number := func(name string, or uint32) uint32 {
		if n, err := strconv.ParseUint(params[name], 10, 31); err == nil && n > 0 {
			return uint32(n)
		}
		return or
	}
	rate, channels := number("rate", 24000), min(number("channels", 1), 255)
	h := []byte("RIFF....WAVEfmt ")
	h = binary.LittleEndian.AppendUint32(h, 16) // of the format that follows
	h = binary.LittleEndian.AppendUint16(h, 1)  // PCM
	h = binary.LittleEndian.AppendUint16(h, uint16(channels))
	h = binary.LittleEndian.AppendUint32(h, rate)
	h = binary.LittleEndian.AppendUint32(h, rate*channels*2)
	h = binary.LittleEndian.AppendUint16(h, uint16(channels*2))
	h = binary.LittleEndian.AppendUint16(h, 16) // bits
	return append(h, "data...."...)
}

// fillSizes fills in the sizes in the header of a WAV file.
func fillSizes(wav []byte) {
	binary.LittleEndian.PutUint32(wav[4:], uint32(len(wav)-8))
	binary.LittleEndian.PutUint32(wav[40:], uint32(len(wav)-wavHeaderLen))
}
