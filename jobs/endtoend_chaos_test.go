package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/sim"
	"github.com/genbatch/genbatch/jobs/internal/jobtest"
	"github.com/genbatch/genbatch/jobs/spec"
)

// A fate is what a row must come to under a fault.
type fate struct {
	fault  string // a directive of the simulator; "": none
	config string // generationConfig
	where  string // "": everywhere; google, gateway, unary, stream

	status   batch.Status
	finish   string
	attempts int
	known    int    // of these, how many reported usage
	cut      int    // and how many may have been billed and did not
	served   int    // answers that the server counts as such
	text     string // see below
	error    string // part of it
	note     string // all of it
}

// What a row's text may be, besides a text of its own.
const (
	wholeText  = "<whole>"  // the answer as it should be
	halfText   = "<half>"   // the first half of it
	startText  = "<start>"  // its first 20 bytes
	digestText = "<digest>" // its SHA-256
	noText     = ""
)

// Every row is given at most chaosAttempts, so that one that fails for good does so
// in seconds. It is one more than the most retries of any verdict.
const chaosAttempts = 4

// passes is the fate of a row whose fault is over after n attempts, of which known
// report usage and cut may have been billed.
func passes(fault string, n, known, cut, served int) fate {
	return fate{fault: fault, status: batch.OK, finish: "STOP", attempts: n + 1, known: known + 1, cut: cut, served: served + 1, text: wholeText}
}

// refused is the fate of a row that the API refuses, without a charge.
func refused(fault string, status batch.Status, attempts int, message string) fate {
	return fate{fault: fault, status: status, attempts: attempts, error: message}
}

// ended is the fate of a row whose every attempt is answered, with this finish reason.
func ended(fault, finish string, status batch.Status, attempts int, text string) fate {
	return fate{fault: fault, finish: finish, status: status, attempts: attempts, known: attempts, served: attempts, text: text}
}

func (f fate) on(where string) fate { f.where = where; return f }

func (f fate) with(config string) fate { f.config = config; return f }

func (f fate) noted(note string) fate { f.note = note; return f }

func (f fate) saying(message string) fate { f.error = message; return f }

func (f fate) charged(known, cut int) fate { f.known, f.cut = known, cut; return f }

func (f fate) servedBy(n int) fate { f.served = n; return f }

func (f fate) answering(text string) fate { f.text = text; return f }

const (
	warmer1   = "asked again after RECITATION, at temperature 1.3"
	warmer2   = "asked again after RECITATION, at temperature 1.5"
	roomier   = "asked again after an empty MAX_TOKENS answer, with maxOutputTokens 1224"
	streamed4 = "asked again after HTTP 504, as a stream"
	streamed5 = "asked again after HTTP 524, as a stream"
)

