package batches

import (
	"strings"

	"github.com/genbatch/genbatch/internal/sim/faultvalue"
)

// An occasion is what a fault can hit.
type occasion int

const (
	onSetting  occasion = iota // nothing: it holds all the time
	onCall                     // any call of the batch API
	onUpload                   // the end of an upload
	onCreate                   // a call that makes a job
	onPoll                     // a call that asks for one job
	onList                     // a call that lists jobs
	onDownload                 // a call for a result file
	onJob                      // a job that was made
	onRow                      // a row of a job
)

// A FaultKind describes a way to fail.
type FaultKind struct {
	Name string
	Help string // one line
}

type kind struct {
	name  string
	at    occasion
	check func(string) error // says what is wrong with a value; nil for a kind that takes none
	help  string
}

var kinds = []kind{
	{"lostcreate", onCreate, nil, "the job is made, and the connection breaks before the reply"},
	{"create500", onCreate, nil, "the job is made, and answered with 500"},
	{"create503", onCreate, nil, "the job is made, and answered with 503"},
	{"refuse503", onCreate, nil, "503, and no job"},
	{"create400", onCreate, nil, "400 that names no row, and no job"},
	{"create404", onCreate, nil, "404, as for a file of another project"},
	{"create429", onCreate, faultvalue.CheckDuration, "429 with nothing but a link, and again for =DURATION (0)"},
	{"createchat", onCreate, nil, "200 with an answer, as from a gateway that has no batches"},
	{"createempty", onCreate, nil, "200 with an empty body, likewise"},
	{"slowcreate", onCreate, faultvalue.CheckDuration, "the reply takes =DURATION (2s) longer"},
	{"enqueued", onSetting, checkInteger, "429 above =TOKENS (3000000) in the pending and running jobs of a model"},
	{"keepquota", onSetting, faultvalue.CheckDuration, "these tokens stay taken for =DURATION after a cancel"},

	{"nofile", onUpload, nil, "an upload is answered with 200 and no file"},
	{"processing", onUpload, faultvalue.CheckDuration, "an upload is PROCESSING for =DURATION (5s)"},
	{"storage", onSetting, checkInteger, "a project stores no more than =BYTES of files"},

	{"poll500", onPoll, nil, "500 to a poll"},
	{"poll503", onPoll, nil, "503 to a poll"},
	{"poll404", onPoll, nil, "404 to a poll, though the job is there"},
	{"pollreset", onPoll, nil, "a poll's connection breaks"},
	{"slowpoll", onPoll, faultvalue.CheckDuration, "a poll takes =DURATION (2s)"},
	{"unknownstate", onPoll, checkAny, "a poll finds the state =STATE (BATCH_STATE_REVIEWING)"},
	{"jobstate", onPoll, nil, "a poll finds the state spelled JOB_STATE_"},
	{"inline503", onSetting, checkInteger, "503 to each poll of a job with more than =BYTES of results in its description"},

	{"failed", onJob, checkInteger, "the job ends FAILED with =CODE (13)"},
	{"expired", onJob, nil, "the job ends EXPIRED, at the time at which it would have succeeded"},
	{"stuck", onJob, checkAny, "the job is pending until it expires after 48 hours; with =MODEL, if it is of this model"},
	{"partial", onJob, nil, "a job that is cancelled, failed or expired has the results of the rows it had answered"},
	{"cancel1", onJob, nil, "a cancelled job has error code 1 instead of 13"},
	{"uncancelled", onJob, faultvalue.CheckDuration, "a cancelled job is found SUCCEEDED after =DURATION (1s)"},
	{"lateoutput", onJob, faultvalue.CheckDuration, "the job is SUCCEEDED for =DURATION (2s) before it shows its output"},
	{"frozen", onJob, nil, "the counts of a running job do not move"},
	{"shuffled", onJob, nil, "the results are in another order"},
	{"inline", onJob, nil, "the results of a file come in the job's description"},
	{"nometadata", onJob, nil, "results in the job's description lack their metadata"},
	{"importcode", onJob, checkInteger, "Vertex AI: the job ends FAILED with =CODE (9), before it answers a row"},
	{"exportcode", onJob, checkInteger, "Vertex AI: the job ends FAILED with =CODE (7), after it has answered all"},
	{"shards", onJob, checkInteger, "Vertex AI: the results are in =N (3) files"},
	{"nocounts", onJob, nil, "Vertex AI: the counts of the job are -1"},
	{"latecancel", onJob, faultvalue.CheckDuration, "Vertex AI: a cancelled job is CANCELLING for =DURATION (2s)"},

	{"rowcode", onRow, checkInteger, "the row is an error with the gRPC =CODE (13)"},
	{"rowstatus", onRow, checkInteger, "likewise, in a member status instead of error"},
	{"missing", onRow, nil, "the row is answered, and its result is missing"},
	{"twice", onRow, nil, "the row's result is there twice"},
	{"foreign", onRow, nil, "a result with a key that nobody sent comes after the row's"},
	{"nokey", onRow, nil, "the row's result has no key"},
	{"neither", onRow, nil, "the row's result has neither a response nor an error"},
	{"wrongjson", onRow, nil, "valid JSON that breaks the responseJsonSchema"},
	{"u2028", onRow, nil, "the row's result holds the line separator U+2028, as it is"},
	{"bigline", onRow, checkInteger, "the row's result is a line of =BYTES (64 MiB)"},

	{"truncated", onDownload, nil, "the connection breaks half way through the results"},
	{"short", onDownload, nil, "the results end half way, in order"},
	{"norange", onDownload, nil, "a Range is ignored"},
	{"download503", onDownload, nil, "503 instead of the results"},
	{"download404", onDownload, nil, "404 instead of the results"},
	{"retention", onSetting, faultvalue.CheckDuration, "results are kept for =DURATION (48h), not for six weeks"},

	{"list500", onList, nil, "500 to a list"},
	{"list503", onList, nil, "503 to a list"},
	{"listdelay", onSetting, faultvalue.CheckDuration, "lists do not show a job for =DURATION (5s) after it was made"},
	{"listpage", onSetting, checkInteger, "a page of a list has no more than =N (1) jobs"},

	{"revoked", onCall, nil, "the key of the call is revoked, for all calls"},
}

// FaultKinds lists the faults that ParseFaults knows.
func FaultKinds() []FaultKind {
	list := make([]FaultKind, len(kinds))
	for i, k := range kinds {
		list[i] = FaultKind{k.name, k.help}
	}
	return list
}

func findKind(name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	return nil
}

func kindNames() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}
