package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// A pty is a terminal, and the program that runs at it.
type pty struct {
	t       *testing.T
	master  *os.File
	program *exec.Cmd
	screen  chan string // what the program has written, when it has ended
	asks    chan struct{}
}

func ioctl(f *os.File, request uintptr, value unsafe.Pointer) error {
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(value)); e != 0 {
		return e
	}
	return nil
}

// atTerminal starts genbatch in a folder, with a terminal of its own.
func atTerminal(t *testing.T, dir string, args ...string) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var unlock, number int32
	if err := ioctl(master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlock)); err != nil {
		t.Fatal(err)
	}
	if err := ioctl(master, syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	c := exec.Command(os.Args[0])
	c.Args = append([]string{"genbatch"}, args...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = dir, slave, slave, slave
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "XDG_STATE_HOME="+dir)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &pty{t, master, c, make(chan string, 1), make(chan struct{}, 100)}
	go func() {
		var screen strings.Builder
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			screen.Write(buffer[:n])
			if text := screen.String(); strings.HasSuffix(text, ": ") {
				p.asks <- struct{}{}
			}
			if err != nil { // the program has ended, and with it its terminal
				p.screen <- strings.ReplaceAll(screen.String(), "\r", "")
				return
			}
		}
	}()
	return p
}

// types waits for a question, and types an answer.
func (p *pty) types(answer string) {
	p.t.Helper()
	select {
	case <-p.asks:
	case <-time.After(30 * time.Second):
		p.program.Process.Kill()
		p.t.Fatalf("no question is asked:\n%s", <-p.screen)
	}
	if _, err := p.master.WriteString(answer); err != nil {
		p.t.Fatal(err)
	}
}

// end waits for the program's end, and returns its exit code and what stands on the screen.
func (p *pty) end() (int, string) {
	p.t.Helper()
	screen := <-p.screen
	_ = p.program.Wait() // the exit code says it
	p.master.Close()
	return p.program.ProcessState.ExitCode(), screen
}

// At a terminal init asks, tells what is wrong with an answer, and asks again. Who leaves by
// Ctrl-C or Ctrl-D has written nothing.
func TestInitAtTerminal(t *testing.T) {
	var table strings.Builder
	table.WriteString("id,topic,body\n")
	for i := range 12 {
		fmt.Fprintf(&table, "r%d,%s,some words that tell about number %d\n", i, []string{"tea", "\x1b[31mcoffee"}[i%2], i)
	}
	for _, tt := range []struct {
		name    string
		answers []string
		code    int
		said    string
		want    []string // in the job file; nil if there is to be none
	}{
		{"proposals", []string{"\n", "\n", "\n", "\n", "\n"}, 0, "Wrote job.yaml", []string{"expected: topic\n", `"\u001B[31mcoffee":`}},
		{"answers", []string{"nonsense\n", "summarize\n", "bdoy\n", "body\n", "\n", "sum.jsonl\n"}, 0, `did you mean "body"?`, []string{"summarize:\n", "output: sum.jsonl\n"}},
		{"Ctrl-C", []string{"\n", "\x03"}, 130, "ended by the signal interrupt", nil},
		{"Ctrl-D", []string{"\n", "\x04"}, 2, "no file is written", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "in.csv"), []byte(table.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			p := atTerminal(t, dir, "init", "in.csv")
			for _, answer := range tt.answers {
				p.types(answer)
			}
			code, screen := p.end()
			if code != tt.code || !strings.Contains(screen, tt.said) || strings.Contains(screen, "\x1b") {
				t.Errorf("it ends with %d, and the screen shows\n%q\nwant %d and %q", code, screen, tt.code, tt.said)
			}
			job, err := os.ReadFile(filepath.Join(dir, "job.yaml"))
			if (err == nil) != (tt.want != nil) {
				t.Errorf("the job file: %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(string(job), want) {
					t.Errorf("the job file is\n%s\nwithout %q", job, want)
				}
			}
		})
	}
}
