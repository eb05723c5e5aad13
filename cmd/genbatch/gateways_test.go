package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/jpeg" // for pictures of this format
	_ "image/png"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// picture checks that a file can be read as an image of the format and the size.
func picture(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "picture FILE FORMAT WIDTHxHEIGHT")
	img, format, err := image.Decode(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	if size := fmt.Sprintf("%dx%d", img.Bounds().Dx(), img.Bounds().Dy()); format != args[1] || size != args[2] {
		ts.Fatalf("%s is %s of %s, want %s of %s", args[0], format, size, args[1], args[2])
	}
}

// sound checks that a file is a WAV with 16-bit samples of one channel at the rate,
// that its sizes are true, and that it is not silent.
func sound(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "sound FILE RATE")
	b := []byte(ts.ReadFile(args[0]))
	var head struct {
		RIFF                         [4]byte
		Size                         uint32
		Form                         [8]byte
		FormatSize                   uint32
		Format, Channels             uint16
		Rate, BytesPerSecond         uint32
		BytesPerSample, BitsOfSample uint16
		Data                         [4]byte
		DataSize                     uint32
	}
	r := bytes.NewReader(b)
	ts.Check(binary.Read(r, binary.LittleEndian, &head))
	if string(head.RIFF[:]) != "RIFF" || string(head.Form[:]) != "WAVEfmt " || string(head.Data[:]) != "data" ||
		int(head.Size) != len(b)-8 || int(head.DataSize) != r.Len() || head.Format != 1 || head.Channels != 1 ||
		head.BitsOfSample != 16 || fmt.Sprint(head.Rate) != args[1] || head.BytesPerSecond != 2*head.Rate {
		ts.Fatalf("%s, of %d bytes, begins with %+v", args[0], len(b), head)
	}
	if len(bytes.Trim(b[len(b)-r.Len():], "\x00")) == 0 {
		ts.Fatalf("%s is silent", args[0])
	}
}

// shown finds what docs/gateways.md shows: blocks with a file's name, and commands.
var (
	shown   = regexp.MustCompile("(?ms)^```\\w+ (\\S+)\n(.*?)^```$")
	command = regexp.MustCompile(`(?m)^\$ (genbatch .*)$`)
)

// TestGatewayPages holds docs/gateways.md to the scripts: each job file that it
// shows is one that a script runs, each output what the script wants, to the byte,
// and each command a line of the script. Nothing that a script shows users is left
// out of the page.
func TestGatewayPages(t *testing.T) {
	page, err := os.ReadFile("../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	yescale, gptproto, found := strings.Cut(string(page), "\n## GPTProto")
	if !found {
		t.Fatal("the page has not both gateways")
	}
	for name, part := range map[string]string{"yescale": yescale, "gptproto": gptproto} {
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile("testdata/" + name + ".txtar")
			if err != nil {
				t.Fatal(err)
			}
			script := string(archive.Comment)
			files := make(map[string]string)
			for _, f := range archive.Files {
				files[f.Name] = string(f.Data)
			}

			blocks := make(map[string]bool)
			for _, m := range shown.FindAllStringSubmatch(part, -1) {
				blocks[m[1]] = true
				want, ok := files["want/"+m[1]]
				if !ok {
					want, ok = files[m[1]]
				}
				if !ok || m[2] != want {
					t.Errorf("the page shows %s as\n%s\nand the script has\n%s", m[1], m[2], want)
				}
			}
			commands := 0
			for _, m := range command.FindAllStringSubmatch(part, -1) {
				commands++
				if !regexp.MustCompile(`(?m)^exec (exits \d )?` + regexp.QuoteMeta(m[1]) + `$`).MatchString(script) {
					t.Errorf("the page has the command %q, and the script has not", m[1])
				}
			}
			if commands < 9 {
				t.Errorf("the page has %d commands, want one for each page of the gateway", commands)
			}
			for file := range files {
				if output, ok := strings.CutPrefix(file, "want/"); ok && !blocks[output] {
					t.Errorf("the page does not show %s", output)
				}
			}
		})
	}
}
