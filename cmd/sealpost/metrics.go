package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"time"
)

// scrapeTime bounds what one look at the numbers may cost.
const scrapeTime = 10 * time.Second

// metricsDoor serves numbers to Prometheus, /healthz and /readyz. It says how much of
// something there is and never of whom: labels are words of this program.
func (s *server) metricsDoor() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapeTime)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		w.Write(s.metrics(ctx))
	})
	mux.HandleFunc("GET /healthz", s.door.Healthz)
	mux.HandleFunc("GET /readyz", s.door.Readyz)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if !s.askedPlainly(r.Host) {
			http.Error(w, "ask by address, by the server's own hostname or by a name without dots", http.StatusMisdirectedRequest)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// askedPlainly lets a door without TLS be asked by an address, by our own name or by
// one of a single label, as machines of one network are: a page somewhere whose name
// was made to lead here (DNS rebinding) reads nothing.
func (s *server) askedPlainly(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return net.ParseIP(strings.Trim(host, "[]")) != nil || !strings.Contains(host, ".") || strings.EqualFold(host, s.settings.Hostname)
}

// metrics are all numbers of this moment.
func (s *server) metrics(ctx context.Context) []byte {
	e := new(exposition)
	for _, measure := range []func(context.Context, *exposition){
		measureProcess, s.measureState, s.measureKeys, s.measureDoors, s.measureInbound, s.measureSubmission, s.measureQueue, s.measureReports, s.measureNode, s.measureMove,
	} {
		measure(ctx, e)
	}
	return e.Bytes()
}

// An exposition is what Prometheus reads, in its text format 0.0.4.
type exposition struct {
	bytes.Buffer
	name string
}

// family begins the samples of one name. kind is counter, gauge or histogram.
func (e *exposition) family(name, kind, help string) {
	e.name = name
	e.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes one number. labels are names and values in turn.
func (e *exposition) sample(v float64, labels ...string) { e.suffixed("", v, labels...) }

func (e *exposition) suffixed(suffix string, v float64, labels ...string) {
	e.WriteString(e.name + suffix)
	for i := 0; i+1 < len(labels); i += 2 {
		e.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + labels[i] + `="` + labelValue.Replace(labels[i+1]) + `"`)
	}
	if len(labels) > 1 {
		e.WriteByte('}')
	}
	e.WriteString(" " + number(v) + "\n")
}

var labelValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// one is a family of a single number.
func (e *exposition) one(name, kind, help string, v float64) {
	e.family(name, kind, help)
	e.sample(v)
}

// count is a sample of a counter.
func (e *exposition) count(n int64, labels ...string) { e.sample(float64(n), labels...) }
