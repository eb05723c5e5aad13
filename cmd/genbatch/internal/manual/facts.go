package manual

// Exits returns what the exit codes mean.
func Exits() []Entry {
	return []Entry{
		{Name: "0", Text: "every row is ok"},
		{Name: "1", Text: "the run broke, for example at a full disk; once that is mended, the same command carries on"},
		{Name: "2", Text: "a mistake in the flags, the job file or the input; nothing was sent"},
		{Name: "3", Text: "the run has finished, and some rows are not ok; they are in the output with their status"},
		{Name: "4", Text: "the endpoint refuses every request (the key, the balance, the model), or does not answer"},
		{Name: "5", Text: "the quota of the day is used up, the deadline has come, or rows are left in batches (--detach); run the command again later"},
		{Name: "6", Text: "--max-cost is reached, or a model of unknown price has answered under it"},
		{Name: "7", Text: "another process runs this job"},
		{Name: "8", Text: "--max-failures is reached"},
		{Name: "9", Text: "compare: B does not pass --fail-under or --fail-on-regression"},
		{Name: "130", Text: "the run was interrupted; what was answered is safe"},
	}
}

// Variables returns the variables of the environment that are read beside those of the flags.
func Variables() []Entry {
	return []Entry{
		{Name: "GENBATCH_…", Text: "any flag of run: --max-cost is GENBATCH_MAX_COST. A flag overrides the environment, and the environment overrides the job file"},
		{Name: "GEMINI_API_KEY", Text: "the key for Google's own API; GOOGLE_API_KEY counts before it"},
		{Name: "GOOGLE_API_KEY", Text: "the key for Google's own API, or for Vertex AI in express mode"},
		{Name: "YESCALE_API_KEY", Text: "the key for --endpoint yescale"},
		{Name: "GPTPROTO_API_KEY", Text: "the key for --endpoint gptproto"},
		{Name: "GENBATCH_API_KEY", Text: "the key for an --endpoint that is a base URL; the key of one provider is never sent to another"},
		{Name: "GENBATCH_NATS_TOKEN", Text: "the token that NATS servers want, for serve and work; --nats-token-file names a file with it"},
		{Name: "GOOGLE_APPLICATION_CREDENTIALS", Text: "the file with the credentials for Vertex AI"},
		{Name: "GOOGLE_CLOUD_PROJECT", Text: "the project of Vertex AI, without --project"},
		{Name: "GOOGLE_CLOUD_LOCATION", Text: "the location of Vertex AI, without --location; GOOGLE_CLOUD_REGION comes after it"},
		{Name: "GOOGLE_GEMINI_BASE_URL", Text: "another address of Google's own API, without --base-url; GOOGLE_VERTEX_BASE_URL is that of Vertex AI"},
		{Name: "HTTPS_PROXY", Text: "the proxy for requests; HTTP_PROXY and NO_PROXY are obeyed too"},
		{Name: "OTEL_…", Text: "where traces and metrics are sent, as OpenTelemetry's SDK reads them; OTEL_SDK_DISABLED=true sends none"},
		{Name: "NO_COLOR", Text: "if it is set, no colours, as with --no-color"},
		{Name: "TERM", Text: "if it is dumb, progress is written in lines rather than as a bar"},
		{Name: "XDG_STATE_HOME", Text: "the folder under which learned limits are kept, and which jobs were run"},
		{Name: "HOME", Text: "the folder that ~ stands for, and in which ~/.local/state is; USERPROFILE on Windows"},
		{Name: "TMPDIR", Text: "where temporary files go"},
		{Name: "GOGC", Text: "how rarely memory is collected, for programs in Go; by itself genbatch chooses that by what it holds"},
	}
}

// Files returns the files that commands keep beside what they are told to write.
func Files() []Entry {
	return []Entry{
		{Name: "OUTPUT.genbatch", Text: "the state folder of a job: its journal with every answer, and what the next run needs to carry on. --state names another place"},
		{Name: "$XDG_STATE_HOME/genbatch", Text: "what runs leave about the limits of endpoints, keys and models, and where their jobs are; ~/.local/state/genbatch if the variable is not set"},
	}
}
