package live

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/genbatch/genbatch/jobs/report/internal/webpage"
	"github.com/genbatch/genbatch/jobs/spec"
)

//go:embed assets
var assets embed.FS

const (
	// pace is the time between two answers to a page that asks for what is new.
	pace = time.Second
	// patience is how long Close waits for answers that are under way.
	patience = 2 * time.Second
)

// policy lets the page use its own files alone, makes text that would become HTML or a script
// an error, and lets no other page frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// A Server serves the page of one job. Its methods may be called concurrently, and Close once.
type Server struct {
	address string // host and port
	token   string
	http    *http.Server
	closing chan struct{} // closed by Close
	served  chan error
}

// Listen serves the page on a loopback address such as "127.0.0.1:8080" until Close; with port
// 0 it takes a free port. Other addresses are refused with a [*spec.Error]. api answers what
// the page asks below /v1/, as package remote describes; it gets only requests of the page.
func Listen(address string, api http.Handler) (*Server, error) {
	if err := CheckAddress(address); err != nil {
		return nil, err
	}
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, spec.Errorf("name another port, or port 0 for a free one", "the page cannot be served: %w", err)
	}
	token := make([]byte, 16)
	rand.Read(token) // never fails
	s := &Server{
		address: l.Addr().String(), token: base64.RawURLEncoding.EncodeToString(token),
		closing: make(chan struct{}), served: make(chan error, 1),
	}
	s.http = &http.Server{Handler: s.guard(s.routes(api)), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { s.served <- s.http.Serve(l) }()
	return s, nil
}

// CheckAddress returns the [*spec.Error] with which Listen refuses an address that others than
// this machine can reach, or that is none.
func CheckAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if n, failed := strconv.Atoi(port); err != nil || failed != nil || n < 0 || n > 65535 {
		return spec.Errorf("write a host and a port, such as 127.0.0.1:8080", "the address of the page is %q", address)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip.IsLoopback() {
		return nil
	}
	local := "127.0.0.1:" + port
	return spec.Errorf("take "+local+"; to look from another machine, forward the port: ssh -L "+port+":"+local+" THIS-MACHINE",
		"the page would be served on %q, where others can reach it, and whoever reaches it might steer the run", address)
}

// Address returns the address of the page. Whoever knows it can steer the run.
func (s *Server) Address() string { return "http://" + s.address + "/#token=" + s.token }

// Close ends the server. Pages that are open get the run's last state first: answers under way
// have two seconds. The error says what went wrong while the page was served.
func (s *Server) Close() error {
	close(s.closing)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // a page that does not read is left
	}
	if err := <-s.served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// routes says what is served where.
func (s *Server) routes(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	serve := func(path, contentType, text string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType+"; charset=utf-8")
			_, _ = w.Write([]byte(text)) // the browser may have gone
		})
	}
	own := func(name string) string {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // a name that is not embedded: each of them is served in tests
		}
		return string(text)
	}
	serve("/{$}", "text/html", own("page.html"))
	serve("/base.css", "text/css", webpage.BaseCSS)
	serve("/uplot.css", "text/css", webpage.UPlotCSS)
	serve("/live.css", "text/css", own("live.css"))
	serve("/uplot.js", "text/javascript", webpage.UPlotJS)
	for _, name := range []string{"live.js", "view.js", "charts.js"} {
		serve("/"+name, "text/javascript", own(name))
	}
	mux.Handle("/v1/", s.authorized(s.paced(api)))
	return mux
}

// guard sets the headers of every answer, and refuses what no page of this server asks.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		switch {
		case !s.isOwnHost(r.Host):
			refuse(w, http.StatusForbidden, "this name does not belong to the page of a run: take the address that genbatch printed")
		case isForeign(r):
			refuse(w, http.StatusForbidden, "requests of other sites are refused: take the address that genbatch printed")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isOwnHost reports whether a request names this machine by itself. A name that someone else
// has made to mean this machine is refused, since pages of that name could ask here.
func (s *Server) isOwnHost(host string) bool {
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return false
	}
	return host == s.address || host == "localhost:"+port || host == "127.0.0.1:"+port || host == "[::1]:"+port
}

// isForeign reports whether a browser says that another site's page makes a request, by
// Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/) or by Origin. A link that leads to
// the page is none of these: it tells its site nothing, and terminals in browsers have them.
func isForeign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	isLink := r.Method == http.MethodGet && r.URL.Path == "/" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
	return !isLink
}

// authorized lets through what has the token.
func (s *Server) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, isBearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !isBearer || subtle.ConstantTimeCompare([]byte(given), []byte(s.token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, http.StatusUnauthorized, "the token is missing or wrong: take the whole address that genbatch printed")
			return
		}
		r.Header.Del("Authorization") // the run does not know it
		next.ServeHTTP(w, r)
	})
}

// paced holds the answers to pages that ask for what is new, so that each gets one a second.
// The server sets the pace, and not the page, because browsers stop the clocks of pages that
// nobody looks at; and Close lets go what is held, so that all pages see how the run ended.
func (s *Server) paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Query().Has("since") {
			select {
			case <-time.After(pace):
			case <-s.closing:
			case <-r.Context().Done():
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// refuse answers with an error as the page and programs read it.
func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text}) // the browser may have gone
}