// fates is written by hand from the API's documentation and what is known of
// gateways, kind by kind: none of it is read off the classifier.
var fates = []fate{
	{status: batch.OK, finish: "STOP", attempts: 1, known: 1, served: 1, text: wholeText},
	{config: `{"maxOutputTokens":5}`, status: batch.Truncated, finish: "MAX_TOKENS", attempts: 1, known: 1, served: 1, text: "Row 0000 of the chao", error: "token limit"},

	// Refusals of one row.
	refused("400", batch.Rejected, 1, "HTTP 400: INVALID_ARGUMENT").on("google"),
	refused("400", batch.Rejected, 1, "HTTP 400: Request contains").on("gateway"),
	refused("400long", batch.Rejected, 1, "1048576"),
	refused("400long64k", batch.Rejected, 2, "65536"),
	passes("400long64kx1", 1, 0, 0, 0),
	refused("400media", batch.Rejected, 1, "Unable to process input image"),
	refused("400content", batch.Blocked, 1, "content policy"),
	refused("403file", batch.Rejected, 1, "it may not exist"),
	refused("413", batch.Rejected, 1, "HTTP 413"),
	refused("500word", batch.Blocked, 1, "sensitive words"),

	// Refusals that pass, or do not.
	passes("302x1", 1, 0, 0, 0),
	passes("403oddx1", 1, 0, 0, 0),
	passes("403oddx2", 2, 0, 0, 0),
	refused("403odd", batch.Failed, chaosAttempts, "HTTP 403"),
	passes("403robotx1", 1, 0, 0, 0),
	passes("404x1", 1, 0, 0, 0).on("gateway"),
	passes("408x1", 1, 0, 1, 0),
	passes("429x1=10ms", 1, 0, 0, 0),
	passes("429x2=10ms", 2, 0, 0, 0),
	passes("429barex1", 1, 0, 0, 0),
	passes("429emptyx1", 1, 0, 0, 0),
	passes("499x1", 1, 0, 1, 0),
	passes("500x1", 1, 0, 0, 0),
	refused("500", batch.Failed, chaosAttempts, "HTTP 500"),
	passes("500nestedx1", 1, 0, 0, 0),
	passes("500inner403x1", 1, 0, 0, 0),
	passes("500listx1", 1, 0, 0, 0),
	passes("500openaix2", 2, 0, 0, 0),
	passes("500plainx1", 1, 0, 0, 0),
	passes("502x2", 2, 0, 2, 0),
	passes("503x1", 1, 0, 0, 0),
	passes("503x2", 2, 0, 0, 0),
	refused("503", batch.Failed, chaosAttempts, "HTTP 503"),
	passes("503afterx1=1", 1, 0, 0, 0),
	passes("503busyx1", 1, 0, 0, 0),
	passes("503channelx1", 1, 0, 0, 0),
	refused("503channel", batch.Failed, chaosAttempts, "No available channel"),
	passes("504x1", 1, 0, 1, 0).noted(streamed4).on("unary"),
	passes("504x2", 2, 0, 2, 0).noted(streamed4).on("unary"),
	passes("504x1", 1, 0, 1, 0).on("stream"),
	passes("520x1", 1, 0, 1, 0),
	passes("522x1", 1, 0, 0, 0),
	passes("524x1", 1, 0, 1, 0).noted(streamed5).on("unary"),
	passes("524x1", 1, 0, 1, 0).on("stream"),
	refused("524", batch.Failed, chaosAttempts, "HTTP 524").charged(0, chaosAttempts).noted(streamed5).on("unary"),

	// Broken exchanges.
	passes("slow=100ms", 0, 0, 0, 0),
	passes("drip=20ms", 0, 0, 0, 0),
	passes("hangx1", 1, 0, 1, 0),
	passes("resetx1", 1, 0, 1, 0),
	passes("resetx2", 2, 0, 2, 0),
	passes("cutx1", 1, 0, 1, 0), // also in a stream, whose first event has told a running total
	refused("cut", batch.Failed, chaosAttempts, "broke off").charged(0, chaosAttempts).on("unary"),
	passes("shortx1", 1, 0, 1, 0).on("unary"),
	passes("shortx1", 1, 1, 0, 0).on("stream"),
	passes("giant=20000", 0, 0, 1, 0).charged(0, 1).servedBy(0).answering("the same again and "),

	// Answers with status 200 that are none.
	passes("htmlx1", 1, 0, 0, 0),
	passes("garbagex1", 1, 0, 1, 0),
	passes("nobodyx1", 1, 0, 1, 0),
	passes("nocandidatesx1", 1, 0, 1, 0),
	passes("commentsx1", 1, 0, 1, 0),
	passes("donex1", 1, 0, 1, 0),
	passes("errorbodyx1", 1, 0, 0, 0).on("unary"),
	passes("errorbodyx1", 1, 1, 0, 0).on("stream"),
	passes("emptyx1", 1, 1, 0, 0),
	passes("emptyx3", 3, 3, 0, 0),
	ended("empty", "STOP", batch.Empty, 4, noText).servedBy(0).saying("the answer is empty"),
	passes("emptypartsx1", 1, 1, 0, 0),
	ended("emptyparts", "STOP", batch.Empty, 4, noText).servedBy(0).saying("the answer is empty"),
	passes("thoughtsx2", 2, 2, 0, 0),
	passes("nofinishx1", 1, 1, 0, 0),
	ended("nofinish", "", batch.Truncated, 2, wholeText).servedBy(0).saying("may be incomplete"),

	// Answers that are odd.
	passes("nousage", 0, 0, 1, 0).charged(0, 1),
	passes("nologprobs", 0, 0, 0, 0), // only a job that takes its confidence from them asks for any
	passes("cached", 0, 0, 0, 0),
	passes("fenced", 0, 0, 0, 0).answering("```json\n" + wholeText + "\n```"),
	passes("trailing", 0, 0, 0, 0).answering(wholeText + "\n\nI hope this helps! " + startText),
	passes("digest", 0, 0, 0, 0).answering(digestText),
	passes("badschema", 0, 0, 0, 0).answering(`{"unexpected":true}`), // as good as any where there is no schema
	passes("flexbusy", 0, 0, 0, 0),                                   // they ask for no tier
	passes("downgrade", 0, 0, 0, 0),
	passes("leftout", 0, 0, 0, 0), // this and the next ones are of calls that rows share
	passes("twice", 0, 0, 0, 0),
	passes("foreign", 0, 0, 0, 0),
	passes("noarray", 0, 0, 0, 0),
	passes("invalid", 0, 0, 0, 0).answering(halfText + " I am not sure"),
	passes("answer=forty-two", 0, 0, 0, 0).answering("forty-two"),
	passes("version=gemini-2.5-flash-lite-001", 0, 0, 0, 0),

	// Blocks.
	ended("block", "", batch.Blocked, 1, noText).saying("PROHIBITED_CONTENT"),
	ended("block=SAFETY", "", batch.Blocked, 1, noText).saying("SAFETY"),
	ended("block=BLOCKLIST", "", batch.Blocked, 1, noText).saying("BLOCKLIST"),
	ended("block=IMAGE_SAFETY", "", batch.Blocked, 1, noText).saying("IMAGE_SAFETY"),
	ended("block=MODEL_ARMOR", "", batch.Blocked, 1, noText).saying("MODEL_ARMOR"),
	ended("block=JAILBREAK", "", batch.Blocked, 1, noText).saying("JAILBREAK"),
	ended("block=SOMETHING_NEW", "", batch.Blocked, 1, noText).saying("SOMETHING_NEW"),
	ended("block=OTHER", "", batch.Blocked, 2, noText).saying("OTHER"),
	passes("blockx1=OTHER", 1, 1, 0, 1),

	// Finish reasons.
	ended("safety", "SAFETY", batch.Blocked, 1, noText),
	ended("finish=SAFETY", "SAFETY", batch.Blocked, 1, wholeText),
	ended("finish=LANGUAGE", "LANGUAGE", batch.Blocked, 1, wholeText),
	ended("finish=BLOCKLIST", "BLOCKLIST", batch.Blocked, 1, wholeText),
	ended("finish=PROHIBITED_CONTENT", "PROHIBITED_CONTENT", batch.Blocked, 1, wholeText),
	ended("finish=SPII", "SPII", batch.Blocked, 1, wholeText),
	ended("finish=IMAGE_SAFETY", "IMAGE_SAFETY", batch.Blocked, 1, wholeText),
	ended("finish=IMAGE_PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", batch.Blocked, 1, wholeText),
	ended("finish=MODEL_ARMOR", "MODEL_ARMOR", batch.Blocked, 1, wholeText),
	ended("finish=ESCALATION", "ESCALATION", batch.Blocked, 1, wholeText),
	ended("recitation", "RECITATION", batch.Blocked, 3, halfText).noted(warmer1 + "; " + warmer2),
	passes("recitationx1", 1, 1, 0, 1).noted(warmer1),
	passes("recitationx2", 2, 2, 0, 2).noted(warmer1 + "; " + warmer2),
	ended("finish=IMAGE_RECITATION", "IMAGE_RECITATION", batch.Blocked, 2, wholeText),
	ended("finish", "OTHER", batch.Failed, 3, wholeText),
	passes("finishx2", 2, 2, 0, 2),
	ended("finish=MALFORMED_FUNCTION_CALL", "MALFORMED_FUNCTION_CALL", batch.Failed, 3, wholeText),
	passes("finishx1=MALFORMED_FUNCTION_CALL", 1, 1, 0, 1),
	passes("finishx2=MALFORMED_RESPONSE", 2, 2, 0, 2),
	ended("finish=UNEXPECTED_TOOL_CALL", "UNEXPECTED_TOOL_CALL", batch.Failed, 2, wholeText),
	passes("finishx1=TOO_MANY_TOOL_CALLS", 1, 1, 0, 1),
	ended("finish=IMAGE_OTHER", "IMAGE_OTHER", batch.Failed, 3, wholeText),
	passes("finishx1=NO_IMAGE", 1, 1, 0, 1),
	ended("finish=MISSING_THOUGHT_SIGNATURE", "MISSING_THOUGHT_SIGNATURE", batch.Rejected, 1, wholeText),
	ended("finish=CONTINUATION", "CONTINUATION", batch.Truncated, 1, wholeText),
	ended("finish=FINISH_REASON_UNSPECIFIED", "FINISH_REASON_UNSPECIFIED", batch.Truncated, 2, wholeText),
	ended("finish=SOMETHING_NEW", "SOMETHING_NEW", batch.Invalid, 1, wholeText),
	ended("maxtokens", "MAX_TOKENS", batch.Truncated, 1, noText).saying("raise maxOutputTokens"),
	ended("maxtokens", "MAX_TOKENS", batch.Truncated, 2, noText).with(`{"maxOutputTokens":200}`).noted(roomier),
	passes("maxtokensx1", 1, 1, 0, 1).with(`{"maxOutputTokens":200}`).noted(roomier),

	// Two faults after one another.
	passes("503x1]] [[sim:emptyx2", 2, 1, 0, 0),
	passes("nobodyx1]] [[sim:blockx2=OTHER", 2, 1, 1, 1),
	passes("maxtokensx1]] [[sim:503x2", 2, 0, 0, 0).with(`{"maxOutputTokens":200}`),
}

