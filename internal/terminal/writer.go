package terminal

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/term"
)

// A Writer writes text for people. It writes [Safe] text only, and may show some lines that
// change below it; see Show. A Writer is safe for concurrent use. Use NewWriter.
type Writer struct {
	mu    sync.Mutex
	w     io.Writer
	shown []string // the lines that change, as they are on the screen
	err   error    // the first of Write
}

// NewWriter returns a Writer over w. If w is a file that is a terminal, the Writer knows its
// size.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes text after it has made it safe. It takes away the lines that change first. A
// character must not be divided between two calls.
func (w *Writer) Write(text []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := io.WriteString(w.w, w.hidden()+Safe(string(text))); err != nil {
		if w.err == nil && !errors.Is(err, syscall.EPIPE) {
			w.err = err
		}
		return 0, err
	}
	return len(text), nil
}

// Err returns the first error of Write, for those who print many things and ask once. A
// reader that went away, such as head, has had what it wanted, and is none.
func (w *Writer) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Show shows lines below everything that was written. They take the place of those of the
// last call, and go away before other text is written. Each is cut to the terminal's width.
// Use it only on a terminal.
func (w *Writer) Show(lines ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.hidden()
	columns, _ := w.columns()
	for _, line := range lines {
		// The last column stays free: some terminals go to the next line after it.
		w.shown = append(w.shown, Line(line, columns-1))
	}
	_, _ = io.WriteString(w.w, text+strings.Join(w.shown, "\r\n")) // progress that cannot be seen does not matter
}

// Hide takes the lines away that Show shows.
func (w *Writer) Hide() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = io.WriteString(w.w, w.hidden())
}

// hidden returns what takes the shown lines away, and forgets them.
func (w *Writer) hidden() string {
	if len(w.shown) == 0 {
		return ""
	}
	// The terminal may have become narrower since they were written: then they take more
	// lines of it.
	columns, _ := w.columns()
	rows := 0
	for _, line := range w.shown {
		rows += max(1, (Width(line)+columns-1)/columns)
	}
	w.shown = nil
	return "\r" + strings.Repeat("\x1b[A", rows-1) + "\x1b[J"
}

// Columns returns how many columns the terminal has, and whether there is one that can move
// its cursor. Without one it is [Columns].
func (w *Writer) Columns() (columns int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.columns()
}

func (w *Writer) columns() (columns int, ok bool) {
	if !Is(w.w) {
		return Columns, false
	}
	columns, _, err := term.GetSize(int(w.w.(*os.File).Fd()))
	if err != nil || columns < 1 { // some say that they have none
		columns = Columns
	}
	return columns, true
}

// Send writes text as it is. A reader that goes away is no error, as for Err.
func Send(w io.Writer, text string) error {
	if _, err := io.WriteString(w, text); !errors.Is(err, syscall.EPIPE) {
		return err
	}
	return nil
}

// Is reports whether a file, of which a person types or reads the text, is a terminal.
func Is(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