// A chaosRun is one run of all fates at one kind of endpoint.
type chaosRun struct {
	dialect sim.Dialect
	stream  bool

	fates []fate // by row
	texts []string
	log   bytes.Buffer
	stats sim.Stats
	spec  spec.Spec
	sum   *Summary
}

func (c *chaosRun) String() string {
	if c.stream {
		return string(c.dialect) + " stream"
	}
	return string(c.dialect)
}

func (c *chaosRun) takes(f fate) bool {
	switch f.where {
	case "google":
		return c.dialect == sim.Google
	case "gateway":
		return c.dialect != sim.Google
	case "unary":
		return !c.stream
	case "stream":
		return c.stream
	}
	return true
}

// text is a row's prompt; its number leads in the server's log, and the rest makes a
// stream of several events.
func chaosText(n int) string {
	return fmt.Sprintf("Row %04d of the chaos, and long enough to be streamed in several pieces.", n)
}

// prepare chooses the rows: each fate once, and two rows without a fault for each,
// in an order that is always the same.
func (c *chaosRun) prepare(dir, url string) error {
	for _, f := range fates {
		if c.takes(f) {
			c.fates = append(c.fates, f)
		}
	}
	for range 2 * len(c.fates) {
		c.fates = append(c.fates, fates[0])
	}
	rand.New(rand.NewPCG(4, 11)).Shuffle(len(c.fates), func(i, j int) { c.fates[i], c.fates[j] = c.fates[j], c.fates[i] })
	var b bytes.Buffer
	for n, f := range c.fates {
		text := chaosText(n)
		if f.fault != "" {
			text += " [[sim:" + f.fault + "]]"
		}
		c.texts = append(c.texts, text)
		body := fmt.Sprintf(`{"contents":[{"role":"user","parts":[{"text":%q}]}]`, text)
		if f.config != "" {
			body += `,"generationConfig":` + f.config
		}
		fmt.Fprintf(&b, `{"key":"row-%04d","request":%s}}`+"\n", n, body)
	}
	c.spec = spec.Spec{
		Input: spec.List{filepath.Join(dir, "in.jsonl")}, Output: filepath.Join(dir, "out.jsonl"),
		Model: "gemini-2.5-flash-lite", BaseURL: url, Endpoint: string(c.dialect), Raw: &spec.Raw{}, Stream: c.stream,
		Concurrency: 16, MaxAttempts: chaosAttempts, Timeout: 3 * time.Second,
	}
	return os.WriteFile(c.spec.Input[0], b.Bytes(), 0o600)
}

func (c *chaosRun) run(t *testing.T, dir string) error {
	server, _ := simulated(t, dir, sim.Config{Dialect: c.dialect, AnswerLog: &c.log, Latency: 5 * time.Millisecond})
	web := httptest.NewServer(server)
	defer web.Close()
	if err := c.prepare(dir, web.URL); err != nil {
		return err
	}
	j, err := Open(c.spec, Options{Env: func(string) string { return "key" }})
	if err != nil {
		return err
	}
	defer j.Close()
	begin := time.Now()
	if c.sum, err = j.Run(t.Context()); err != nil {
		return fmt.Errorf("the run ended: %w", err)
	}
	c.stats = server.Stats()
	t.Logf("%v: %d rows, %d requests, %v", c, len(c.fates), c.stats.Requests, time.Since(begin).Round(time.Millisecond))
	results := map[int64]*batch.Result{}
	for r, err := range j.journal.All() {
		if err != nil {
			return err
		}
		if results[r.Row] != nil {
			t.Errorf("%v: row %d has two results", c, r.Row)
		}
		results[r.Row] = r
	}
	c.check(t, results)
	return nil
}

var rowNumber = regexp.MustCompile(`Row (\d{4})`)

// check compares each row of the output, its result in the journal, and what the
// server says to have answered, with its fate.
func (c *chaosRun) check(t *testing.T, results map[int64]*batch.Result) {
	served := map[int]int{}
	for line := range bytes.Lines(c.log.Bytes()) {
		n, _ := strconv.Atoi(string(rowNumber.FindSubmatch(line)[1]))
		served[n]++
	}
	text, err := os.ReadFile(c.spec.Output)
	if err != nil {
		t.Errorf("%v: %v", c, err)
		return
	}
	n := 0
	for line := range bytes.Lines(text) {
		var row struct {
			Key, Response, Status, Error string
			FinishReason                 string      `json:"finish_reason"`
			Cost                         json.Number `json:"cost_usd"`
			Attempts                     int
		}
		if err := json.Unmarshal(line, &row); err != nil || row.Key != fmt.Sprintf("row-%04d", n) || n == len(c.fates) {
			t.Errorf("%v: line %d of the output is %s (%v)", c, n+1, line, err)
			return
		}
		f, r := c.fates[n], results[int64(n+1)]
		if r == nil {
			t.Errorf("%v: row %d is not in the journal", c, n+1)
			return
		}
		known, cut, cost := c.spent(t, n, r)
		got := fmt.Sprintf("%s %q %d attempts %d known %d cut %d served note %q", row.Status, row.FinishReason, row.Attempts, known, cut, served[n], r.Note)
		want := fmt.Sprintf("%s %q %d attempts %d known %d cut %d served note %q", f.status, f.finish, f.attempts, f.known, f.cut, f.served, f.note)
		if got != want || !strings.Contains(row.Error, f.error) || (row.Error == "") != (f.status == batch.OK) {
			t.Errorf("%v: %s %s:\n got %s, error %q\nwant %s, error with %q", c, f.fault, f.config, got, row.Error, want, f.error)
		}
		if answer := f.answer(n); row.Response != answer && !(strings.HasPrefix(f.fault, "giant") && strings.HasPrefix(row.Response, answer)) {
			t.Errorf("%v: %s: the answer is %.100q, want %q", c, f.fault, row.Response, answer)
		}
		if got, err := row.Cost.Float64(); (f.known > 0 || f.cut == 0) && (err != nil || got < cost*0.999999 || got > cost*1.000001) {
			t.Errorf("%v: %s: the row cost %v, want %v", c, f.fault, row.Cost, cost)
		}
		n++
	}
	if n != len(c.fates) || len(results) != n {
		t.Errorf("%v: %d rows in the output and %d in the journal, want %d", c, n, len(results), len(c.fates))
	}
	var broken int64
	for _, hits := range c.stats.Faults {
		broken += hits
	}
	if 3*broken < c.stats.Requests {
		t.Errorf("%v: %d of %d requests were broken, want a third", c, broken, c.stats.Requests)
	}
}

// spent counts a row's attempts that were charged, and what they cost at the list
// price of 0.10 and 0.40 dollars a million tokens. All of them had the same prompt.
func (c *chaosRun) spent(t *testing.T, n int, r *batch.Result) (known, cut int, cost float64) {
	for _, s := range r.Spent {
		if s.Usage == nil {
			cut++
			continue
		}
		known++
		if want := int64(len(c.texts[n])+3) / 4; s.Usage.PromptTokenCount != want {
			t.Errorf("%v: %s: %d prompt tokens, want %d", c, c.fates[n].fault, s.Usage.PromptTokenCount, want)
		}
		cached := float64(s.Usage.CachedContentTokenCount)
		cost += (0.10*(float64(s.Usage.PromptTokenCount)-cached) + 0.01*cached + 0.40*float64(s.Usage.CandidatesTokenCount+s.Usage.Thoughts())) / 1e6
	}
	return known, cut, cost
}

// answer is the text that row n must have.
func (f *fate) answer(n int) string {
	text := chaosText(n)
	switch {
	case f.fault == "" && f.config != "":
		return text[:len(f.text)]
	default:
		return strings.NewReplacer(wholeText, text, halfText, text[:len(text)/2], startText, text[:min(20, len(text))], digestText, jobtest.SHA256Of([]byte(text))).Replace(f.text)
	}
}

// A third of all requests is broken in every way that the simulator knows and that
// must not stop a run, at Google's API and at both gateways, called and streamed.
// Every row comes to what it must, none is lost, and none is answered twice.
func TestEndToEndChaos(t *testing.T) {
	long(t, "it waits for real timeouts and pauses")
	var all sync.WaitGroup
	for _, c := range []*chaosRun{
		{dialect: sim.Google}, {dialect: sim.Google, stream: true},
		{dialect: sim.YEScale}, {dialect: sim.GPTProto, stream: true},
	} {
		dir := t.TempDir()
		all.Go(func() {
			if err := c.run(t, dir); err != nil {
				t.Errorf("%v: %v", c, err)
			}
		})
	}
	all.Wait()
}
